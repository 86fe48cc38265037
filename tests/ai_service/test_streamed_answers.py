"""Streamed answers in each wire format: complete or no success, whatever happens to the stream."""

import asyncio
import gzip
from collections.abc import Mapping
from typing import Any

import pytest

from altlas_runner.ai_service import AiServiceClient, AiServiceConfig
from altlas_runner.ai_service.deltas import LONGEST_HELD, Deltas
from altlas_runner.execution import Outcome
from altlas_runner.results import Usage
from tests.ai_service.fault_server import (
    STREAM_HEAD,
    Behaviour,
    FaultServer,
    Request,
    answer,
    answer_json,
    attempt_for,
    event_stream,
    raw,
    reset_after,
)
from tests.ai_service.streams import STREAMS, Stream, event, piece, typed

every_format = pytest.mark.parametrize("protocol", STREAMS)


def ask(protocol: str, *behaviours: Behaviour, **config: Any) -> tuple[Outcome, str, list[Request]]:
    """The outcome of the last of as many attempts as there are behaviours; all that was told; the requests."""
    told: list[str] = []

    def emit(kind: str, fields: Mapping[str, Any]) -> None:
        assert kind == "delta"
        told.append(fields["text"])

    async def main() -> tuple[Outcome, str, list[Request]]:
        async with FaultServer(*behaviours) as server:
            settings = AiServiceConfig(base_url=server.url, protocol=protocol, use_streaming=True, **config)
            async with AiServiceClient(settings) as client:
                for _ in behaviours:
                    outcome = await client.attempt(attempt_for(emit=emit))
            return outcome, "".join(told), server.requests

    return asyncio.run(main())


@every_format
def test_a_complete_stream_is_the_answer_and_its_text_is_told(protocol: str) -> None:
    stream = STREAMS[protocol]
    outcome, told, (request,) = ask(protocol, event_stream(*stream.events))
    assert outcome.output == stream.output
    assert outcome.usage == (None if protocol == "altlas" else Usage(12, 3))
    assert told == stream.text
    assert request.json["stream"] is True
    assert request.headers["accept"] == "text/event-stream, application/json"
    assert request.headers["accept-encoding"] == "identity"


@every_format
@pytest.mark.parametrize("line_end", [b"\r\n", b"\r"], ids=["CRLF", "CR"])
def test_a_stream_in_single_bytes_with_other_line_ends_is_the_same(protocol: str, line_end: bytes) -> None:
    stream = STREAMS[protocol]
    content = b"\xef\xbb\xbf" + stream.whole.replace(b"\n", line_end)
    outcome, told, _ = ask(protocol, event_stream(*(bytes([byte]) for byte in content)))
    assert (outcome.output, told) == (stream.output, stream.text)


@every_format
def test_a_stream_that_is_packed_is_unpacked(protocol: str) -> None:
    stream = STREAMS[protocol]
    outcome, _, _ = ask(protocol, event_stream(gzip.compress(stream.whole), headers=b"Content-Encoding: gzip\r\n"))
    assert outcome.output == stream.output


@pytest.mark.slow
@every_format
@pytest.mark.parametrize("ends", [True, False], ids=["ended well", "broken off"])
def test_a_stream_cut_at_any_byte_is_truncated(protocol: str, ends: bool) -> None:
    """All but the last byte may be there: the terminal event counts when its empty line has come."""
    whole = STREAMS[protocol].whole

    async def main() -> None:
        cuts = [event_stream(whole[:size], ends=ends) for size in range(len(whole))]
        async with FaultServer(*cuts) as server:
            config = AiServiceConfig(base_url=server.url, protocol=protocol, use_streaming=True)
            async with AiServiceClient(config) as client:
                for size in range(len(whole)):
                    outcome = await client.attempt(attempt_for())
                    assert (outcome.error_code, outcome.retry) == ("AI_STREAM_TRUNCATED", "yes"), whole[:size]
                    assert outcome.output is None

    asyncio.run(main())


@every_format
def test_a_stream_reset_in_the_middle_is_truncated(protocol: str) -> None:
    half = STREAMS[protocol].events[1]
    outcome, _, _ = ask(protocol, reset_after(STREAM_HEAD + b"\r\n" + half))
    assert (outcome.error_code, outcome.retry) == ("AI_STREAM_TRUNCATED", "yes")


@every_format
def test_what_comes_behind_the_terminal_event_is_not_waited_for_and_spoils_nothing(protocol: str) -> None:
    stream = STREAMS[protocol]

    async def linger(writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD + b"\r\n" + stream.whole + event({"error": {"message": "too late"}}, "error"))
        await writer.drain()
        await asyncio.sleep(60)

    outcome, _, requests = ask(protocol, linger, event_stream(*stream.events), timeout_seconds=5)
    assert (outcome.output, len(requests)) == (stream.output, 2)


@every_format
def test_a_stream_that_ends_well_leaves_its_connection_to_the_next(protocol: str) -> None:
    ports: set[int] = set()

    async def remember(writer: asyncio.StreamWriter) -> None:
        ports.add(writer.get_extra_info("peername")[1])
        await event_stream(*STREAMS[protocol].events)(writer)

    ask(protocol, *[remember] * 4)
    assert len(ports) == 1


@every_format
def test_a_dripping_stream_ends_with_the_attempts_timeout(protocol: str) -> None:
    outcome, _, _ = ask(protocol, event_stream(*[b": x\n\n"] * 1000, pause=0.03), timeout_seconds=0.2)
    assert (outcome.error_code, outcome.retry) == ("AI_READ_TIMEOUT", "yes")


@every_format
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"event: delta\ndata: {\n\n", "not JSON"),
        (b"event: delta\ndata: nonsense\n\n", "not JSON"),
        (b'event: delta\ndata: {"a": NaN}\n\n', "not JSON"),
        (b'event: delta\ndata: {"a": 1e999}\n\n', "too large"),
        (b"event: delta\ndata: \xff\xfe\n\n", "not UTF-8"),
        ('event: delta\ndata: {"a": 1}\n\n'.encode("utf-16"), "not UTF-8"),
    ],
    ids=["cut JSON", "no JSON", "NaN", "overflow", "not UTF-8", "UTF-16"],
)
def test_an_event_that_cannot_be_read_is_a_bad_response(protocol: str, content: bytes, says: str) -> None:
    outcome, _, _ = ask(protocol, event_stream(content, STREAMS[protocol].whole))
    assert (outcome.error_code, outcome.retry) == ("AI_BAD_RESPONSE", "once")
    assert says in (outcome.error or "")


@every_format
@pytest.mark.parametrize("packed", [False, True])
def test_an_event_over_one_mebibyte_is_too_large(protocol: str, packed: bool) -> None:
    content = b"event: delta\ndata: " + b" " * (1 << 20)
    headers = b"Content-Encoding: gzip\r\n" if packed else b""
    outcome, _, _ = ask(protocol, event_stream(gzip.compress(content) if packed else content, headers=headers))
    assert (outcome.error_code, outcome.retry) == ("AI_TOO_LARGE", "no")
    assert outcome.error == "an event of the stream is larger than 1 MiB"


def test_a_stream_over_the_limit_of_a_body_is_too_large() -> None:
    content = gzip.compress((b": " + b"x" * 1021 + b"\n") * (33 << 10))
    outcome, _, _ = ask("altlas", event_stream(content, headers=b"Content-Encoding: gzip\r\n"))
    assert (outcome.error_code, outcome.error) == ("AI_TOO_LARGE", "the answer is larger than 32 MiB")


ERRORS = {
    '{"type": "overloaded_error", "message": "because"}': ("AI_UPSTREAM", "yes"),
    '{"type": "api_error", "message": "because"}': ("AI_UPSTREAM", "yes"),
    '{"type": "something_new", "message": "because"}': ("AI_UPSTREAM", "yes"),
    '{"type": "rate_limit_error", "message": "because"}': ("AI_RATE_LIMITED", "yes"),
    '{"type": "tokens", "code": "rate_limit_exceeded", "message": "because"}': ("AI_RATE_LIMITED", "yes"),
    '{"type": "insufficient_quota", "message": "because"}': ("AI_RATE_LIMITED", "no"),
    '{"type": "invalid_request_error", "message": "because"}': ("AI_HTTP_400", "no"),
    '{"type": "authentication_error", "message": "because"}': ("AI_HTTP_401", "no"),
    '{"code": 503, "message": "because"}': ("AI_UPSTREAM", "yes"),
    '{"code": "404", "message": "because"}': ("AI_HTTP_404", "no"),
    '{"code": 501, "message": "because"}': ("AI_HTTP_501", "no"),
    '"because"': ("AI_UPSTREAM", "yes"),
}


@every_format
@pytest.mark.parametrize("error", ERRORS)
def test_an_error_inside_the_stream_counts_by_its_type(protocol: str, error: str) -> None:
    stream = STREAMS[protocol]
    told_of = event(f'{{"type": "error", "error": {error}}}', "error")
    outcome, _, _ = ask(protocol, event_stream(*stream.events[:3], told_of, *stream.events[3:]))
    assert (outcome.error_code, outcome.retry) == ERRORS[error]
    assert (outcome.error or "").startswith("the service broke off with an error")
    assert "because" in (outcome.error or "")
    assert outcome.output is None


@pytest.mark.parametrize("text", ["boom", '"boom"', '{"message": "boom"}', '{"detail": "boom"}', '{"error": "boom"}'])
def test_an_event_named_error_is_one_whatever_it_holds(text: str) -> None:
    outcome, _, _ = ask("altlas", event_stream(event(text, "error")))
    assert (outcome.error_code, outcome.error) == ("AI_UPSTREAM", "the service broke off with an error: boom")


@every_format
def test_a_success_that_is_no_stream_is_read_as_usual(protocol: str) -> None:
    outcome, _, _ = ask(protocol, answer(200, "<title>Log in</title>", {"Content-Type": "text/html"}))
    assert (outcome.error_code, outcome.retry) == ("AI_BAD_RESPONSE", "once")
    assert "Log in" in (outcome.error or "")
    outcome, _, _ = ask(protocol, answer_json({"error": {"message": "slow down"}}, 429, {"Retry-After": "3"}))
    assert (outcome.error_code, outcome.retry_after) == ("AI_RATE_LIMITED", 3.0)


def test_a_stream_that_nobody_asked_for_is_no_answer() -> None:
    async def main() -> Outcome:
        async with (
            FaultServer(event_stream(*STREAMS["altlas"].events)) as server,
            AiServiceClient(AiServiceConfig(base_url=server.url)) as client,
        ):
            return await client.attempt(attempt_for())

    assert asyncio.run(main()).error_code == "AI_BAD_RESPONSE"


WRONG_SHAPES = {
    "altlas": [event({"text": 5}, "delta")],
    "openai": [
        event([]),
        event("5"),
        event({"choices": {}}),
        event({"choices": ["x"]}),
        event({"choices": [{"index": "0"}]}),
        event({"choices": [{"delta": "x"}]}),
        event({"model": 5}),
        event({"usage": []}),
        piece({"content": ["x"]}),
        piece({"tool_calls": {}}),
        piece({"tool_calls": ["x"]}),
        piece({"tool_calls": [{"index": 0, "function": {"arguments": {}}}]}),
    ],
    "anthropic": [
        event([], "message_start"),
        typed("message_start", message=[]),
        typed("content_block_start", index="0", content_block={}),
        typed("content_block_start", index=0, content_block="x"),
        typed("content_block_delta", index=0, delta=[]),
        typed("content_block_delta", index=0, delta={"type": "text_delta", "text": "x"}),
        typed("content_block_delta", index=0, delta={"type": "text_delta", "text": 5}),
        typed("message_delta", delta={}, usage=[]),
        typed("message_delta", delta=None),
    ],
}


@pytest.mark.parametrize(
    ("protocol", "wrong"), [(protocol, wrong) for protocol, events in WRONG_SHAPES.items() for wrong in events]
)
def test_an_event_of_the_wrong_shape_is_a_bad_response(protocol: str, wrong: bytes) -> None:
    outcome, _, _ = ask(protocol, event_stream(wrong, *STREAMS[protocol].events))
    assert (outcome.error_code, outcome.retry) == ("AI_BAD_RESPONSE", "once")


@pytest.mark.parametrize(
    ("protocol", "without"),
    [("openai", b'"finish_reason": "tool_calls"'), ("anthropic", b'"stop_reason": "tool_use"')],
)
def test_a_terminal_event_before_a_reason_to_end_is_a_truncated_stream(protocol: str, without: bytes) -> None:
    whole = STREAMS[protocol].whole
    assert without in whole
    outcome, _, _ = ask(protocol, event_stream(whole.replace(without, without.split(b":")[0] + b": null")))
    assert outcome.error_code == "AI_STREAM_TRUNCATED"


def test_tool_calls_that_nobody_counted_are_kept_apart() -> None:
    def call(name: str) -> dict[str, Any]:
        return {"id": f"id-{name}", "function": {"name": name, "arguments": "{}"}}

    events = [piece({"tool_calls": [call("a"), call("b")]}), piece({"tool_calls": [call("c")]}, "tool_calls")]
    outcome, _, _ = ask("openai", event_stream(*events, event("[DONE]")))
    assert [made["function"]["name"] for made in outcome.output["tool_calls"]] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("protocol", "events", "says"),
    [
        ("openai", [piece({"refusal": "I will "}), piece({"refusal": "not."}, "stop"), event("[DONE]")], "I will not."),
        ("openai", [piece({"content": "So"}, "content_filter"), event("[DONE]")], "held the answer back"),
        ("openai", [piece({"content": " "}, "stop"), event("[DONE]")], "empty"),
        ("anthropic", [typed("message_delta", delta={"stop_reason": "refusal"}), typed("message_stop")], "held"),
    ],
)
def test_a_complete_stream_without_an_answer_is_a_bad_response(protocol: str, events: list[bytes], says: str) -> None:
    outcome, _, _ = ask(protocol, event_stream(*events))
    assert (outcome.error_code, outcome.retry) == ("AI_BAD_RESPONSE", "once")
    assert says in (outcome.error or "")


# -- what is told while the answer comes -------------------------------------------------------------------------------


def test_a_key_echoed_in_pieces_is_told_nowhere() -> None:
    key = "sk-planted-1234567890"
    text = f"your key ({key}) is fine, {key}"
    pieces = [piece({"content": letter}) for letter in text]
    outcome, told, _ = ask("openai", event_stream(*pieces, piece({}, "stop"), event("[DONE]")), api_key=key)
    assert outcome.output["text"] == told == "your key ([redacted]) is fine, [redacted]"


def test_the_text_leaves_in_whole_words_and_what_has_no_words_leaves_as_it_comes() -> None:
    told: list[str] = []
    deltas = Deltas(lambda _, fields: told.append(fields["text"]))
    for part in ["Hel", "lo, wor", "ld ", "汉", "字", "x" * LONGEST_HELD, "y"]:
        deltas.add(part)
    assert told == ["Hello, ", "world ", "汉", "字", "x" * LONGEST_HELD + "y"]
    deltas.finish()
    assert len(told) == 5


def test_a_failed_attempt_may_have_told_a_part_and_gives_no_output() -> None:
    stream: Stream = STREAMS["openai"]
    outcome, told, _ = ask("openai", event_stream(*stream.events[:4], ends=False))
    assert (outcome.ok, outcome.output, told) == (False, None, stream.text)


def test_a_body_without_length_or_chunks_ends_with_the_connection() -> None:
    stream = STREAMS["altlas"]
    outcome, _, _ = ask("altlas", raw(STREAM_HEAD + b"\r\n", stream.whole))
    assert outcome.output == stream.output

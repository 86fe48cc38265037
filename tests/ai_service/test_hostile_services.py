"""Services that break HTTP itself, or never stop: a typed error, in bounded memory, beside other tasks."""

import asyncio
import gzip
import time
from collections.abc import Callable

import pytest

from altlas_runner.ai_service import AiServiceClient, AiServiceConfig
from altlas_runner.ai_service.body import parse_json
from altlas_runner.ai_service.effort import Effort
from altlas_runner.ai_service.failures import service_message
from altlas_runner.ai_service.response_schema import ResponseSchema
from altlas_runner.alt_file import Task
from altlas_runner.execution import Outcome
from tests.ai_service.fault_server import (
    STREAM_HEAD,
    Behaviour,
    FaultServer,
    answer,
    attempt_for,
    attempt_once,
    event_stream,
    raw,
)
from tests.ai_service.faults import a_bomb

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def without_end(head: bytes, piece: bytes) -> Behaviour:
    """Write the same bytes again and again until nobody takes them."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(piece)
            await writer.drain()

    return behave


@pytest.mark.parametrize(
    "behaviour",
    [
        raw(HEAD + b"".join(b"X-%d: y\r\n" % number for number in range(100_000)) + b"Content-Length: 2\r\n\r\n{}"),
        raw(HEAD + b"X: " + b"a" * 10_000_000 + b"\r\n\r\n{}"),
        without_end(HEAD, b"X: y\r\n" * 1000),
        without_end(HEAD + b"X: ", b"y" * 10_000),
        without_end(CHUNKED + b"2\r\n{}\r\n0\r\n", b"X: y\r\n" * 100),
        raw(CHUNKED + b"ffffffffffffffffff\r\n{}"),
        raw(CHUNKED + b"-2\r\n{}\r\n0\r\n\r\n"),
        raw(HEAD + b"Content-Length: 99999999999999999999\r\n\r\n{}"),
        raw(HEAD + b"Content-Length: -2\r\n\r\n{}"),
        raw(HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}1"),
        raw(HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
        raw(HEAD + b"X: a\x00b\r\nContent-Length: 2\r\n\r\n{}"),
        raw(b"HTTP/1.1 99999 X\r\nContent-Length: 2\r\n\r\n{}"),
        raw(b"HTTP/1.1 99 X\r\nContent-Length: 2\r\n\r\n{}"),
        raw(b"HTTP/1.1 204 No Content\r\n\r\n", then_close=False),
        raw(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00"),
        raw(b"{}"),
        answer(200, b"{}", {"Content-Encoding": "gzip, gzip"}),
        answer(200, b"[" * 100_000),
    ],
    ids=[
        "many headers",
        "a long header",
        "headers without end",
        "a header without end",
        "trailers without end",
        "a huge chunk",
        "a negative chunk",
        "a huge length",
        "a negative length",
        "two lengths",
        "length and chunks",
        "NUL in a header",
        "a status of five digits",
        "a status of two digits",
        "204",
        "HTTP/2",
        "HTTP/0.9",
        "packed twice",
        "deep JSON",
    ],
)
def test_what_bends_the_rules_of_http_is_a_bad_response_at_once(behaviour: Behaviour) -> None:
    outcome, _ = attempt_once(behaviour, timeout_seconds=30)
    assert (outcome.error_code, outcome.retry) == ("AI_BAD_RESPONSE", "once")
    assert len(outcome.error or "") <= 500


@pytest.mark.parametrize(
    "behaviour",
    [
        without_end(HEAD + b"\r\n", b" " * 60_000),
        answer(200, b"[" + b"[]," * 8_000_000 + b"1]"),
        answer(200, a_bomb(), {"Content-Encoding": "gzip"}),
    ],
    ids=["a body without end", "too many parts", "a bomb"],
)
def test_what_is_too_much_is_too_large_at_once(behaviour: Behaviour) -> None:
    outcome, _ = attempt_once(behaviour, timeout_seconds=30)
    assert (outcome.error_code, outcome.retry) == ("AI_TOO_LARGE", "no")


@pytest.mark.slow
@pytest.mark.parametrize(
    "behaviour",
    [
        without_end(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 10),
        without_end(CHUNKED + b"2;", b"x" * 1000),
        without_end(STREAM_HEAD + b"\r\n", b": still here\n" * 100),
        without_end(STREAM_HEAD + b"\r\n", b'event: delta\ndata: {"text": "xx"}\n\n' * 100),
    ],
    ids=["interim answers", "a chunk's extension", "comments", "deltas"],
)
def test_what_never_ends_ends_with_the_attempts_timeout(behaviour: Behaviour) -> None:
    outcome, _ = attempt_once(behaviour, timeout_seconds=0.3, use_streaming=True)
    assert outcome.error_code in ("AI_READ_TIMEOUT", "AI_TOO_LARGE")  # whatever comes first


@pytest.mark.slow
@pytest.mark.parametrize("streamed", [False, True])
def test_other_tasks_have_their_turn_while_much_is_unpacked(streamed: bool) -> None:
    deltas = gzip.compress(b'event: delta\ndata: {"text": "xx "}\n\n' * 200_000)
    behaviour = (
        event_stream(deltas, headers=b"Content-Encoding: gzip\r\n")
        if streamed
        else answer(200, a_bomb(), {"Content-Encoding": "gzip"})
    )
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def main() -> Outcome:
        async with FaultServer(behaviour) as server:
            config = AiServiceConfig(base_url=server.url, use_streaming=streamed, timeout_seconds=60)
            async with AiServiceClient(config) as client:
                other = asyncio.create_task(others())
                outcome = await client.attempt(attempt_for())
                other.cancel()
                return outcome

    assert asyncio.run(main()).error_code == ("AI_STREAM_TRUNCATED" if streamed else "AI_TOO_LARGE")
    assert turns > 100


def test_a_refusal_before_the_request_was_taken_is_heard() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 X\r\nContent-Length: 7\r\nConnection: close\r\n\r\ntoo big")
        await writer.drain()
        writer.close()

    async def main() -> Outcome:
        server = await asyncio.start_server(refuse, "127.0.0.1", 0)
        async with server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with AiServiceClient(AiServiceConfig(base_url=url)) as client:
                return await client.attempt(attempt_for(Task(id="t", description="x" * 5_000_000)))

    outcome = asyncio.run(main())
    assert (outcome.error_code, outcome.error) == ("AI_HTTP_413", "the service answered 413: too big")


@pytest.mark.parametrize(
    "read",
    [
        lambda: service_message(b"<title>" * 9_000, "text/html"),
        lambda: service_message(b"<title" * 10_000, "text/html"),
        lambda: service_message(b"<title>" + b" " * 60_000, "text/html"),
        lambda: parse_json(b'"' + (b"1" * 299 + b" ") * 7_000 + b'"'),
        lambda: asyncio.run(ResponseSchema({}, Effort()).checked(_said("```\n" + " " * 200_000), in_text=True)),
        lambda: asyncio.run(ResponseSchema({}, Effort()).checked(_said("```" * 100_000 + "\n"), in_text=True)),
    ],
    ids=["titles", "tags", "title", "digits", "fence", "fences"],
)
def test_no_text_keeps_whoever_reads_it_busy(read: Callable[[], object]) -> None:
    """Reading happens between the turns of other tasks, so it takes time in proportion to the length."""
    ResponseSchema({}, Effort())  # loads its library
    start = time.process_time()
    read()
    assert time.process_time() - start < 0.2


def _said(text: str) -> Outcome:
    return Outcome.completed({"text": text, "model": None, "finish_reason": "stop"})

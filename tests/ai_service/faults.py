"""What can go wrong with one request, each fault with the code that it must give."""

import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

from altlas_runner.ai_service.failures import BODY_LIMIT
from tests.ai_service.fault_server import (
    STREAM_HEAD,
    Behaviour,
    answer,
    answer_json,
    chunk,
    event_stream,
    hang,
    raw,
    reset,
    reset_after,
)
from tests.ai_service.streams import OUTPUT, STREAMS, event

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
CALLS = OUTPUT["tool_calls"]

ANSWERS: dict[str, Any] = {
    "altlas": STREAMS["altlas"].output,
    "openai": {
        "model": "m",
        "choices": [
            {"message": {"content": OUTPUT["text"], "tool_calls": CALLS}, "finish_reason": OUTPUT["finish_reason"]}
        ],
    },
    "anthropic": {
        "model": "m",
        "content": [
            {"type": "text", "text": OUTPUT["text"]},
            {"type": "tool_use", "id": "c1", "name": "look", "input": {"q": "ü"}},
        ],
        "stop_reason": "tool_use",
    },
}
"""The answers of `STREAMS` in one piece."""

STATUSES = {
    **dict.fromkeys((300, 301, 302, 303, 304, 307, 308), "AI_REDIRECT"),
    **{status: f"AI_HTTP_{status}" for status in (400, 401, 402, 403, 404, 405, 410, 413, 418, 422, 451)},
    **{status: f"AI_HTTP_{status}" for status in (501, 505, 506, 510, 511)},
    **dict.fromkeys((408, 500, 502, 503, 504, 507, 508, 520, 529, 599), "AI_UPSTREAM"),
    409: "AI_CONFLICT",
    425: "AI_TOO_EARLY",
    429: "AI_RATE_LIMITED",
}


@dataclass(frozen=True)
class Fault:
    """One way to misbehave.

    Attributes:
        name: for messages.
        behaviour: does it.
        code: the error code that the attempt must have.
    """

    name: str
    behaviour: Behaviour
    code: str


def complete(protocol: str, *, streamed: bool) -> Behaviour:
    """The answer as it should be."""
    return event_stream(*STREAMS[protocol].events) if streamed else answer_json(ANSWERS[protocol])


def a_fault(random: Random, protocol: str, *, streamed: bool) -> Fault:
    """Any fault that this kind of request can meet, streams often enough where it asks for one."""
    kinds = _STREAM_FAULTS if streamed and random.random() < 0.6 else _FAULTS
    name = random.choice([*kinds])
    behaviour, code = kinds[name](random, protocol)
    return Fault(name, behaviour, code)


_Maker = Callable[[Random, str], tuple[Behaviour, str]]


def _always(behaviour: Behaviour, code: str) -> _Maker:
    return lambda random, protocol: (behaviour, code)


def _a_status(random: Random, protocol: str) -> tuple[Behaviour, str]:
    status = random.choice([*STATUSES])
    headers = {"Location": "/elsewhere", **random.choice([{}, {"Retry-After": "0"}, {"retry-after-ms": "5"}])}
    if status == 304:
        return answer(status, b"", headers), STATUSES[status]
    body = random.choice([b"", b"<html>", b'{"error": {"message": "because"}}', b'{"error":', b"\xff"])
    return answer(status, body, headers), STATUSES[status]


def _a_cut_body(random: Random, protocol: str) -> tuple[Behaviour, str]:
    body = gzip.compress(b'{"text": "' + b"ab" * 500 + b'"}')
    cut = body[: random.randrange(len(body))]
    encoding = b"Content-Encoding: gzip\r\n"
    how = random.choice(
        [
            raw(HEAD + encoding + b"Content-Length: %d\r\n\r\n" % len(body) + cut),
            raw(HEAD + encoding + b"Content-Length: %d\r\n\r\n" % len(cut) + cut),
            raw(HEAD + encoding + b"Transfer-Encoding: chunked\r\n\r\n" + (chunk(cut) if cut else b"")),
            reset_after(HEAD + b"Content-Length: 50\r\n\r\n" + b"{}"[: random.randrange(3)]),
        ]
    )
    return how, "AI_TRUNCATED"


def _no_answer_in_it(random: Random, protocol: str) -> tuple[Behaviour, str]:
    bodies = [b"", b"<html>", b'{"text": "half', b"{} {}", b'{"n": NaN}', b'"\xff\xfe"', '{"a": 1}'.encode("utf-16")]
    headers: dict[str, str] = random.choice([{}, {"Content-Type": "text/html"}, {"Content-Encoding": "br"}])
    return answer(200, random.choice(bodies), headers), "AI_BAD_RESPONSE"


def _a_wrong_length(random: Random, protocol: str) -> tuple[Behaviour, str]:
    body = b'{"longer": "than promised"}'
    return raw(HEAD + b"Content-Length: %d\r\n\r\n" % random.randrange(1, len(body)) + body), "AI_BAD_RESPONSE"


@cache
def a_bomb() -> bytes:
    """Few bytes that unpack to more than a body may have."""
    packer = zlib.compressobj(9, wbits=31)
    return b"".join(packer.compress(b" " * (1 << 20)) for _ in range((BODY_LIMIT >> 20) + 1)) + packer.flush()


def _an_answer_too_large(random: Random, protocol: str) -> tuple[Behaviour, str]:
    if random.random() < 0.8:  # each takes a tenth of a second of CPU time
        return _no_answer_in_it(random, protocol)
    return answer(200, a_bomb(), {"Content-Encoding": "gzip"}), "AI_TOO_LARGE"


_FAULTS: dict[str, _Maker] = {
    "reset": _always(reset, "AI_CONNECT"),
    "close": _always(raw(b""), "AI_CONNECT"),
    "cut head": _always(reset_after(b"HTTP/1.1 20"), "AI_CONNECT"),
    "hang": _always(hang, "AI_READ_TIMEOUT"),
    "dripping head": _always(raw(*[bytes([byte]) for byte in HEAD * 50], pause=0.03), "AI_READ_TIMEOUT"),
    "dripping body": _always(
        raw(HEAD + b"Content-Length: 9000\r\n\r\n", *[b" "] * 2000, pause=0.03), "AI_READ_TIMEOUT"
    ),
    "no HTTP": _always(raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), "AI_BAD_RESPONSE"),
    "garbage in chunks": _always(
        raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b'8\r\n{"a": 1}\r\nnonsense\r\n\r\n', then_close=False),
        "AI_BAD_RESPONSE",
    ),
    "status": _a_status,
    "cut body": _a_cut_body,
    "wrong length": _a_wrong_length,
    "no answer in it": _no_answer_in_it,
    "bomb": _an_answer_too_large,
}


def _a_cut_stream(random: Random, protocol: str) -> tuple[Behaviour, str]:
    whole = STREAMS[protocol].whole
    cut = whole[: random.randrange(len(whole))]
    if random.random() < 0.3:
        return reset_after(STREAM_HEAD + b"\r\n" + cut), "AI_STREAM_TRUNCATED"
    return event_stream(cut, ends=random.random() < 0.5), "AI_STREAM_TRUNCATED"


def _an_error_inside(random: Random, protocol: str) -> tuple[Behaviour, str]:
    kind, code = random.choice(
        [
            ("overloaded_error", "AI_UPSTREAM"),
            ("rate_limit_error", "AI_RATE_LIMITED"),
            ("insufficient_quota", "AI_RATE_LIMITED"),
            ("invalid_request_error", "AI_HTTP_400"),
            ("something_new", "AI_UPSTREAM"),
        ]
    )
    events = STREAMS[protocol].events
    told = event({"type": "error", "error": {"type": kind, "message": "because"}}, "error")
    return event_stream(*events[: random.randrange(len(events))], told), code


def _a_broken_event(random: Random, protocol: str) -> tuple[Behaviour, str]:
    events = STREAMS[protocol].events
    broken = random.choice([b"event: delta\ndata: {\n\n", b"event: delta\ndata: \xff\n\n", b"\xfe\n\n"])
    return event_stream(*events[: random.randrange(len(events))], broken, *events), "AI_BAD_RESPONSE"


_STREAM_FAULTS: dict[str, _Maker] = {
    "cut stream": _a_cut_stream,
    "error inside": _an_error_inside,
    "broken event": _a_broken_event,
    "huge event": _always(event_stream(b"data: " + b" " * (1 << 20)), "AI_TOO_LARGE"),
    "stalled stream": _always(event_stream(b": x\n\n", *[b": still here\n\n"] * 1000, pause=0.03), "AI_READ_TIMEOUT"),
}

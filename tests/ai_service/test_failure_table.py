"""Every row of the failure table: which code, whether another attempt may help, how long to wait at least."""

import asyncio
import gzip
import json
import re
import socket
import ssl
import subprocess
import zlib
from pathlib import Path
from typing import Any

import pytest

from altlas_runner.ai_service import AiServiceClient, AiServiceConfig
from altlas_runner.execution import Outcome
from tests.ai_service.fault_server import (
    Behaviour,
    FaultServer,
    answer,
    answer_json,
    attempt_for,
    attempt_once,
    hang,
    raw,
    reset,
    reset_after,
)
from tests.needs import need_openssl

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def failure(behaviour: Behaviour, **config: Any) -> Outcome:
    outcome, _ = attempt_once(behaviour, **config)
    assert not outcome.ok
    assert outcome.output is None
    return outcome


def attempt_at(url: str, **config: Any) -> Outcome:
    async def main() -> Outcome:
        async with AiServiceClient(AiServiceConfig(base_url=url, **config)) as client:
            return await client.attempt(attempt_for())

    return asyncio.run(main())


# -- no answer ---------------------------------------------------------------------------------------------------------


def test_a_name_that_does_not_resolve() -> None:
    outcome = attempt_at("http://nowhere.invalid")
    assert (outcome.error_code, outcome.retry) == ("AI_DNS", "yes")
    assert "nowhere.invalid" in (outcome.error or "")


def test_a_refused_connection() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        outcome = attempt_at(f"http://127.0.0.1:{unused.getsockname()[1]}")
    assert (outcome.error_code, outcome.retry) == ("AI_CONNECT", "yes")


def test_a_connection_that_does_not_come_about_in_time() -> None:
    # Two connections fill the queue of a listener that takes none; the next one waits.
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}"
        outcome = attempt_at(url, connect_timeout_seconds=0.1)
    assert (outcome.error_code, outcome.retry) == ("AI_CONNECT_TIMEOUT", "yes")


@pytest.mark.parametrize(
    "behaviour", [reset, raw(b""), reset_after(b"HTTP/1.1 20")], ids=["reset", "close", "cut head"]
)
def test_a_connection_lost_before_the_headers(behaviour: Behaviour) -> None:
    outcome = failure(behaviour)
    assert (outcome.error_code, outcome.retry) == ("AI_CONNECT", "yes")


@pytest.mark.parametrize(
    "behaviour",
    [
        hang,
        raw(HEAD + b"Content-Length: 9000\r\n\r\n", *[b" "] * 2000, pause=0.03),
        raw(*[bytes([byte]) for byte in HEAD * 50], pause=0.03),
    ],
    ids=["silence", "dripping body", "dripping headers"],
)
def test_no_complete_answer_within_the_attempts_timeout(behaviour: Behaviour) -> None:
    outcome = failure(behaviour, timeout_seconds=0.2)
    assert (outcome.error_code, outcome.retry) == ("AI_READ_TIMEOUT", "yes")
    assert outcome.error == "no complete answer within 0.2 s"


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that nobody signed, with its key."""
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    key, crt = file.with_name("key.pem"), file.with_name("crt.pem")
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -keyout {key} -out {crt} -days 2 -subj /CN=127.0.0.1"
    need_openssl()
    subprocess.run([*command.split(), "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    file.write_text(key.read_text() + crt.read_text())
    return file


def attempt_over_tls(certificate: Path, **config: Any) -> Outcome:
    async def main() -> Outcome:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate)
        async with (
            FaultServer(answer_json({"fine": True}), tls=tls) as server,
            AiServiceClient(AiServiceConfig(base_url=server.url, **config)) as client,
        ):
            return await client.attempt(attempt_for())

    return asyncio.run(main())


def test_a_certificate_that_is_not_trusted(certificate: Path) -> None:
    outcome = attempt_over_tls(certificate)
    assert (outcome.error_code, outcome.retry) == ("AI_TLS", "no")


def test_a_certificate_of_the_configured_authority_is_trusted(certificate: Path) -> None:
    assert attempt_over_tls(certificate, ca_bundle=certificate).output == {"fine": True}


# -- an answer that is no success --------------------------------------------------------------------------------------

STATUSES = {
    **dict.fromkeys((300, 301, 302, 303, 304, 307, 308), ("AI_REDIRECT", "no")),
    **{status: (f"AI_HTTP_{status}", "no") for status in (400, 401, 402, 403, 404, 405, 410, 413, 418, 422, 451, 499)},
    **{status: (f"AI_HTTP_{status}", "no") for status in (501, 505, 506, 510, 511)},
    **dict.fromkeys((408, 500, 502, 503, 504, 507, 508, 520, 529, 599), ("AI_UPSTREAM", "yes")),
    409: ("AI_CONFLICT", "no"),
    425: ("AI_TOO_EARLY", "once"),
    429: ("AI_RATE_LIMITED", "yes"),
}


def test_every_status_has_its_code() -> None:
    async def main() -> dict[int, tuple[str | None, str]]:
        seen: dict[int, tuple[str | None, str]] = {}
        headers = {"Location": "http://127.0.0.1:1/elsewhere?token=x"}
        because = {"error": {"message": "because"}}
        behaviours = [
            answer(304, b"", headers) if status == 304 else answer_json(because, status, headers) for status in STATUSES
        ]
        async with (
            FaultServer(*behaviours) as server,
            AiServiceClient(AiServiceConfig(base_url=server.url)) as client,
        ):
            for status in STATUSES:
                outcome = await client.attempt(attempt_for())
                assert not outcome.ok
                assert str(status) in (outcome.error or "")
                assert "token" not in (outcome.error or "")
                seen[status] = (outcome.error_code, outcome.retry)
            assert len(server.requests) == len(STATUSES)  # no redirect was followed, no request sent twice
        return seen

    assert asyncio.run(main()) == STATUSES


def test_a_conflict_is_retried_when_the_service_says_so() -> None:
    assert failure(answer(409, headers={"x-should-retry": "true"})).retry == "yes"
    assert failure(answer(409, headers={"x-should-retry": "false"})).retry == "no"


@pytest.mark.parametrize("field", ["code", "type"])
def test_a_quota_that_is_gone_is_not_waited_for(field: str) -> None:
    outcome = failure(answer_json({"error": {field: "insufficient_quota", "message": "pay first"}}, 429))
    assert (outcome.error_code, outcome.retry) == ("AI_RATE_LIMITED", "no")
    assert "pay first" in (outcome.error or "")


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_retry_after_is_passed_on(status: int) -> None:
    assert failure(answer(status, headers={"Retry-After": "7"})).retry_after == 7.0


def test_an_error_whose_body_never_comes_is_known_by_its_status() -> None:
    outcome = failure(raw(b"HTTP/1.1 503 X\r\nContent-Length: 99\r\n\r\nbro"))
    assert (outcome.error_code, outcome.error) == ("AI_UPSTREAM", "the service answered 503: bro")


@pytest.mark.slow
def test_an_error_whose_body_drips_is_not_waited_for() -> None:
    pieces = [b"HTTP/1.1 400 X\r\nContent-Length: 9999\r\n\r\n", *[b"a"] * 1000]
    assert failure(raw(*pieces, pause=0.05), timeout_seconds=20).error_code == "AI_HTTP_400"


def test_a_compressed_error_is_read() -> None:
    body = gzip.compress(b'{"error": {"message": "too hot"}}')
    outcome = failure(answer(400, body, {"Content-Encoding": "gzip"}))
    assert outcome.error == "the service answered 400: too hot"


# -- a success that is none --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "it is empty"),
        (b"<html><head><title>Log &amp; in</title></head></html>", "Log & in"),
        (b'{"text": "half', "EOF"),
        (b'{"text": "a"} {"text": "b"}', "trailing"),
        (b"data: {}\n\n", "expected"),
        (b'{"n": NaN}', "expected"),
        (b'{"n": 1e999}', "too large"),
        (b'"\xff\xfe"', "unicode"),
        (b'"\\ud800"', "hex escape"),
        (b"[" * 100_000, "recursion"),
    ],
    ids=[
        "empty",
        "HTML",
        "cut JSON",
        "two documents",
        "event stream",
        "NaN",
        "overflow",
        "not UTF-8",
        "half a pair",
        "deep",
    ],
)
def test_a_2xx_that_is_not_json_is_a_bad_response(body: bytes, says: str) -> None:
    outcome = failure(answer(200, body))
    assert (outcome.error_code, outcome.retry) == ("AI_BAD_RESPONSE", "once")
    assert says in (outcome.error or "")


def test_an_answer_that_is_not_http_is_a_bad_response() -> None:
    outcome = failure(raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"))
    assert (outcome.error_code, outcome.retry) == ("AI_BAD_RESPONSE", "once")


@pytest.mark.parametrize("pause", [0.0, 0.05], ids=["at once", "in pieces"])
def test_chunks_that_break_the_rules_are_a_bad_response_and_not_waited_for(pause: float) -> None:
    pieces = [HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b'8\r\n{"a": 1}\r\n', b"nonsense\r\n\r\n"]
    pieces = pieces if pause else [b"".join(pieces)]
    outcome = failure(raw(*pieces, pause=pause, then_close=False), timeout_seconds=10)
    assert (outcome.error_code, outcome.retry) == ("AI_BAD_RESPONSE", "once")


def test_a_part_of_an_answer_is_a_bad_response() -> None:
    assert failure(answer_json({"half": 1}, 206)).error_code == "AI_BAD_RESPONSE"


def test_an_encoding_that_was_not_asked_for_is_a_bad_response() -> None:
    assert failure(answer(200, b"{}", {"Content-Encoding": "br"})).error_code == "AI_BAD_RESPONSE"


def test_bytes_that_do_not_decompress_are_a_bad_response() -> None:
    assert failure(answer(200, b"{}", {"Content-Encoding": "gzip"})).error_code == "AI_BAD_RESPONSE"


PACKED = gzip.compress(b'{"text": "' + b"ab" * 500 + b'"}')


@pytest.mark.parametrize(
    "behaviour",
    [
        raw(HEAD + b'Content-Length: 50\r\n\r\n{"whole": "but shorter than promised"}'),
        reset_after(HEAD + b'Content-Length: 50\r\n\r\n{"a"'),
        raw(HEAD + b'Transfer-Encoding: chunked\r\n\r\n8\r\n{"a": 1}\r\n'),
        answer(200, PACKED[:-9], {"Content-Encoding": "gzip"}),
    ],
    ids=["length", "reset", "no last chunk", "cut gzip"],
)
def test_a_body_shorter_than_promised_is_truncated_even_when_it_is_json(behaviour: Behaviour) -> None:
    outcome = failure(behaviour)
    assert (outcome.error_code, outcome.retry) == ("AI_TRUNCATED", "yes")


def test_a_body_over_the_limit_is_too_large() -> None:
    piece = b'"' + b"a" * (1 << 20)
    outcome = failure(raw(HEAD + b"Content-Length: 40000000\r\n\r\n", *[piece] * 38))
    assert (outcome.error_code, outcome.retry) == ("AI_TOO_LARGE", "no")


def test_a_gzip_bomb_is_too_large() -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(b" " * (1 << 20)) for _ in range(64)) + packer.flush()
    assert len(bomb) < 100_000
    outcome = failure(answer(200, bomb, {"Content-Encoding": "gzip"}))
    assert (outcome.error_code, outcome.retry) == ("AI_TOO_LARGE", "no")


# -- successes, for comparison -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [{"a": [1, 2.5, None, True]}, [], "text", 0, None, {"ü": "汉字 🎈"}])
def test_any_complete_json_is_an_output(value: Any) -> None:
    outcome, _ = attempt_once(answer_json(value))
    assert outcome.ok
    assert outcome.output == value


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress], ids=["gzip", "deflate"])
def test_a_compressed_answer_is_unpacked(pack: Any) -> None:
    encoding = "gzip" if pack is gzip.compress else "deflate"
    outcome, request = attempt_once(answer(200, pack(json.dumps([1] * 1000).encode()), {"Content-Encoding": encoding}))
    assert outcome.output == [1] * 1000
    assert request.headers["accept-encoding"] == "gzip, deflate"


def test_an_answer_of_several_mebibytes_is_an_output() -> None:
    value = ["x" * 1000] * 3000
    assert attempt_once(answer_json(value))[0].output == value


def test_a_chunked_answer_in_single_bytes_is_put_together() -> None:
    chunks = b"".join(b"1\r\n" + bytes([byte]) + b"\r\n" for byte in '{"a": "ü"}'.encode()) + b"0\r\n\r\n"
    outcome, _ = attempt_once(raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks))
    assert outcome.output == {"a": "ü"}


# -- what is said about it ---------------------------------------------------------------------------------------------


def test_every_code_stands_on_the_page_about_ai_services() -> None:
    root = Path(__file__).parent.parent.parent
    sources = [*(root / "src" / "altlas_runner" / "ai_service").glob("*.py"), root / "src/altlas_runner/execution.py"]
    codes = {code for source in sources for code in re.findall(r'"(AI_[A-Z_]+)', source.read_text())}
    page = (root / "docs" / "ai-services.md").read_text()
    assert len(codes) > 15
    assert [code for code in sorted(codes) if not re.search(rf"\b{code}(\b|…)", page)] == []

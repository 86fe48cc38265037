"""A key shows nowhere, not even when the service sends it back."""

import asyncio
import json
import logging
from random import Random
from typing import Any

import pytest

from altlas_runner.ai_service import AiServiceClient, AiServiceConfig
from altlas_runner.alt_file import Task
from altlas_runner.redaction import REDACTED
from altlas_runner.results import TaskResult
from altlas_runner.retrying import RetryPolicy
from tests.ai_service.fault_server import Behaviour, FaultServer, Request, answer, answer_json, attempt_for, raw, reset

KEY = "sk-planted-0123456789"


def execute(behaviour: Behaviour, **config: Any) -> tuple[TaskResult, Request]:
    async def main() -> tuple[TaskResult, Request]:
        async with FaultServer(behaviour) as server:
            settings = AiServiceConfig(**{"base_url": server.url, "api_key": KEY, **config})
            policy = RetryPolicy(max_retries=1, base_seconds=0.001)
            async with AiServiceClient(settings, random=Random(1), retry_policy=policy) as client:
                assert KEY not in repr(client) + repr(client.config) + str(vars(client))
                return await client.execute_task(Task(id="t", description="x")), server.requests[0]

    return asyncio.run(main())


ECHOES: dict[str, Behaviour] = {
    "error message": answer_json({"error": {"message": f"Incorrect API key provided: {KEY}."}}, 401),
    "HTML page": answer(500, f"<title>{KEY}</title>"),
    "plain text": answer(500, f"{KEY}{KEY}"),
    "cut in two by a control character": answer(500, f"key {KEY[:6]}\x00{KEY[6:]}"),
    "where the text is shortened": answer(500, "a" * 470 + KEY + "b" * 100),
    "redirect": answer(302, headers={"Location": f"http://127.0.0.1/{KEY}"}),
    "no JSON": answer(200, f"you sent {KEY}"),
    "no HTTP": raw(f"{KEY}\r\n\r\n".encode()),
    "chat without choices": answer_json({"error": KEY}),
    "output": answer_json({KEY: [f"Bearer {KEY}", {"deep": KEY}]}),
    "reset": reset,
}


@pytest.mark.parametrize("protocol", ["altlas", "openai"])
@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES.keys())
def test_an_echoed_key_is_in_no_result_and_no_log(
    echo: Behaviour, protocol: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    result, request = execute(echo, protocol=protocol)
    assert request.headers["authorization"] == f"Bearer {KEY}"
    written = repr(result) + caplog.text + "".join(capfd.readouterr())
    assert KEY not in written
    assert KEY[:12] not in written.replace(REDACTED, "")


def test_the_output_keeps_its_shape_around_what_was_removed() -> None:
    result, _ = execute(answer_json({"text": f"your key is {KEY}!", "n": 3}))
    assert result.output == {"text": f"your key is {REDACTED}!", "n": 3}


def test_secret_headers_and_query_parameters_are_sent_and_do_not_show() -> None:
    def echo() -> Behaviour:
        return answer_json({"error": "got header-secret-1 and query-secret-2"}, 400)

    result, request = execute(
        echo(), extra_headers={"X-Auth": "header-secret-1"}, extra_query={"sig": "query-secret-2", "v": "1"}
    )
    assert request.headers["x-auth"] == "header-secret-1"
    assert request.target == "/execute?sig=query-secret-2&v=1"
    assert "secret" not in repr(result)


def test_without_a_key_no_authorization_is_sent() -> None:
    _, request = execute(answer_json(1), api_key=None)
    assert "authorization" not in request.headers


def test_an_extra_header_wins_over_the_clients_own() -> None:
    _, request = execute(answer_json(1), extra_headers={"authorization": "Basic dXNlcjpw", "User-Agent": "mine"})
    assert (request.headers["authorization"], request.headers["user-agent"]) == ("Basic dXNlcjpw", "mine")


def test_proxy_and_netrc_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login someone password planted\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    result, request = execute(answer_json(1), api_key=None)
    assert result.output == 1
    assert "authorization" not in request.headers


def test_a_configured_proxy_gets_the_request_and_its_password_does_not_show() -> None:
    async def main() -> tuple[Any, Request]:
        async with FaultServer(answer_json({"via": "proxy-pass-9"})) as proxy:
            address = proxy.url.replace("http://", "http://someone:proxy-pass-9@")
            config = AiServiceConfig(base_url="http://service.invalid", proxy=address)
            async with AiServiceClient(config) as client:
                outcome = await client.attempt(attempt_for())
            return outcome.output, proxy.requests[0]

    output, request = asyncio.run(main())
    assert output == {"via": REDACTED}
    assert request.target == "http://service.invalid/execute"
    assert request.headers["proxy-authorization"].startswith("Basic ")


def test_cookies_are_not_kept() -> None:
    async def main() -> list[Request]:
        cookie = {"Set-Cookie": "session=1; Path=/"}
        async with FaultServer(answer_json(1, headers=cookie)) as server:
            async with AiServiceClient(AiServiceConfig(base_url=server.url)) as client:
                await client.attempt(attempt_for())
                await client.attempt(attempt_for())
            return server.requests

    assert all("cookie" not in request.headers for request in asyncio.run(main()))


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("two\nlines\t and  blanks", "two lines and blanks"),
        ("\x1b[31mred\x1b[0m \x07bell", "[31mred[0m bell"),
        ("turned \u202earound\u2069 \ufeffhidden\u200b", "turned around hidden"),
    ],
)
def test_what_a_service_says_cannot_steer_a_terminal(said: str, shown: str) -> None:
    result, _ = execute(answer_json({"error": {"message": said}}, 400))
    assert result.error == f"the service answered 400: {shown}"


def test_an_error_text_has_at_most_500_characters() -> None:
    result, _ = execute(answer_json({"detail": "long " * 1000}, 400))
    assert len(result.error or "") == 500
    assert (result.error or "").endswith("…")


def test_an_error_of_several_mib_is_read_only_at_its_beginning() -> None:
    result, _ = execute(answer(400, json.dumps(["x" * 3_000_000])))
    assert (result.error_code, len(result.error or "")) == ("AI_HTTP_400", 500)


def test_deltas_of_the_client_alone_show_no_secret_of_several_words() -> None:
    secret = "planted correct horse battery"
    pieces = ["it is ", "planted ", "correct horse", " battery", " and no", " more."]
    events = "".join(f"event: delta\ndata: {json.dumps({'text': piece})}\n\n" for piece in pieces)
    body = f"{events}event: result\ndata: {json.dumps({'text': 'done'})}\n\n"
    told: list[str] = []

    async def main() -> None:
        async with FaultServer(answer(200, body, {"Content-Type": "text/event-stream"})) as server:
            config = AiServiceConfig(base_url=server.url, use_streaming=True, extra_headers={"X-Auth": secret})
            async with AiServiceClient(config) as client:
                attempt = attempt_for()
                attempt.emit = lambda kind, fields: told.append(fields["text"])
                assert (await client.attempt(attempt)).ok

    asyncio.run(main())
    assert "".join(told) == f"it is {REDACTED} and no more."

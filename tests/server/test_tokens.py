"""Who may use the service, and what everybody is told with each answer."""

from pathlib import Path

import pytest
from aiohttp import web

from altlas_runner.errors import ConfigurationError
from altlas_runner.server import ServerConfig
from tests.loopback import LoopbackService
from tests.server.running import running_server
from tests.server.test_executing import TWO

TOKEN = "a-token-for-the-tests-0123456789"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", ""])
def test_an_address_that_others_can_reach_needs_a_token(host: str) -> None:
    with pytest.raises(ConfigurationError, match="give a token"):
        ServerConfig(host=host)
    assert ServerConfig(host=host, token=TOKEN).host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.9.1"])
def test_loopback_needs_none(host: str) -> None:
    assert ServerConfig(host=host).token is None


@pytest.mark.parametrize("token", ["", "short", "x" * 15, "with a blank in the middle", "é" * 20, "tab\tand more text"])
def test_a_token_that_is_a_word_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(ConfigurationError, match="token: must have 16 or more") as caught:
        ServerConfig(token=token)
    assert not token or token not in str(caught.value)


def test_the_token_shows_nowhere() -> None:
    assert TOKEN not in repr(ServerConfig(token=TOKEN))


@pytest.mark.slow
def test_with_a_token_only_health_page_and_description_are_open(tmp_path: Path) -> None:
    with LoopbackService() as ai, running_server(tmp_path / "output", ai.url, token=TOKEN) as server:
        run_id = server.start(TWO)
        run = server.ended(run_id)
        described = server.ask("GET", "/openapi.json").json
        nobody = {"Authorization": "Bearer nobody"}
        for path, methods in described["paths"].items():
            for method, operation in methods.items():
                place = path.replace("{request_id}", run_id).replace("{file}", "result.last")
                place = place.replace("{ticket}", "1-x")
                status = server.ask(method.upper(), place, {} if method == "post" else None, nobody).status
                assert (status == 401) == ("security" in operation), (method, path, status)
        open_ones = {
            path for path, methods in described["paths"].items() if "security" not in next(iter(methods.values()))
        }
        assert open_ones == {
            "/",
            "/assets/page.css",
            "/assets/page.js",
            "/openapi.json",
            "/api/v1/health",
            "/api/v1/health/ready",
            "/views/{ticket}/runs/{request_id}/report.html",
            "/views/{ticket}/runs/{request_id}/{file}",
        }
        ticket = run["report_url"].split("/")[2]
        assert server.ask("GET", run["report_url"], headers=nobody).status == 200, "the ticket is enough"
        assert server.ask("GET", run["report_url"].replace("report.html", "result.last"), headers=nobody).status == 200
        other = server.start(TWO)
        server.ended(other)
        assert server.ask("GET", f"/views/{ticket}/runs/{other}/report.html", headers=nobody).status == 404
        assert TOKEN not in server.log.read_text()


@pytest.mark.slow
def test_the_token_is_taken_out_of_everything_that_is_kept_of_runs(tmp_path: Path) -> None:
    """Also where an AI service says it."""

    async def telling(_: object) -> web.StreamResponse:
        return web.json_response({"text": f"it is {TOKEN}"})

    alt = {**TWO, "tasks": [{"id": "a", "description": f"keep {TOKEN} to yourself"}]}
    with (
        LoopbackService({"a": telling}) as ai,
        running_server(tmp_path / "output", ai.url, "--log-level", "trace", token=TOKEN) as server,
    ):
        run_id = server.start(alt)
        server.ended(run_id)
        assert TOKEN not in server.ask("GET", f"/api/v1/runs/{run_id}/events").body.decode()
        assert "[redacted]" in server.log.read_text()
        assert TOKEN not in server.log.read_text()
    files = [file for file in (tmp_path / "output" / run_id).rglob("*") if file.is_file()]
    assert {"result.last", "report.html"} <= {file.name for file in files}
    for file in files:
        assert TOKEN.encode() not in file.read_bytes(), file.name


@pytest.mark.slow
def test_every_answer_carries_the_headers_that_protect_a_browser(tmp_path: Path) -> None:
    with (
        LoopbackService() as ai,
        running_server(tmp_path / "output", ai.url, "--allowed-host", "runner.example") as server,
    ):
        for path in ("/api/v1/health", "/nowhere", "/openapi.json", "/metrics", "/api/v1/runs/none"):
            headers = server.ask("GET", path).headers
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["X-Frame-Options"] == "SAMEORIGIN"
            assert headers["Referrer-Policy"] == "no-referrer"
            assert "default-src 'none'" in headers["Content-Security-Policy"]
            assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
            assert not [name for name in headers if name.lower().startswith("access-control")], "no other origin"
            assert headers["Server"] == "altlas-runner"
        for host, status in {
            "runner.example": 200,
            "RUNNER.example:80": 200,
            "localhost:1": 200,
            "other.example": 421,
        }.items():
            assert server.ask("GET", "/api/v1/health", headers={"Host": host}).status == status, host


@pytest.mark.slow
def test_metrics_are_those_of_prometheus(tmp_path: Path) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    with LoopbackService() as ai, running_server(tmp_path / "output", ai.url) as server:
        server.ended(server.start(TWO))
        server.ask("GET", "/nowhere")
        text = server.ask("GET", "/metrics").body.decode()
        values = {
            (sample.name, *sorted(sample.labels.values())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }
        assert values["altlas_runs_ended_total", "success"] == 1
        assert values["altlas_tasks_ended_total", "completed"] == 2
        assert values["altlas_runs_running",] == 0
        assert values["altlas_http_requests_total", "202", "POST /api/v1/process"] == 1
        assert values["altlas_http_requests_total", "404", "none"] == 1

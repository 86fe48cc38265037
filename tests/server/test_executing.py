"""ALT files over HTTP: run, checked, refused."""

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from altlas_runner import LastFile
from tests.loopback import LoopbackService
from tests.server.hostile import post
from tests.server.running import RunningServer, running_server

pytestmark = pytest.mark.slow

TWO: dict[str, Any] = {
    "id": "two",
    "title": "Two tasks",
    "tasks": [
        {"id": "a", "description": "one"},
        {"id": "b", "description": "two", "dependencies": ["a"], "parameters": {"model": "of the task"}},
    ],
}


@pytest.fixture(scope="module")
def ai() -> Iterator[LoopbackService]:
    with LoopbackService() as service:
        yield service


@pytest.fixture(scope="module")
def server(ai: LoopbackService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    place = tmp_path_factory.mktemp("server")
    (place / "alt" / "inner").mkdir(parents=True)
    (place / "alt" / "inner" / "two.alt.yaml").write_text(
        "id: y\ntitle: In YAML\ntasks:\n  - {id: a, description: d}\n"
    )
    with running_server(
        place / "output", ai.url, "--alt-root", str(place / "alt"), "--model", "of the service"
    ) as running:
        yield running


def test_execute_runs_a_file_and_tells_how_it_ended(server: RunningServer) -> None:
    answer = server.ask("POST", "/execute", {"alt_file_content": TWO})
    assert answer.status == 200, answer
    told = answer.json
    last_file = LastFile.from_path(told["last_file_path"])
    assert told == {
        "last_file_id": last_file.id,
        "last_file_path": str(Path(told["last_file_path"])),
        "report_path": str(Path(told["last_file_path"]).with_name("report.html")),
        "success_rate": 1.0,
        "execution_time_ms": last_file.total_execution_time_ms,
        "task_count": 2,
        "successful_tasks": 2,
        "failed_tasks": 0,
    }
    assert Path(told["report_path"]).is_file()
    assert last_file.metadata["runner"]["provenance"]["via"] == "http"


@pytest.mark.parametrize("content", [json.dumps(TWO), "id: y\ntitle: t\ntasks: [{id: a, description: d}]\n"])
def test_the_content_may_be_text_in_json_or_yaml(server: RunningServer, content: str) -> None:
    assert server.ask("POST", "/execute", {"alt_file_content": content}).json["success_rate"] == 1.0


@pytest.mark.parametrize("media_type", ["application/json; charset=Utf-8", "Application/JSON"])
def test_the_name_of_the_media_type_may_be_in_any_case(server: RunningServer, media_type: str) -> None:
    answer = server.ask("POST", "/api/v1/validate", {"alt_file_content": TWO}, {"Content-Type": media_type})
    assert answer.status == 200


def test_a_file_below_the_directory_for_files_is_run(server: RunningServer) -> None:
    answer = server.ask("POST", "/execute", {"alt_file_path": "inner/two.alt.yaml"})
    assert answer.status == 200, answer
    last_file = LastFile.from_path(answer.json["last_file_path"])
    assert last_file.title == "Result of In YAML"
    assert last_file.metadata["runner"]["provenance"]["alt_file_path"] == "inner/two.alt.yaml"


def test_what_a_request_prefers_goes_before_the_configuration_and_behind_the_task(
    server: RunningServer, ai: LoopbackService
) -> None:
    fields = ("model", "temperature", "max_tokens", "stream")
    ai.requests.clear()
    server.ask("POST", "/execute", {"alt_file_content": TWO})
    assert [tuple(asked[name] for name in fields) for asked in ai.requests] == [
        ("of the service", 0.7, None, False),
        ("of the task", 0.7, None, False),
    ]
    ai.requests.clear()
    preferred = {"model": "of the request", "temperature": 1.5, "max_tokens": 9, "stream": True}
    assert server.ask("POST", "/execute", {"alt_file_content": TWO, **preferred}).json["success_rate"] == 1.0
    assert [tuple(asked[name] for name in fields) for asked in ai.requests] == [
        ("of the request", 1.5, 9, True),
        ("of the task", 1.5, 9, True),
    ]


def test_inputs_take_the_place_of_their_references(server: RunningServer, ai: LoopbackService) -> None:
    alt = {**TWO, "tasks": [{"id": "a", "description": "about ${{ inputs.topic }}"}]}
    ai.requests.clear()
    assert server.ask("POST", "/execute", {"alt_file_content": alt, "inputs": {"topic": "tea"}}).status == 200
    assert ai.requests[0]["description"] == "about tea"
    refused = server.ask("POST", "/execute", {"alt_file_content": alt})
    assert refused.status == 400
    assert [each["code"] for each in refused.json["diagnostics"]] == ["ALT026"]


def test_a_bad_file_is_refused_with_every_diagnostic_and_where_it_is(server: RunningServer) -> None:
    bad = {**TWO, "tasks": [{"id": "a", "description": " "}, {"id": "a", "description": "d", "dependencies": ["z"]}]}
    refused = server.ask("POST", "/execute", {"alt_file_content": json.dumps(bad, indent=1)})
    assert refused.status == 400
    assert refused.headers["Content-Type"].startswith("application/problem+json")
    problem = refused.json
    assert problem["status"] == 400
    assert problem["error"] == problem["detail"]
    assert {"ALT011", "ALT012", "ALT021"} <= {each["code"] for each in problem["diagnostics"]}
    assert all(each["line"] and each["column"] for each in problem["diagnostics"])
    as_object = server.ask("POST", "/execute", {"alt_file_content": bad}).json["diagnostics"]
    assert {each["line"] for each in as_object} == {None}, "nobody wrote lines"
    assert {each["path"] for each in as_object} == {each["path"] for each in problem["diagnostics"]}


def test_validate_tells_everything_and_runs_nothing(server: RunningServer, ai: LoopbackService) -> None:
    ai.requests.clear()
    doubtful = server.ask("POST", "/api/v1/validate", {"alt_file_content": json.dumps({**TWO, "colour": 1})})
    assert doubtful.status == 200
    assert doubtful.json["valid"] is True
    assert [each["code"] for each in doubtful.json["diagnostics"]] == ["ALT110"]
    wrong = server.ask("POST", "/api/v1/validate", {"alt_file_content": "{"})
    assert wrong.json["valid"] is False
    assert wrong.json["diagnostics"][0]["code"] == "ALT302"
    missing = server.ask("POST", "/api/v1/validate", {"alt_file_path": "nowhere.alt"})
    assert (missing.status, missing.json["valid"]) == (200, False)
    assert missing.json["diagnostics"][0]["code"] == "ALT301"
    assert ai.requests == []


def test_failed_tasks_are_counted_and_no_error_of_the_request(tmp_path: Path) -> None:
    """No AI service is there; the run still ends, with its bundle."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    alt = {**TWO, "tasks": [{**task, "retry_count": 0} for task in TWO["tasks"]]}
    with running_server(tmp_path / "output", url) as server:
        told = server.ask("POST", "/execute", {"alt_file_content": alt}).json
        assert (told["successful_tasks"], told["failed_tasks"], told["task_count"]) == (0, 1, 2)
        assert server.run(told["last_file_id"])["status"] == "failure"
        ready = server.ask("GET", "/api/v1/health/ready")
        assert (ready.status, ready.json["ai_service"]) == (503, "unreachable")


def test_a_client_that_goes_away_cancels_its_run(tmp_path: Path) -> None:
    with LoopbackService(delay=30) as ai, running_server(tmp_path / "output", ai.url) as server:
        with server.connect() as connection:
            connection.sendall(post({"alt_file_content": TWO}, token=None))
            while not ai.requests:
                time.sleep(0.01)
        run_id = server.ask("GET", "/api/v1/runs").json["runs"][0]["request_id"]
        run = server.ended(run_id, 20)
        assert run["status"] == "cancelled"
        assert run["error"] == "the client went away"
        assert run["counts"]["cancelled"] == 2
        assert LastFile.from_path(run["last_file_path"]).status == "failure"


def test_a_process_run_goes_on_without_its_client(tmp_path: Path) -> None:
    with LoopbackService(delay=0.5) as ai, running_server(tmp_path / "output", ai.url) as server:
        with server.connect() as connection:
            connection.sendall(post({"alt_file_content": TWO}, "/api/v1/process", token=None))
            assert b"202 Accepted" in connection.recv(4096)
        run_id = server.ask("GET", "/api/v1/runs").json["runs"][0]["request_id"]
        assert server.ended(run_id)["status"] == "success"


def test_runs_have_their_limits(tmp_path: Path) -> None:
    options = ("--max-tasks", "3", "--max-dependencies", "2", "--max-run-seconds", "0.5")
    with LoopbackService(delay=5) as ai, running_server(tmp_path / "output", ai.url, *options) as server:
        ids = ["a", "b", "c", "d"]
        for tasks in (
            [{"id": each, "description": "d"} for each in ids],
            [{"id": each, "description": "d", "dependencies": ids[:n]} for n, each in enumerate(ids[:3])],
        ):
            refused = server.ask("POST", "/execute", {"alt_file_content": {**TWO, "tasks": tasks}})
            assert refused.status == 400
            assert [each["code"] for each in refused.json["diagnostics"]] == ["ALT306"]
        told = server.ask("POST", "/execute", {"alt_file_content": TWO})
        assert told.json["successful_tasks"] == 0
        run = server.run(told.json["last_file_id"])
        assert run["error"] == "the run's deadline passed"

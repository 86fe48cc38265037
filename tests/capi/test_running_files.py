"""Running files through C: the same engine, the host's callbacks, and the host as the executor."""

import asyncio
import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import altlas_runner
from altlas_runner import AltParser, LastFile
from tests.capi.client import PROGRESS, CallFailedError, Client, HostTasks
from tests.loopback import LoopbackService

pytestmark = pytest.mark.slow

DIAMOND: dict[str, Any] = {
    "id": "diamond",
    "title": "Diamond",
    "mode": "explore",
    "persona": "a cartographer",
    "metadata": {"project": "maps"},
    "tasks": [
        {"id": "top", "description": "begin with ${{ inputs.place }}", "tags": ["first"]},
        {"id": "left", "description": "go left", "dependencies": ["top"], "retry_count": 0, "priority": "high"},
        {
            "id": "right",
            "description": "go right",
            "dependencies": ["top"],
            "parameters": {"seen": "${{ tasks.top.output.answer }}"},
        },
        {"id": "bottom", "description": "join", "dependencies": ["left", "right"]},
        {"id": "aside", "description": "alone", "dependencies": ["right"]},
    ],
}


def without_ids_and_times(text: bytes | str) -> Any:
    """A LAST file in which everything that differs from run to run is gone."""

    def plain(value: Any, name: str = "") -> Any:
        if isinstance(value, dict):
            return {key: plain(item, key) for key, item in value.items()}
        if isinstance(value, list):
            return [plain(item, name) for item in value]
        if name == "id" and str(value).startswith("last_"):
            return "id"
        if name.endswith(("_at", "_ms", "_started", "_completed")) or name == "execution_graph_path":
            return "time" if value is not None else None
        return value

    return plain(json.loads(text)) | {"summary": json.loads(text)["summary"].rpartition(", in ")[0]}


def execute(client: Client, document: dict[str, Any], out: Path, **options: Any) -> LastFile:
    client("parse_alt_file", json.dumps(document))
    last_id = client("execute_alt_file", document["id"], json.dumps(options), str(out))
    return LastFile.from_json(client("get_last_file_json", last_id))


def teapot(body: Any) -> web.Response:
    return web.json_response({"error": "a teapot"}, status=418)


def test_a_file_run_through_c_and_through_python_gives_the_same_last_file(client: Client, tmp_path: Path) -> None:
    """Both are given a text: of a file's path, which a LAST file keeps, neither knows."""
    with LoopbackService({"left": teapot}) as service:
        made = execute(
            client,
            DIAMOND,
            tmp_path / "c",
            ai_service={"base_url": service.url, "model": "small"},
            max_concurrency=2,
            inputs={"place": "Ulm"},
            seed=1,
        )
        asked_by_c = sorted(service.requests, key=lambda body: str(body["task_id"]))
        service.requests.clear()
        other = altlas_runner.run(
            AltParser().parse_from_string(json.dumps(DIAMOND)),
            ai_service_url=service.url,
            ai_default_model="small",
            max_concurrent_tasks=2,
            inputs={"place": "Ulm"},
            seed=1,
            output_dir=tmp_path / "python",
        )
        asked_by_python = sorted(service.requests, key=lambda body: str(body["task_id"]))
    through_c = (tmp_path / "c" / made.id / "result.last").read_bytes()
    through_python = (tmp_path / "python" / other.id / "result.last").read_bytes()
    assert without_ids_and_times(through_c) == without_ids_and_times(through_python)
    assert asked_by_c == asked_by_python
    assert client("get_last_file_json", made.id).encode() + b"\n" == through_c
    statuses = {each.task_id: str(each.status) for each in made.task_results}
    assert statuses == {
        "top": "completed",
        "left": "failed",
        "right": "completed",
        "bottom": "skipped",
        "aside": "completed",
    }
    names = {path.name.replace(made.id, "id") for path in (tmp_path / "c" / made.id).iterdir()}
    assert names == {path.name.replace(other.id, "id") for path in (tmp_path / "python" / other.id).iterdir()}


def test_a_part_of_a_file_can_be_run(client: Client, tmp_path: Path) -> None:
    with LoopbackService() as service:
        made = execute(
            client, DIAMOND, tmp_path, ai_service={"base_url": service.url}, inputs={"place": "Ulm"}, until=["right"]
        )
    assert [each.task_id for each in made.task_results] == ["top", "right"]


def test_every_field_of_the_ai_service_can_be_given(client: Client, tmp_path: Path) -> None:
    service_options = {"extra_headers": {"X-Team": "maps"}, "api_key": "k-0123456789", "temperature": 0.1}
    with LoopbackService() as service:
        execute(
            client, DIAMOND, tmp_path, ai_service={"base_url": service.url, **service_options}, inputs={"place": "Ulm"}
        )
    assert service.headers[0]["X-Team"] == "maps"
    assert service.headers[0]["Authorization"] == "Bearer k-0123456789"
    assert service.requests[0]["temperature"] == 0.1


def test_a_file_whose_inputs_are_missing_is_not_run(client: Client, tmp_path: Path) -> None:
    with pytest.raises(CallFailedError, match="ALT026"):
        execute(client, DIAMOND, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_keys_show_in_no_error_no_event_and_no_file(client: Client, tmp_path: Path) -> None:
    """Not even when the service echoes them, or an option beside them does not fit."""
    secret = "k-0123456789"
    watch = Watch()

    def echo(body: Any) -> web.Response:
        return web.json_response({"error": f"bad key {secret}"}, status=401)

    one = {"id": "one", "title": "One", "tasks": [{"id": "a", "description": "d"}]}
    client("parse_alt_file", json.dumps(one))
    with LoopbackService({"a": echo}) as service:
        options = {"ai_service": {"base_url": service.url, "api_key": secret}}
        last_id = client(
            "execute_alt_file_with_progress", "one", json.dumps(options), str(tmp_path), watch.callback, None
        )
    assert "AI_HTTP_401" in json.dumps(watch.events)
    assert secret not in json.dumps(watch.events)
    assert secret not in client("get_last_file_json", last_id)
    for broken in (
        {"ai_service": {"api_key": secret, "base_url": 5}},
        {"ai_service": {"api_key": [secret]}},
        {"ai_service": {"api_key": secret + "\n ü"}},
        {"ai_service": {"base_url": f"http://user:{secret}@host"}},
        {"ai_service": secret},
        {"seed": secret},
    ):
        with pytest.raises(CallFailedError) as failure:
            client("execute_alt_file", "one", json.dumps(broken), str(tmp_path))
        assert secret not in str(failure.value)
    with pytest.raises(CallFailedError) as failure:
        client("execute_alt_file", "one", f'{{"ai_service": {{"api_key": "{secret}" oops', str(tmp_path))
    assert secret not in str(failure.value)


class Watch:
    """A progress callback that counts, notes its threads, and answers what it is told to."""

    def __init__(self, answer: Any = lambda event: 0, seconds: float = 0.0) -> None:
        self.events: list[dict[str, Any]] = []
        self.threads: set[int] = set()
        self.inside = 0
        self.most_inside = 0
        self._answer = answer
        self._seconds = seconds
        self.callback = PROGRESS(self._tell)

    def _tell(self, event_json: bytes, _: object) -> int:
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        event = json.loads(event_json)
        self.events.append(event)
        self.threads.add(threading.get_ident())
        time.sleep(self._seconds)
        self.inside -= 1
        return int(self._answer(event))


def watched(client: Client, watch: Watch, service: LoopbackService, out: Path, **options: Any) -> LastFile:
    client("parse_alt_file", json.dumps(DIAMOND))
    given = json.dumps({"ai_service": {"base_url": service.url}, "inputs": {"place": "Ulm"}, **options})
    last_id = client("execute_alt_file_with_progress", "diamond", given, str(out), watch.callback, None)
    return LastFile.from_json(client("get_last_file_json", last_id))


def test_progress_tells_every_event_in_order_one_at_a_time(client: Client, tmp_path: Path) -> None:
    watch = Watch()
    with LoopbackService() as service:
        made = watched(client, watch, service, tmp_path)
    names = [event["event"] for event in watch.events]
    assert names[0] == "run_started"
    assert names[-1] == "run_finished"
    assert names.count("task_finished") == 5
    assert watch.events[0]["run_id"] == made.id
    assert watch.most_inside == 1
    assert len(watch.threads) == 1


def test_a_slow_progress_callback_hears_everything_before_the_function_returns(client: Client, tmp_path: Path) -> None:
    """It would lose its place as an observer in Python; a C program has no log that says so."""
    watch = Watch(seconds=0.1)
    with LoopbackService() as service:
        watched(client, watch, service, tmp_path)
    assert watch.events[-1]["event"] == "run_finished"
    assert watch.inside == 0
    told = len(watch.events)
    time.sleep(0.2)
    assert len(watch.events) == told


def test_a_non_zero_answer_cancels_the_run_and_the_bundle_is_written(client: Client, tmp_path: Path) -> None:
    watch = Watch(lambda event: event["event"] == "task_started")
    with LoopbackService(delay=5.0) as service:
        began = time.monotonic()
        made = watched(client, watch, service, tmp_path)
        assert time.monotonic() - began < 5.0
    assert {str(each.status) for each in made.task_results} == {"cancelled"}
    assert watch.events[-1] | {"at": ""} == {
        "event": "run_finished",
        "at": "",
        "run_id": made.id,
        "task_count": 5,
        "completed": 0,
        "reason": "CANCELLED",
    }
    assert (tmp_path / made.id / "result.last").exists()


def test_a_callback_may_call_the_library(client: Client, tmp_path: Path) -> None:
    watch = Watch(
        lambda event: client("validate_alt_file", json.dumps(DIAMOND)) != "[]" and client.error() != "No error"
    )
    with LoopbackService() as service:
        made = watched(client, watch, service, tmp_path)
    assert made.status == "success"


def run_by_host(client: Client, tasks: HostTasks, document: dict[str, Any], out: Path, **options: Any) -> LastFile:
    client("parse_alt_file", json.dumps(document))
    last_id = client(
        *("execute_alt_file_with_executor", document["id"], json.dumps(options), str(out)),
        *(tasks.execute, tasks.free, None),
    )
    return LastFile.from_json(client("get_last_file_json", last_id))


def test_a_host_is_given_each_attempt_with_all_that_belongs_to_it(client: Client, tmp_path: Path) -> None:
    attempts: list[dict[str, Any]] = []

    def answer(attempt_json: bytes) -> bytes:
        attempts.append(json.loads(attempt_json))
        return json.dumps({"ok": True, "output": {"answer": len(attempts)}}).encode()

    document = DIAMOND | {"tasks": [task | {"timeout_seconds": 600} for task in DIAMOND["tasks"]]}
    tasks = HostTasks(answer)
    made = run_by_host(client, tasks, document, tmp_path, inputs={"place": "Ulm"}, max_concurrency=1)
    assert made.status == "success"
    assert (tasks.freed, tasks.unfreed) == (5, 0)
    top = attempts[0]
    assert top["task"]["description"] == "begin with Ulm"
    assert top["run"] == {
        "run_id": made.id,
        "mode": "explore",
        "persona": "a cartographer",
        "metadata": {"project": "maps"},
    }
    assert (top["number"], top["previous"], top["context"]) == (1, [], {})
    assert top["idempotency_key"] == f"{made.id}:top"
    assert 500 < top["deadline_seconds"] <= 600
    right = next(attempt for attempt in attempts if attempt["task"]["id"] == "right")
    assert right["task"]["parameters"] == {"seen": 1}
    assert right["context"] == {"top": {"answer": 1}}


def test_attempts_of_a_host_run_side_by_side_up_to_the_limit(client: Client, tmp_path: Path) -> None:
    inside = most = 0
    lock = threading.Lock()
    both_in = threading.Barrier(2)

    def answer(attempt_json: bytes) -> bytes:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        both_in.wait(20)
        with lock:
            inside -= 1
        return b'{"ok": true}'

    document = {"id": "wide", "title": "W", "tasks": [{"id": f"t{n}", "description": "d"} for n in range(6)]}
    made = run_by_host(client, HostTasks(answer), document, tmp_path, max_concurrency=2)
    assert made.status == "success"
    assert most == 2


def test_the_outcome_of_a_host_decides_about_further_attempts(client: Client, tmp_path: Path) -> None:
    def answer(attempt_json: bytes) -> bytes:
        attempt = json.loads(attempt_json)
        outcome = {"ok": False, "error_code": "BUSY", "error": "later", "retry": "yes", "retry_after": 0.01}
        if attempt["task"]["id"] == "never":
            outcome["retry"] = "no"
        elif attempt["number"] == 3:
            outcome = {"ok": True, "output": [each["error_code"] for each in attempt["previous"]]}
        return json.dumps(outcome).encode()

    tasks = [{"id": name, "description": "d", "retry_count": 3} for name in ("late", "never")]
    host = HostTasks(answer)
    made = run_by_host(client, host, {"id": "tries", "title": "T", "tasks": tasks}, tmp_path)
    late, never = made.task_results
    assert (late.status, late.output, late.retry_count) == ("completed", ["BUSY", "BUSY"], 2)
    assert (never.status, never.error_code, never.error, never.retry_count) == ("failed", "BUSY", "later", 0)
    assert host.unfreed == 0


def test_content_that_a_host_hands_over_becomes_an_artifact_of_the_bundle(client: Client, tmp_path: Path) -> None:
    drawing = {"name": "map.svg", "mime_type": "image/svg+xml", "content": "<svg/>"}
    host = HostTasks(lambda attempt_json: json.dumps({"ok": True, "artifacts": [drawing]}).encode())
    document = {"id": "drawn", "title": "D", "tasks": [{"id": "a", "description": "d"}]}
    made = run_by_host(client, host, document, tmp_path, generate_graphs=False, compress_artifacts=False)
    (artifact,) = made.get_all_artifacts()
    assert artifact.mime_type == "image/svg+xml"
    assert (tmp_path / made.id / artifact.path).read_text() == "<svg/>"


def test_a_host_that_overruns_a_deadline_is_waited_for(client: Client, tmp_path: Path) -> None:
    """Its data must live until its last call has returned, so the function may not return before."""
    ended = threading.Event()

    def answer(attempt_json: bytes) -> bytes:
        time.sleep(3.0)
        ended.set()
        return b'{"ok": true}'

    document = {"id": "late", "title": "L", "tasks": [{"id": "a", "description": "d", "timeout_seconds": 1}]}
    host = HostTasks(answer)
    made = run_by_host(client, host, document, tmp_path, generate_graphs=False)
    assert made.task_results[0].status == "timeout"
    assert ended.is_set()
    assert (host.freed, host.unfreed) == (1, 0)


def test_files_are_run_side_by_side_on_many_threads(client: Client, tmp_path: Path) -> None:
    """Each in its own thread, which Python has never seen before."""
    made: list[LastFile] = []

    def one(number: int) -> None:
        document = {"id": f"f{number}", "title": "F", "tasks": [{"id": "a", "description": "d"}]}
        host = HostTasks(lambda attempt_json: json.dumps({"ok": True, "output": number}).encode())
        made.append(run_by_host(client, host, document, tmp_path, generate_graphs=False))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted((each.alt_file_id, each.task_results[0].output) for each in made) == [(f"f{n}", n) for n in range(8)]


def test_inside_a_running_event_loop_it_refuses_instead_of_standing_still(client: Client, tmp_path: Path) -> None:
    client("parse_alt_file", json.dumps(DIAMOND))

    async def inside() -> str:
        return client("execute_alt_file", "diamond", None, str(tmp_path))

    with pytest.raises(CallFailedError, match="another thread"):
        asyncio.run(inside())

"""`altlas-runner run`, whole: a file in, a service on loopback, a bundle out, and the exit code that belongs to it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from altlas_runner import LastFile, TaskStatus
from tests.durability.command_line import command_line
from tests.loopback import LoopbackService
from tests.needs import need_dot

pytestmark = pytest.mark.slow

DIAMOND = {
    "id": "diamond",
    "title": "Diamond",
    "tasks": [
        {"id": "top", "description": "begin"},
        {"id": "left", "description": "go left", "dependencies": ["top"], "retry_count": 0},
        {"id": "right", "description": "go right", "dependencies": ["top"]},
        {"id": "bottom", "description": "join", "dependencies": ["left", "right"]},
    ],
}


def command(
    *arguments: str | Path, cwd: Path, stdin: str | None = None, **env: str
) -> subprocess.CompletedProcess[str]:
    """What a process of the command line does, which has nothing of ours in its environment but what is given."""
    given = None
    if stdin is not None:
        given = cwd / "stdin"
        given.write_text(stdin)
    status, process = command_line().end_of(list(arguments), env, cwd=cwd, stdin=given)
    return subprocess.CompletedProcess(arguments, status, process.stdout, process.stderr)


def write(path: Path, document: dict[str, Any]) -> Path:
    path.write_text(json.dumps(document))
    return path


def only_bundle(output: Path) -> Path:
    (bundle,) = output.iterdir()
    return bundle


def test_a_file_runs_and_leaves_a_whole_bundle(tmp_path: Path) -> None:
    need_dot()
    alt = write(tmp_path / "diamond.alt.json", DIAMOND)
    with LoopbackService() as service:
        done = command("run", alt, "--service-url", service.url, "-o", "out", cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\ncompleted ")) == (0, 4), done.stderr
    bundle = only_bundle(tmp_path / "out")
    assert str(Path("out") / bundle.name / "report.html") in done.stdout
    assert sorted(path.name for path in bundle.iterdir()) == sorted(
        ["result.last", "report.html", "journal.sqlite3", f"{bundle.name}.dot", f"{bundle.name}.png"]
    )
    last_file = LastFile.from_path(bundle)
    assert (last_file.status, last_file.success_rate) == ("success", 1.0)
    assert service.requests[-1]["context"] == {
        "left": {"answer": "done: go left", "saw": ["top"]},
        "right": {"answer": "done: go right", "saw": ["top"]},
    }


def test_without_dot_there_is_a_warning_and_no_picture(tmp_path: Path) -> None:
    alt = write(tmp_path / "diamond.alt.json", DIAMOND)
    (tmp_path / "empty").mkdir()
    with LoopbackService() as service:
        path = str(tmp_path / "empty")
        done = command("run", alt, "--service-url", service.url, "-o", "out", cwd=tmp_path, PATH=path)
    assert done.returncode == 0, done.stderr
    assert "dot" in done.stderr
    bundle = only_bundle(tmp_path / "out")
    assert not list(bundle.glob("*.png"))
    assert LastFile.from_path(bundle).execution_graph_path is None
    assert "<svg" in (bundle / "report.html").read_text()


def test_a_service_that_fails_in_the_middle_of_a_diamond(tmp_path: Path) -> None:
    alt = write(tmp_path / "diamond.alt.json", DIAMOND)
    broken = {"left": lambda _: web.json_response({"error": "disk is full"}, status=500)}
    with LoopbackService(broken) as service:
        done = command("run", alt, "--service-url", service.url, "-o", "out", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    bundle = only_bundle(tmp_path / "out")
    last_file = LastFile.from_path(bundle)
    assert {result.task_id: result.status.value for result in last_file.task_results} == {
        "top": "completed",
        "left": "failed",
        "right": "completed",
        "bottom": "skipped",
    }
    assert (last_file.success_rate, last_file.status) == (0.5, "partial_success")
    left = last_file.get_task_result("left")
    assert left is not None
    assert left.error_code == "AI_UPSTREAM"
    report = (bundle / "report.html").read_text()
    assert "disk is full" in report
    assert "AI_UPSTREAM" in report
    bottom = last_file.get_task_result("bottom")
    assert bottom is not None
    assert bottom.error == 'dependency "left" did not complete (failed, AI_UPSTREAM)'


def test_a_file_with_ten_mistakes_gets_ten_diagnostics_and_writes_nothing(tmp_path: Path) -> None:
    tasks: list[dict[str, Any]] = [
        {"id": "twin", "description": "one"},
        {"id": "twin", "description": "two", "dependencies": ["twinn"]},
        {"id": "selfish", "description": " ", "dependencies": ["selfish"]},
        {"id": "a", "description": "a", "dependencies": ["b", ""]},
        {"id": "b", "description": "b", "dependencies": ["a"]},
        {"id": " ", "description": "nameless", "dependencies": ["a"]},
    ]
    alt = write(tmp_path / "bad.alt.json", {"id": "", "title": "", "version": " ", "tasks": tasks})
    checked = command("validate", alt, "--json", cwd=tmp_path)
    assert checked.returncode == 3
    errors = [d for d in json.loads(checked.stdout) if d["severity"] == "error"]
    assert sorted(d["code"] for d in errors) == [
        "ALT001",
        "ALT002",
        "ALT003",
        "ALT010",
        "ALT011",
        "ALT012",
        "ALT020",
        "ALT021",
        "ALT022",
        "ALT023",
    ]
    ran = command("run", alt, "-o", "out", cwd=tmp_path)
    assert ran.returncode == 3
    assert all(f"error[{d['code']}]" in ran.stderr for d in errors)
    assert not (tmp_path / "out").exists()


def test_ctrl_c_cancels_the_running_tasks_and_still_writes_the_bundle(tmp_path: Path) -> None:
    alt = write(tmp_path / "diamond.alt.json", DIAMOND)
    with LoopbackService(delay=30.0) as service:
        process = subprocess.Popen(
            [sys.executable, "-m", "altlas_runner", "run", alt, "--service-url", service.url, "-o", "out"],
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        patience = time.monotonic() + 30
        while not service.requests and time.monotonic() < patience:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 130, errors
    last_file = LastFile.from_path(only_bundle(tmp_path / "out"))
    assert {result.status for result in last_file.task_results} == {TaskStatus.CANCELLED}
    assert last_file.status == "failure"


def test_a_second_ctrl_c_leaves_at_once(tmp_path: Path) -> None:
    alt = write(tmp_path / "diamond.alt.json", DIAMOND)
    slow = tmp_path / "dot"
    slow.write_text("#!/bin/sh\nsleep 30\n")
    slow.chmod(0o755)
    with LoopbackService(delay=30.0) as service:
        process = subprocess.Popen(
            [sys.executable, "-m", "altlas_runner", "run", alt, "--service-url", service.url, "-o", "out"],
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        )
        assert process.stderr is not None
        patience = time.monotonic() + 30
        while not service.requests and time.monotonic() < patience:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        assert "stopping" in next(line for line in process.stderr if "stopping" in line)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    assert process.returncode == 130
    assert not list((tmp_path / "out").glob("*/result.last"))


def test_the_title_of_a_file_cannot_steer_the_terminal(tmp_path: Path) -> None:
    title = {"title": "\u001b]0;owned\u0007\u001b[31mred"}
    alt = write(tmp_path / "diamond.alt.json", {**DIAMOND, **title})
    with LoopbackService() as service:
        done = command("run", alt, "--service-url", service.url, "-o", "out", cwd=tmp_path)
    assert done.returncode == 0
    assert "\x1b" not in done.stdout + done.stderr


def test_a_file_may_come_from_stdin_and_the_summary_be_json(tmp_path: Path) -> None:
    with LoopbackService() as service:
        done = command(
            "run", "-", "--json", "--progress", "none", "--no-graphs", cwd=tmp_path,
            stdin=json.dumps(DIAMOND), RUNNER_AI_SERVICE_URL=service.url, RUNNER_OUTPUT_DIR="elsewhere",
        )  # fmt: skip
    summary = json.loads(done.stdout)
    assert (summary["status"], summary["task_count"], summary["successful_tasks"]) == ("success", 4, 4)
    assert (tmp_path / summary["report_path"]).exists()
    assert done.stderr == ""


def test_the_key_is_sent_and_shows_nowhere(tmp_path: Path) -> None:
    key = "sk-planted-0123456789"
    alt = write(tmp_path / "diamond.alt.json", DIAMOND)
    echo = {"left": lambda _: web.json_response({"error": f"bad key {key}"}, status=401)}
    with LoopbackService(echo) as service:
        done = command(
            "run", alt, "--service-url", service.url, "-o", "out", "--log-level", "trace", cwd=tmp_path,
            RUNNER_AI_API_KEY=key,
        )  # fmt: skip
    assert service.headers[0]["Authorization"] == f"Bearer {key}"
    written = done.stdout + done.stderr
    for path in only_bundle(tmp_path / "out").iterdir():
        written += path.read_bytes().decode("latin-1")
    assert key not in written


@pytest.mark.parametrize(
    ("arguments", "environment", "mentioned"),
    [
        (["--max-concurrency", "0"], {}, "--max-concurrency"),
        (["--model", ""], {}, "ai_default_model"),
        ([], {"RUNNER_AI_SERVICE_URL": "foo"}, "RUNNER_AI_SERVICE_URL"),
        ([], {"RUNNER_AI_API_KEY": "a b"}, "RUNNER_AI_API_KEY"),
        ([], {"RUNNER_AI_TIMEOUT_SECONDS": "soon"}, "RUNNER_AI_TIMEOUT_SECONDS"),
        (["--protocol", "smoke-signals"], {}, "--protocol"),
        (["--config", "missing.toml"], {}, "missing.toml"),
        (["--service-url", "ftp://example.org"], {}, "ai_service_url"),
    ],
)
def test_a_setting_that_does_not_fit_is_named(
    tmp_path: Path, arguments: list[str], environment: dict[str, str], mentioned: str
) -> None:
    alt = write(tmp_path / "diamond.alt.json", DIAMOND)
    done = command("run", alt, *arguments, cwd=tmp_path, **environment)
    assert done.returncode == 2
    assert mentioned in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_file_is_exit_code_3_and_an_unwritable_output_4(tmp_path: Path) -> None:
    assert command("run", "nowhere.alt", cwd=tmp_path).returncode == 3
    (tmp_path / "out").write_text("a file where a directory should be")
    alt = write(tmp_path / "empty.alt.json", {"id": "e", "title": "E", "tasks": []})
    done = command("run", alt, "-o", "out", cwd=tmp_path)
    assert (done.returncode, "Traceback" in done.stderr) == (4, False), done.stderr


def test_init_writes_a_file_that_validates_and_runs(tmp_path: Path) -> None:
    assert command("init", cwd=tmp_path).returncode == 0
    assert command("init", cwd=tmp_path).returncode == 2  # never over an existing file
    checked = command("validate", "flow.alt.yaml", cwd=tmp_path)
    assert (checked.returncode, "0 errors, 0 warnings" in checked.stderr) == (0, True), checked.stderr
    with LoopbackService() as service:
        done = command("run", "flow.alt.yaml", "--service-url", service.url, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_schema_prints_the_published_json_schema(tmp_path: Path) -> None:
    import jsonschema

    schema = json.loads(command("schema", cwd=tmp_path).stdout)
    jsonschema.Draft202012Validator(schema).validate(DIAMOND)
    assert "tasks" in schema["required"]

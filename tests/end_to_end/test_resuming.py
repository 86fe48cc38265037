"""`altlas-runner resume`, `runs`, `prune` and `show --recover`, whole: with real processes that are killed."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web

from altlas_runner import LastFile
from altlas_runner.runs import RunEntry, remove_run
from altlas_runner.task_manager.journal import JOURNAL_NAME
from tests.end_to_end.test_cli_run import DIAMOND, command, only_bundle, write
from tests.loopback import LoopbackService

pytestmark = pytest.mark.slow


def kill_while_it_runs(tmp_path: Path, service: LoopbackService, *options: str, task: str = "left") -> Path:
    """Run the diamond and kill the process while this task is asked for; returns the bundle."""
    alt = write(tmp_path / "diamond.alt.json", DIAMOND)
    run = subprocess.Popen(
        [sys.executable, "-m", "altlas_runner", "run", str(alt), "--service-url", service.url, *options],
        cwd=tmp_path,
        stderr=subprocess.DEVNULL,
    )
    with run:
        until = time.monotonic() + 30
        while task not in [each["task_id"] for each in service.requests] and time.monotonic() < until:
            time.sleep(0.01)
        run.kill()
    return only_bundle(tmp_path / "output")


def slow_once(task: str) -> tuple[dict[str, object], list[str]]:
    """An answer that takes its time the first time."""
    asked: list[str] = []

    def answer(sent: dict[str, object]) -> web.StreamResponse:
        asked.append(task)
        if len(asked) == 1:
            time.sleep(1)
        return web.json_response({"late": task})

    return {task: answer}, asked


def test_a_killed_run_is_resumed_and_pays_nothing_twice(tmp_path: Path) -> None:
    answers, _ = slow_once("left")
    with LoopbackService(answers) as service:  # type: ignore[arg-type]
        bundle = kill_while_it_runs(tmp_path, service, "-j", "1")
        listed = command("runs", cwd=tmp_path)
        assert listed.stdout.startswith("interrupted")
        shown = command("show", bundle, cwd=tmp_path)
        assert shown.returncode == 4
        assert f"altlas-runner resume {bundle}" in shown.stderr
        done = command("resume", bundle, cwd=tmp_path)
        asked = [each["task_id"] for each in service.requests]
        keys = [each["Idempotency-Key"].rpartition(":")[2] for each in service.headers]
    assert done.returncode == 0, done.stderr
    assert "1 tasks keep their results, 3 run" in done.stderr
    assert "left runs: attempt 1 was under way when the run was interrupted" in done.stderr
    assert str(bundle / "result.last") in done.stdout
    assert asked == ["top", "left", "left", "right", "bottom"]
    assert keys == asked
    assert LastFile.from_path(bundle).status == "success"
    assert {path.name for path in bundle.iterdir()} >= {"result.last", "report.html", JOURNAL_NAME}
    assert not list(bundle.glob("journal.*-*")), "everything is in one file"


def test_what_can_be_saved_is_said_and_written_where_it_is_wanted(tmp_path: Path) -> None:
    answers, _ = slow_once("left")
    with LoopbackService(answers) as service:  # type: ignore[arg-type]
        bundle = kill_while_it_runs(tmp_path, service, "-j", "1")
    said = command("show", "--recover", bundle, "--output", "saved.last", cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    assert "saved   1 results of 4 tasks, 1 of them completed" in said.stdout
    assert "doubt   1 tasks were under way: left" in said.stdout
    saved = LastFile.from_path(tmp_path / "saved.last")
    assert [each.task_id for each in saved.task_results] == ["top"]
    assert command("show", "saved.last", cwd=tmp_path).returncode == 0
    wal = bundle / f"{JOURNAL_NAME}-wal"
    wal.write_bytes(wal.read_bytes().replace(b"alt_file", b"ALT_FILE"))
    assert command("show", "--recover", bundle, cwd=tmp_path).returncode == 4, "its first row was in there"


def test_a_second_process_is_refused_with_the_number_of_the_owner(tmp_path: Path) -> None:
    gate = threading.Event()

    def answer(sent: dict[str, object]) -> web.StreamResponse:
        gate.wait(120)
        return web.json_response({})

    with LoopbackService({"top": answer}) as service:
        alt = write(tmp_path / "diamond.alt.json", DIAMOND)
        run = subprocess.Popen(
            [sys.executable, "-m", "altlas_runner", "run", str(alt), "--service-url", service.url],
            cwd=tmp_path,
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        with run:
            until = time.monotonic() + 30
            while not service.requests and time.monotonic() < until:
                time.sleep(0.01)
            bundle = only_bundle(tmp_path / "output")
            refused = command("resume", bundle, cwd=tmp_path)
            listed = json.loads(command("runs", "--json", cwd=tmp_path).stdout)
            pruned = command("prune", "--keep", "0", "--interrupted", cwd=tmp_path)
            run.send_signal(signal.SIGINT)
            assert run.wait(60) == 130
        gate.set()
    assert refused.returncode == 4
    assert f"process {run.pid} has it" in refused.stderr
    assert [(each["state"], each["owner"]) for each in listed] == [("running", run.pid)]
    assert (pruned.returncode, pruned.stdout) == (0, "")
    (entry,) = json.loads(command("runs", "--json", cwd=tmp_path).stdout)
    assert entry["state"] == "finished"


def test_failed_tasks_run_again_and_the_report_says_how(tmp_path: Path) -> None:
    broken: list[bool] = [True]

    def answer(sent: dict[str, object]) -> web.StreamResponse:
        return web.json_response({}, status=400) if broken[0] else web.json_response({"now": "well"})

    with LoopbackService({"left": answer}) as service:
        alt = write(tmp_path / "diamond.alt.json", DIAMOND)
        assert command("run", alt, "--service-url", service.url, cwd=tmp_path).returncode == 1
        bundle = only_bundle(tmp_path / "output")
        assert f"altlas-runner resume {bundle.name} --failed" in (bundle / "report.html").read_text()
        assert command("resume", bundle, cwd=tmp_path).returncode == 1
        broken[0] = False
        done = command("resume", bundle, "--failed", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "left runs: it ended as failed (AI_HTTP_400)" in done.stderr
    assert json.loads(done.stdout)["successful_tasks"] == 4


def test_a_changed_file_runs_again_what_changed_or_is_refused(tmp_path: Path) -> None:
    with LoopbackService() as service:
        alt = write(tmp_path / "diamond.alt.json", DIAMOND)
        assert command("run", alt, "--service-url", service.url, cwd=tmp_path).returncode == 0
        bundle = only_bundle(tmp_path / "output")
        write(alt, json.loads(json.dumps(DIAMOND).replace("go right", "turn right")))
        refused = command("resume", bundle, alt, "--strict", cwd=tmp_path)
        done = command("resume", bundle, alt, cwd=tmp_path)
    assert refused.returncode == 2
    assert 'strict: tasks that have ended would run again: "right", because its definition changed' in refused.stderr
    assert done.returncode == 0
    assert "right runs: its definition changed: description" in done.stderr
    assert [each["task_id"] for each in service.requests[4:]] == ["right", "bottom"]


def test_a_key_does_not_go_where_a_journal_says(tmp_path: Path) -> None:
    """A bundle may come from anybody."""
    with LoopbackService() as service:
        alt = write(tmp_path / "diamond.alt.json", DIAMOND)
        assert command("run", alt, "--service-url", service.url, cwd=tmp_path).returncode == 0
        bundle = only_bundle(tmp_path / "output")
        refused = command("resume", bundle, cwd=tmp_path, RUNNER_AI_API_KEY="planted-key-1")
        options = ("--service-url", service.url)
        done = command("resume", bundle, *options, cwd=tmp_path, RUNNER_AI_API_KEY="planted-key-1")
    assert refused.returncode == 2
    assert f"the run asked the service at {service.url}" in refused.stderr
    assert "planted-key-1" not in refused.stderr
    assert done.returncode == 0, done.stderr


def test_handlers_are_not_taken_from_a_journal(tmp_path: Path) -> None:
    (tmp_path / "tools.py").write_text("def double(context):\n    return {'doubled': 2}\n")
    tasks = [{"id": "a", "description": "double", "parameters": {"task_type": "double"}}]
    alt = write(tmp_path / "flow.alt.json", {"id": "f", "title": "F", "tasks": tasks})
    assert command("run", alt, "--handlers", "tools:double", cwd=tmp_path).returncode == 0
    bundle = only_bundle(tmp_path / "output")
    refused = command("resume", bundle, "--only", "a", cwd=tmp_path)
    assert refused.returncode == 2
    assert "the run was made with --handlers tools:double" in refused.stderr
    assert command("resume", bundle, "--only", "a", "--handlers", "tools:double", cwd=tmp_path).returncode == 0


def test_a_directory_that_refuses_is_found_before_the_first_call(tmp_path: Path) -> None:
    with LoopbackService() as service:
        alt = write(tmp_path / "diamond.alt.json", DIAMOND)
        (tmp_path / "output").write_text("in the way")
        done = command("run", alt, "--service-url", service.url, cwd=tmp_path)
        assert (done.returncode, service.requests) == (4, [])
    if os.geteuid() == 0:
        return  # to the superuser no directory is read-only
    (tmp_path / "output").unlink()
    (tmp_path / "output").mkdir(mode=0o555)
    with LoopbackService() as service:
        done = command("run", alt, "--service-url", service.url, cwd=tmp_path)
        assert (done.returncode, service.requests) == (4, [])


def test_what_an_interrupted_prune_left_can_be_pruned_again(tmp_path: Path) -> None:
    """A lock without its journal, and a journal without all else, are what a crash may leave."""
    for run_id, name in (("last_1", "result.last"), ("last_2", "journal.sqlite3")):
        bundle = tmp_path / run_id
        bundle.mkdir()
        (bundle / name).write_text("{}")
        (bundle / "journal.lock").touch()
        (bundle / "report.html").touch()
        remove_run(RunEntry(run_id, bundle, "finished", datetime(2026, 1, 1, tzinfo=UTC), can_resume=False))
        assert not bundle.exists()


def test_the_file_and_its_inputs_cannot_both_come_from_stdin(tmp_path: Path) -> None:
    refused = command("resume", "last_1", "-", "--input-file", "-", cwd=tmp_path)
    assert (refused.returncode, "only one of ALT_FILE and --input-file" in refused.stderr) == (2, True)


def test_runs_are_listed_and_pruned_by_number_and_age(tmp_path: Path) -> None:
    alt = write(tmp_path / "empty.alt.json", {"id": "e", "title": "Nothing to do", "tasks": []})
    for options in ((), ("--no-journal",), ()):
        assert command("run", alt, "--no-graphs", *options, cwd=tmp_path).returncode == 0
    (tmp_path / "output" / "something else").mkdir()
    listed = command("runs", cwd=tmp_path).stdout.splitlines()
    assert [line.split()[0] for line in listed] == ["finished"] * 3
    assert all("Nothing to do" in line and "0/0 completed" in line for line in listed)
    assert command("prune", cwd=tmp_path).returncode == 2
    assert command("prune", "--older-than", "a while", cwd=tmp_path).returncode == 2
    assert command("prune", "--older-than", "1d", cwd=tmp_path).stdout == ""
    would = command("prune", "--keep", "1", "--dry-run", cwd=tmp_path).stdout
    assert would.count("would remove") == 2
    pruned = command("prune", "--keep", "1", "--older-than", "0m", cwd=tmp_path).stdout
    assert pruned == would.replace("would remove", "removed")
    left = command("runs", cwd=tmp_path).stdout.splitlines()
    assert left == listed[:1]
    assert (tmp_path / "output" / "something else").is_dir()

"""A handler that keeps a CPU busy runs in a process, which a deadline or a cancel really kills."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from altlas_runner import ConfigurationError, HandlerContext, TaskStatus, Usage, handler
from altlas_runner.handlers.process_group import ProcessGroup
from altlas_runner.handlers.worker_pool import WorkerPool
from altlas_runner.task_manager import Event, TaskFinished, TaskManager, TaskProgress
from altlas_runner.testing import alt_file_of
from tests.handlers import functions
from tests.handlers.running import children, gone, is_running, run_tasks, task

pytestmark = pytest.mark.slow

HANDLERS = [each for each in vars(functions).values() if hasattr(each, "__altlas_handler__")]


def test_a_process_handler_computes_elsewhere_and_its_process_is_used_again() -> None:
    tasks = [task("add", f"t{n}", parameters={"numbers": [n, 1]}) for n in range(4)]
    before = children()
    results = run_tasks(HANDLERS, *tasks, max_concurrency=1)
    assert [result.output["sum"] for result in results] == [1, 2, 3, 4]
    pids = {result.output["pid"] for result in results}
    assert (len(pids), os.getpid() in pids) == (1, False)
    assert children() == before
    assert not is_running(pids.pop())


def test_the_context_travels_to_the_process_and_log_and_files_come_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    given = task("echo", 'ü "1"', parameters={"list": [1, None, "ß"]}, timeout_seconds=100, dependencies=["first"])
    first = task("add", "first", parameters={"numbers": [2]})
    alt = alt_file_of(first, given, persona="a pirate")
    with caplog.at_level(logging.WARNING):
        editions = {'ü "1"': 2}
        manager = TaskManager(alt, None, handlers=HANDLERS, artifacts_dir=tmp_path, editions=editions)
        outcome_of_first, result = asyncio.run(manager.run())
    assert result.output == {
        "task": 'ü "1"',
        "parameters": {"task_type": "echo", "list": [1, None, "ß"]},
        "outputs": {"first": outcome_of_first.output},
        "attempt": 1,
        "persona": "a pirate",
        "key": f'{manager.run_id}:%C3%BC%20"1":2',
        "has_deadline": True,
    }
    said = [record.getMessage() for record in caplog.records if record.name == "altlas_runner.handlers"]
    assert said == ['task "\\u00fc \\"1\\"": 100% of it']
    assert (tmp_path / "1-_1_" / "note.txt").read_text() == "noted"


def test_a_usage_and_a_typed_failure_come_back_from_the_process() -> None:
    results = run_tasks(
        HANDLERS,
        task("paid"),
        task("fail", "b", parameters={"kind": "value"}),
        task("fail", "c", parameters={"kind": "exit"}),
        task("fail", "d", parameters={"kind": "own"}, retry_count=3),
        task("strange", "e", parameters={"what": "long"}),
        task("strange", "f", parameters={"what": "set"}),
        max_concurrency=1,
    )
    assert (results[0].output, results[0].usage) == ("x", Usage(3, 4, 0.5))
    assert [(result.error_code, result.error, result.retry_count) for result in results[1:4]] == [
        ("HANDLER_FAILED", "ValueError: wrong width", 0),
        ("HANDLER_FAILED", "SystemExit: 4", 0),
        ("OWN", "no more", 0),
    ]
    assert [result.error_code for result in results[4:]] == ["HANDLER_OUTPUT", "HANDLER_OUTPUT"]
    assert "output.items[1][0]" in (results[5].error or "") or "output.items[1] is a set" in (results[5].error or "")


class Pids:
    """Takes the process ids that handlers report."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.on_pid: Any = None

    def __call__(self, event: Event) -> None:
        if isinstance(event, TaskProgress):
            self.seen += list(event.fields.values())
            if self.on_pid is not None:
                self.on_pid()


@pytest.mark.parametrize("task_type", ["spin", "spawn", "hang-on-exit"])
def test_a_deadline_kills_the_process_and_what_it_started(task_type: str) -> None:
    pids = Pids()
    left: list[int] = []

    def observe(event: Event) -> None:
        pids(event)
        if isinstance(event, TaskFinished) and event.task_id == "a":
            left.extend(filter(is_running, pids.seen[-1:]))

    warm = task("add", "warm", parameters={"numbers": []})  # the deadline is not to meet a process that is starting
    killed = task(task_type, timeout_seconds=1, dependencies=["warm"])
    _, result = run_tasks(HANDLERS, warm, killed, on_event=observe)
    assert (result.status, result.error) == (TaskStatus.TIMEOUT, "the task's deadline of 1 s passed")
    assert pids.seen
    assert left == []  # at the end of the task already, not only of the run
    assert all(gone(pid) for pid in pids.seen)


def test_the_next_task_gets_a_new_process_after_one_was_killed() -> None:
    spun, added = run_tasks(
        HANDLERS, task("spin", timeout_seconds=1), task("add", "b", parameters={"numbers": [1]}), max_concurrency=1
    )
    assert (spun.status, added.output["sum"]) == (TaskStatus.TIMEOUT, 1)


@pytest.mark.parametrize("way", ["the run", "its coroutine"])
def test_cancelling_kills_the_process(way: str) -> None:
    before = children()

    async def main() -> list[int]:
        pids = Pids()
        began = asyncio.Event()
        pids.on_pid = began.set
        manager = TaskManager(alt_file_of(task("spin")), None, handlers=HANDLERS, on_event=pids)
        run = asyncio.ensure_future(manager.run())
        await began.wait()
        if way == "the run":
            manager.cancel()
            (result,) = await run
            assert result.status is TaskStatus.CANCELLED
        else:
            run.cancel()
            with pytest.raises(asyncio.CancelledError):
                await run
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return pids.seen

    (pid,) = asyncio.run(main())
    assert not is_running(pid)
    assert children() == before


@pytest.mark.parametrize("delay", [0.0, 0.01, 0.1, 0.3, 0.6])
def test_cancelling_at_any_instant_leaves_no_process(delay: float) -> None:
    """Also while the process is only about to start."""
    before = children()

    async def main() -> None:
        tasks = [task("add", f"t{n}", parameters={"numbers": [n]}) for n in range(50)]
        run = asyncio.ensure_future(TaskManager(alt_file_of(*tasks), None, 2, handlers=HANDLERS).run())
        await asyncio.sleep(delay)
        run.cancel()
        with suppress(asyncio.CancelledError):  # it may have ended just before
            await run
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())
    assert children() == before


def test_processes_are_gone_also_when_their_end_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run may be cancelled while it is closing its processes."""
    before, pool, ended = children(), WorkerPool(), ProcessGroup.ended

    async def ended_later(group: ProcessGroup, within_seconds: float | None = None) -> int | None:
        await asyncio.sleep(0.01)
        return await ended(group, within_seconds)

    monkeypatch.setattr(ProcessGroup, "ended", ended_later)

    async def main() -> None:
        for _ in range(3):
            await pool._start()
        closing = asyncio.ensure_future(pool.aclose())
        await asyncio.sleep(0)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing

    asyncio.run(main())
    assert children() == before


@pytest.mark.parametrize(
    ("task_type", "parameters", "text"),
    [
        ("die", {"signal": int(signal.SIGSEGV)}, "the process of the handler was killed by SIGSEGV"),
        ("die", {"signal": 0}, "the process of the handler ended with exit code 3 before the handler returned"),
        ("die-forking", {}, "the process of the handler was killed by SIGKILL"),
    ],
)
def test_a_process_that_dies_fails_its_task_alone(task_type: str, parameters: dict[str, Any], text: str) -> None:
    following = task("add", "b", parameters={"numbers": [1]})
    dead, alive = run_tasks(HANDLERS, task(task_type, parameters=parameters), following, max_concurrency=1)
    assert (dead.status, dead.error_code, dead.error) == (TaskStatus.FAILED, "HANDLER_DIED", text)
    assert alive.output["sum"] == 1


def test_a_worker_goes_with_its_runner_even_when_that_is_killed(tmp_path: Path) -> None:
    program = """
import asyncio
from altlas_runner.task_manager import TaskManager, TaskProgress
from altlas_runner.testing import alt_file_of
from tests.handlers.running import task
from tests.handlers.functions import spin, spawn

def observe(event):
    if isinstance(event, TaskProgress):
        print(*event.fields.values(), flush=True)

alt = alt_file_of(task("spin"), task("spawn", "b"))
asyncio.run(TaskManager(alt, None, 2, handlers=[spin, spawn], on_event=observe).run())
"""
    runner = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert runner.stdout is not None
    pids = [int(word) for _ in range(2) for word in runner.stdout.readline().split()]
    assert len(pids) == 3
    runner.kill()
    runner.communicate()
    assert all(gone(pid) for pid in pids)


SCRIPT = """
import os
from pathlib import Path
import altlas_runner
from altlas_runner import AltFile, Task, handler

@handler("pid", process=True)
def pid(context):
    return os.getpid()

def main():
    alt = AltFile(id="x", title="X", tasks=[Task(id="a", description="a", parameters={"task_type": "pid"})])
    result = altlas_runner.run(alt, handlers=[pid], generate_graphs=False).task_results[0]
    print(result.status, result.output != os.getpid(), result.error)
"""


@pytest.mark.parametrize("how", ["script", "module"])
def test_a_handler_may_stand_in_the_script_that_is_run(tmp_path: Path, how: str) -> None:
    (tmp_path / "flow.py").write_text(SCRIPT + '\nif __name__ == "__main__":\n    main()\n')
    arguments = ["flow.py"] if how == "script" else ["-m", "flow"]
    done = subprocess.run([sys.executable, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.stdout == "completed True None\n", done.stderr


def test_a_script_that_runs_by_itself_when_loaded_is_told_to_mend_that(tmp_path: Path) -> None:
    """Else every process would start the whole run again."""
    (tmp_path / "flow.py").write_text(SCRIPT + "\nmain()\n")
    done = subprocess.run([sys.executable, "flow.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert "failed" in done.stdout
    assert 'put what it runs under `if __name__ == "__main__":`' in done.stdout
    assert len(list((tmp_path / "output").iterdir())) == 1


def test_a_function_that_a_process_could_not_find_is_refused_before_the_run() -> None:
    @handler("inner", process=True)
    def inner(context: HandlerContext) -> None: ...

    with pytest.raises(
        ConfigurationError, match='"inner" runs in another process, so its function must stand at the top'
    ):
        TaskManager(alt_file_of(task("inner")), None, handlers=[inner])


def test_an_async_function_cannot_be_declared_for_a_process() -> None:
    async def wait(context: HandlerContext) -> None: ...

    with pytest.raises(ConfigurationError, match="async and cannot run in a process"):
        handler("wait", process=True)(wait)

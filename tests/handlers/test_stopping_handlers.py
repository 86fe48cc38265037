"""Handlers in the event loop and in threads stop at a deadline or a cancel, and leave nothing behind."""

import asyncio
import threading
import time

import pytest

from altlas_runner import HandlerContext, TaskStatus
from altlas_runner.task_manager import TaskManager
from altlas_runner.testing import alt_file_of
from tests.handlers.running import run_tasks, task


@pytest.mark.slow
def test_a_deadline_tells_a_thread_to_stop_and_waits_for_it() -> None:
    ended = threading.Event()

    def patient(context: HandlerContext) -> None:
        while not context.cancelled:
            time.sleep(0.01)
        ended.set()

    (result,) = run_tasks({"patient": patient}, task("patient", timeout_seconds=1))
    assert (result.status, ended.is_set()) == (TaskStatus.TIMEOUT, True)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("handler")]


@pytest.mark.slow
def test_a_thread_that_does_not_stop_is_given_up_and_the_run_ends() -> None:
    release = threading.Event()

    def deaf(context: HandlerContext) -> None:
        release.wait(60)

    (result,) = run_tasks({"deaf": deaf}, task("deaf", timeout_seconds=1), stop_grace_seconds=0.2)
    assert result.status is TaskStatus.TIMEOUT
    assert "did not stop within 0.2 s and was abandoned" in (result.error or "")
    left = [thread for thread in threading.enumerate() if thread.name.startswith("handler")]
    assert [thread.daemon for thread in left] == [True]
    release.set()
    left[0].join(5)


@pytest.mark.slow
def test_a_thread_that_was_given_up_ends_when_its_function_does_also_after_the_run() -> None:
    release = threading.Event()

    async def main() -> None:
        alt = alt_file_of(task("deaf", timeout_seconds=1))
        manager = TaskManager(alt, None, handlers={"deaf": lambda _: release.wait(60)}, stop_grace_seconds=0.1)
        (result,) = await manager.run()
        assert result.status is TaskStatus.TIMEOUT
        (thread,) = [thread for thread in threading.enumerate() if thread.name.startswith("handler")]
        release.set()
        while asyncio.all_tasks() != {asyncio.current_task()}:
            await asyncio.sleep(0.01)
        thread.join(5)
        assert not thread.is_alive()

    asyncio.run(main())


@pytest.mark.parametrize("kind", ["async", "thread"])
def test_cancelling_the_coroutine_of_a_run_ends_its_handlers(kind: str) -> None:
    ended = threading.Event()
    began = threading.Event()

    async def in_loop(context: HandlerContext) -> None:
        began.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    def in_thread(context: HandlerContext) -> None:
        began.set()
        while not context.cancelled:
            time.sleep(0.005)
        ended.set()

    async def main() -> None:
        handlers = {"wait": in_loop if kind == "async" else in_thread}
        run = asyncio.ensure_future(TaskManager(alt_file_of(task("wait")), None, handlers=handlers).run())
        while not began.is_set():
            await asyncio.sleep(0.01)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        assert ended.is_set()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("handler")]


def test_a_run_of_many_plain_handlers_leaves_no_thread() -> None:
    tasks = [task("n", f"t{n}", parameters={"n": n}) for n in range(600)]
    results = run_tasks({"n": lambda context: context.parameters["n"]}, *tasks, max_concurrency=8)
    assert [result.output for result in results] == list(range(600))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("handler")]


@pytest.mark.slow
def test_threads_that_were_given_up_do_not_pile_up_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("altlas_runner.handlers.threads._MOST_GIVEN_UP", 2)
    release = threading.Event()
    tasks = [task("deaf", f"t{n}", timeout_seconds=1) for n in range(3)]
    results = run_tasks({"deaf": lambda _: release.wait(60)}, *tasks, max_concurrency=1, stop_grace_seconds=0.1)
    assert [result.error_code for result in results] == ["AI_DEADLINE", "AI_DEADLINE", "HANDLER_THREADS"]
    release.set()
    for thread in [thread for thread in threading.enumerate() if thread.name.startswith("handler")]:
        thread.join(5)
        assert not thread.is_alive()

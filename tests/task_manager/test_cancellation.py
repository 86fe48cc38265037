"""Cancelling ends a run soon, with a result for every task and nothing left behind."""

import asyncio
from functools import partial

import pytest

from altlas_runner.execution import Outcome, TaskAttempt
from altlas_runner.statuses import TaskStatus
from altlas_runner.task_manager import TaskManager
from altlas_runner.testing import FakeExecutor, alt_file_of, run_in_virtual_time


def test_cancel_stops_running_tasks_and_cancels_the_others() -> None:
    executor = FakeExecutor({"done": 1.0, "running": 100.0})
    alt = alt_file_of({"id": "done"}, {"id": "running"}, {"id": "later", "dependencies": ["running"]})

    async def main() -> None:
        manager = TaskManager(alt, executor)
        asyncio.get_running_loop().call_later(5.0, manager.cancel, "enough")
        done, running, later = await manager.run()
        assert done.status is TaskStatus.COMPLETED
        assert (running.status, running.error, running.execution_time_ms) == (TaskStatus.CANCELLED, "enough", 5000)
        assert later.status is TaskStatus.CANCELLED
        assert asyncio.get_running_loop().time() == 5.0

    run_in_virtual_time(main)
    assert executor.running == 0


def test_a_run_cancelled_before_it_began_calls_nothing() -> None:
    executor = FakeExecutor()

    async def main() -> None:
        manager = TaskManager(alt_file_of({"id": "a"}), executor)
        manager.cancel()
        (result,) = await manager.run()
        assert (result.status, result.attempts) == (TaskStatus.CANCELLED, [])

    run_in_virtual_time(main)
    assert executor.calls == []


def test_cancelling_twice_changes_nothing() -> None:
    async def main() -> None:
        manager = TaskManager(alt_file_of({"id": "a"}), FakeExecutor({"a": 50.0}))
        for delay in (1.0, 1.0, 2.0):
            asyncio.get_running_loop().call_later(delay, manager.cancel, f"after {delay}")
        (result,) = await manager.run()
        assert result.error == "after 1.0"
        manager.cancel("after the end")
        assert manager.statuses == {"a": TaskStatus.CANCELLED}

    run_in_virtual_time(main)


def test_an_answer_that_is_complete_while_the_run_is_cancelled_is_kept() -> None:
    class Finishing(FakeExecutor):
        async def attempt(self, attempt: TaskAttempt) -> Outcome:
            try:
                return await super().attempt(attempt)
            except asyncio.CancelledError:
                return Outcome.completed("paid for")

    async def main() -> None:
        manager = TaskManager(alt_file_of({"id": "a"}), Finishing({"a": 50.0}))
        asyncio.get_running_loop().call_later(1.0, manager.cancel)
        (result,) = await manager.run()
        assert (result.status, result.output) == (TaskStatus.COMPLETED, "paid for")

    run_in_virtual_time(main)


@pytest.mark.parametrize("instant", [0.0, 0.5, 1.0, 1.5, 2.0])
def test_cancelling_the_coroutine_of_a_run_leaves_nothing_behind(instant: float) -> None:
    """`run_in_virtual_time` itself fails when a task is left."""
    executor = FakeExecutor()
    alt = alt_file_of(*({"id": f"t{i}", "dependencies": [f"t{i - 3}"] if i > 2 else None} for i in range(9)))

    async def main() -> None:
        run = asyncio.ensure_future(TaskManager(alt, executor, 2).run())
        await asyncio.sleep(instant)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run

    run_in_virtual_time(main)
    assert executor.running == 0


def test_a_task_manager_runs_once() -> None:
    async def main() -> None:
        manager = TaskManager(alt_file_of({"id": "a"}), FakeExecutor())
        await manager.run()
        with pytest.raises(RuntimeError, match="runs once"):
            await manager.run()

    run_in_virtual_time(main)


def test_nothing_starts_after_the_coroutine_of_a_run_was_cancelled() -> None:
    """Not even when an executor turns the cancellation into an outcome."""

    class Swallowing(FakeExecutor):
        async def attempt(self, attempt: TaskAttempt) -> Outcome:
            try:
                return await super().attempt(attempt)
            except asyncio.CancelledError:
                return Outcome.completed("swallowed")

    executor = Swallowing({"a": 50.0})

    async def main() -> None:
        run = asyncio.ensure_future(TaskManager(alt_file_of({"id": "a"}, {"id": "b"}), executor, 1).run())
        await asyncio.sleep(1.0)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        assert asyncio.get_running_loop().time() == 1.0

    run_in_virtual_time(main)
    assert executor.started() == ["a"]


def test_a_second_cancellation_still_waits_for_what_is_stopping() -> None:
    class Reluctant(FakeExecutor):
        async def attempt(self, attempt: TaskAttempt) -> Outcome:
            try:
                return await super().attempt(attempt)
            except asyncio.CancelledError:
                await asyncio.sleep(2.0)
                raise

    async def main() -> None:
        run = asyncio.ensure_future(TaskManager(alt_file_of({"id": "a"}), Reluctant({"a": 50.0})).run())
        for _ in range(3):
            await asyncio.sleep(0.5)
            run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        assert asyncio.get_running_loop().time() == 2.5

    run_in_virtual_time(main)


def test_an_attempt_that_cancels_its_own_task_and_returns_at_once_harms_no_other() -> None:
    """A cancellation that the attempt never met must not reach what its worker does next."""
    alt = alt_file_of(
        {"id": "self"}, {"id": "other"}, *({"id": name, "dependencies": ["other"]} for name in ("left", "right"))
    )

    async def main(concurrency: int) -> list[str]:
        class CancelsItself(FakeExecutor):
            async def attempt(self, attempt: TaskAttempt) -> Outcome:
                if attempt.task.id == "self":
                    manager.cancel_task("self")
                    return Outcome.completed("done all the same")
                return await super().attempt(attempt)

        manager = TaskManager(alt, CancelsItself({"other": 1.0, "left": 1.0, "right": 1.0}), concurrency)
        return [result.status.value for result in await manager.run()]

    for concurrency in (1, 2, 3):
        assert run_in_virtual_time(partial(main, concurrency)) == ["completed"] * 4


def test_an_attempt_that_cancels_its_own_task_is_stopped_where_it_waits() -> None:
    async def main() -> None:
        class CancelsItself(FakeExecutor):
            async def attempt(self, attempt: TaskAttempt) -> Outcome:
                manager.cancel_task("self", "enough")
                return await super().attempt(attempt)

        manager = TaskManager(alt_file_of({"id": "self"}), CancelsItself({"self": 100.0}))
        (result,) = await manager.run()
        assert (result.status, result.error, result.execution_time_ms) == (TaskStatus.CANCELLED, "enough", 0)

    run_in_virtual_time(main)

"""A task's deadline covers every attempt and every wait, and begins when the task first gets a slot."""

import asyncio
import math

import pytest

from altlas_runner.execution import Outcome, TaskAttempt
from altlas_runner.statuses import TaskStatus
from altlas_runner.task_manager import Event, TaskManager
from altlas_runner.testing import FakeExecutor, alt_file_of, run_in_virtual_time


def test_a_task_past_its_deadline_is_stopped_and_its_dependents_are_skipped() -> None:
    executor = FakeExecutor({"a": 100.0})
    alt = alt_file_of({"id": "a", "timeout_seconds": 5}, {"id": "b", "dependencies": ["a"]}, {"id": "c"})
    a, b, c = run_in_virtual_time(lambda: TaskManager(alt, executor).run())
    assert (a.status, a.error_code, a.execution_time_ms) == (TaskStatus.TIMEOUT, "AI_DEADLINE", 5000)
    assert a.attempts[0].status is TaskStatus.TIMEOUT
    assert (b.status, c.status) == (TaskStatus.SKIPPED, TaskStatus.COMPLETED)
    assert executor.running == 0


def test_the_deadline_begins_with_the_first_slot_not_with_the_run() -> None:
    executor = FakeExecutor(default_duration=4.0)
    alt = alt_file_of({"id": "a"}, {"id": "b", "timeout_seconds": 5})
    results = run_in_virtual_time(lambda: TaskManager(alt, executor, 1).run())
    assert results[1].status is TaskStatus.COMPLETED


def test_the_deadline_covers_attempts_and_waits_together() -> None:
    failing = Outcome.failed("X", "x", retry="yes", retry_after=2.0)
    executor = FakeExecutor(outcomes={"a": [failing]}, max_retries=50)
    alt = alt_file_of({"id": "a", "timeout_seconds": 10})
    (result,) = run_in_virtual_time(lambda: TaskManager(alt, executor, seed=1).run())
    assert result.status is TaskStatus.TIMEOUT
    assert result.execution_time_ms <= 10_000


def test_a_wait_that_would_reach_past_the_deadline_ends_the_task_at_once() -> None:
    failing = Outcome.failed("AI_RATE_LIMITED", "slow down", retry="yes", retry_after=60.0)
    executor = FakeExecutor(outcomes={"a": [failing]}, max_retries=5)
    (result,) = run_in_virtual_time(
        lambda: TaskManager(alt_file_of({"id": "a", "timeout_seconds": 10}), executor).run()
    )
    assert (result.status, result.execution_time_ms) == (TaskStatus.TIMEOUT, 1000)
    assert "AI_RATE_LIMITED: slow down" in (result.error or "")


def test_a_timeout_of_zero_has_passed_at_once_and_nothing_is_called() -> None:
    executor = FakeExecutor()
    alt = alt_file_of({"id": "a", "timeout_seconds": 0}, {"id": "b"})
    a, b = run_in_virtual_time(lambda: TaskManager(alt, executor, 1).run())
    assert (a.status, a.attempts) == (TaskStatus.TIMEOUT, [])
    assert executor.started() == ["b"]
    assert b.status is TaskStatus.COMPLETED


def test_an_attempt_that_refuses_to_stop_is_abandoned_and_its_slot_is_free_again() -> None:
    class Stubborn(FakeExecutor):
        async def attempt(self, attempt: TaskAttempt) -> Outcome:
            if attempt.task.id != "stubborn":
                return await super().attempt(attempt)
            end = asyncio.get_running_loop().time() + 20.0
            while (left := end - asyncio.get_running_loop().time()) > 0:
                try:
                    await asyncio.sleep(left)
                except asyncio.CancelledError:
                    continue
            return Outcome.completed("too late")

    executor = Stubborn()
    alt = alt_file_of({"id": "stubborn", "timeout_seconds": 2}, {"id": "next"})

    async def main() -> None:
        manager = TaskManager(alt, executor, 1, stop_grace_seconds=3.0)
        stubborn, following = await manager.run()
        assert (stubborn.status, stubborn.execution_time_ms) == (TaskStatus.TIMEOUT, 5000)
        assert "abandoned" in (stubborn.error or "")
        assert following.status is TaskStatus.COMPLETED
        assert executor.calls[0].started_at == 5.0
        await asyncio.sleep(30)  # the abandoned attempt ends by itself, and says nothing any more

    run_in_virtual_time(main)


def test_a_deadline_that_the_executor_saw_first_is_a_timeout_too() -> None:
    executor = FakeExecutor(outcomes={"a": [Outcome.failed("AI_DEADLINE", "the deadline passed")]}, max_retries=3)
    (result,) = run_in_virtual_time(lambda: TaskManager(alt_file_of({"id": "a"}), executor).run())
    assert (result.status, result.attempts[0].status) == (TaskStatus.TIMEOUT, TaskStatus.TIMEOUT)


@pytest.mark.parametrize("seconds", [1e14, math.inf, math.nan, -5.0])
def test_a_retry_after_that_no_calendar_holds_does_not_end_the_run(seconds: float) -> None:
    events: list[Event] = []
    executor = FakeExecutor(outcomes={"a": [Outcome.failed("X", "x", retry="yes", retry_after=seconds)]}, max_retries=9)
    alt = alt_file_of({"id": "a"}, {"id": "b"})

    async def main() -> None:
        manager = TaskManager(alt, executor, on_event=events.append)
        asyncio.get_running_loop().call_later(3600.0, manager.cancel)
        a, b = await manager.run()
        assert a.status in (TaskStatus.FAILED, TaskStatus.CANCELLED)
        assert b.status is TaskStatus.COMPLETED

    run_in_virtual_time(main)
    assert type(events[-1]).__name__ == "RunFinished"


def test_a_timeout_that_no_clock_holds_is_as_good_as_none() -> None:
    alt = alt_file_of({"id": "a", "timeout_seconds": 10**400})
    (result,) = run_in_virtual_time(lambda: TaskManager(alt, FakeExecutor()).run())
    assert result.status is TaskStatus.COMPLETED


@pytest.mark.parametrize("instant", [1e14, math.inf])
def test_a_hold_that_no_calendar_holds_does_not_break_the_run(instant: float) -> None:
    """It lasts until somebody ends the run."""
    events: list[Event] = []
    executor = FakeExecutor(outcomes={"a": [Outcome.held(instant, "RATE_LIMIT")]})

    async def main() -> None:
        manager = TaskManager(alt_file_of({"id": "a"}, {"id": "b"}), executor, on_event=events.append)
        asyncio.get_running_loop().call_later(3600.0, manager.cancel)
        a, b = await manager.run()
        assert (a.status, b.status) == (TaskStatus.CANCELLED, TaskStatus.COMPLETED)

    run_in_virtual_time(main)
    assert type(events[-1]).__name__ == "RunFinished"


def test_a_deadline_that_passes_before_the_attempt_has_begun_is_one_of_many_even_without_any_grace() -> None:
    """The loop was late: the slot, the deadline and the end of no grace at all come in one turn of it."""

    class HeldOnce(FakeExecutor):
        async def attempt(self, attempt: TaskAttempt) -> Outcome:
            if attempt.task.id == "late" and asyncio.get_running_loop().time() == 0.0:
                return Outcome.held(0.2, "NO_ROOM")
            return await super().attempt(attempt)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        alt = alt_file_of({"id": "late", "timeout_seconds": 1}, {"id": "other"})
        manager = TaskManager(alt, HeldOnce({"other": 0.05}), 1, stop_grace_seconds=0.0)
        loop.call_later(0.1, manager.pause)
        loop.call_later(0.5, setattr, loop, "now", 1.0)
        loop.call_later(0.9, manager.resume)
        late, other = await manager.run()
        assert (late.status, late.error_code) == (TaskStatus.TIMEOUT, "AI_DEADLINE")
        assert other.status is TaskStatus.COMPLETED

    run_in_virtual_time(main)

"""A deadline of the run, failing fast, cancelling one task, pausing: each ends or holds just what it should."""

import asyncio

import pytest

from altlas_runner.errors import ConfigurationError
from altlas_runner.execution import Outcome, TaskAttempt
from altlas_runner.results import TaskResult
from altlas_runner.statuses import TaskStatus
from altlas_runner.task_manager import Event, RunFinished, RunPaused, RunResumed, TaskManager, TaskWaiting
from altlas_runner.testing import FakeExecutor, alt_file_of, run_in_virtual_time

CANCELLED, COMPLETED, SKIPPED = TaskStatus.CANCELLED, TaskStatus.COMPLETED, TaskStatus.SKIPPED


FAILS_ONCE = [Outcome.failed("FAKE_FAILURE", "no", retry="yes"), Outcome.completed()]


def ends(results: list[TaskResult]) -> list[tuple[TaskStatus, str | None]]:
    return [(result.status, result.error_code) for result in results]


def test_the_deadline_of_a_run_cancels_what_has_not_ended() -> None:
    events: list[Event] = []
    alt = alt_file_of({"id": "short"}, {"id": "long"}, {"id": "after", "dependencies": ["long"]})

    async def main() -> list[TaskResult]:
        executor = FakeExecutor({"short": 1.0, "long": 60.0})
        manager = TaskManager(alt, executor, run_deadline_seconds=10, on_event=events.append)
        results = await manager.run()
        assert asyncio.get_running_loop().time() == 10.0
        return results

    results = run_in_virtual_time(main)
    assert ends(results) == [(COMPLETED, None), (CANCELLED, "RUN_DEADLINE"), (CANCELLED, "RUN_DEADLINE")]
    assert results[1].error == "the run's deadline of 10 s passed"
    assert isinstance(events[-1], RunFinished)
    assert events[-1].reason == "RUN_DEADLINE"


def test_a_run_that_ends_before_its_deadline_does_not_wait_for_it() -> None:
    async def main() -> None:
        await TaskManager(alt_file_of({"id": "a"}), FakeExecutor({"a": 1.0}), run_deadline_seconds=3600).run()
        assert asyncio.get_running_loop().time() == 1.0

    run_in_virtual_time(main)


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_a_deadline_that_is_no_time_is_refused(seconds: float) -> None:
    with pytest.raises(ConfigurationError, match="deadline must be more than 0 s"):
        TaskManager(alt_file_of({"id": "a"}), FakeExecutor(), run_deadline_seconds=seconds)


def test_failing_fast_cancels_the_rest_and_skips_the_dependents() -> None:
    alt = alt_file_of({"id": "bad"}, {"id": "after", "dependencies": ["bad"]}, {"id": "running"}, {"id": "later"})

    async def main() -> list[TaskResult]:
        executor = FakeExecutor({"bad": 1.0, "running": 60.0}, {"bad": FAILS_ONCE})
        return await TaskManager(alt, executor, 2, fail_fast=True).run()

    results = run_in_virtual_time(main)
    assert ends(results) == [
        (TaskStatus.FAILED, "FAKE_FAILURE"),
        (SKIPPED, "DEPENDENCY_NOT_COMPLETED"),
        (CANCELLED, "FAIL_FAST"),
        (CANCELLED, "FAIL_FAST"),
    ]


def test_a_failure_that_is_tried_again_does_not_fail_fast() -> None:
    alt = alt_file_of({"id": "a", "retry_count": 1}, {"id": "b"})

    async def main() -> list[TaskResult]:
        return await TaskManager(alt, FakeExecutor({"b": 90.0}, {"a": FAILS_ONCE}), 2, fail_fast=True).run()

    assert ends(run_in_virtual_time(main)) == [(COMPLETED, None)] * 2


def test_cancelling_one_task_skips_its_dependents_and_lets_the_rest_go_on() -> None:
    alt = alt_file_of({"id": "a"}, {"id": "after", "dependencies": ["a"]}, {"id": "b"})

    async def main() -> list[TaskResult]:
        manager = TaskManager(alt, FakeExecutor({"a": 60.0, "b": 3.0}), fail_fast=True)
        asyncio.get_running_loop().call_later(1.0, manager.cancel_task, "a", "not needed")
        results = await manager.run()
        manager.cancel_task("a")  # after the end: nothing
        return results

    results = run_in_virtual_time(main)
    assert ends(results) == [(CANCELLED, "CANCELLED"), (SKIPPED, "DEPENDENCY_NOT_COMPLETED"), (COMPLETED, None)]
    assert results[0].error == "not needed"


def test_a_task_cancelled_before_the_run_never_starts() -> None:
    executor = FakeExecutor()

    async def main() -> list[TaskResult]:
        manager = TaskManager(alt_file_of({"id": "a"}, {"id": "b"}), executor)
        manager.cancel_task("a")
        return await manager.run()

    assert ends(run_in_virtual_time(main)) == [(CANCELLED, "CANCELLED"), (COMPLETED, None)]
    assert executor.started() == ["b"]


def test_a_task_that_is_not_there_cannot_be_cancelled() -> None:
    with pytest.raises(KeyError):
        TaskManager(alt_file_of({"id": "a"}), FakeExecutor()).cancel_task("b")


def test_in_a_pause_nothing_starts_and_what_runs_goes_on() -> None:
    events: list[Event] = []
    alt = alt_file_of({"id": "a"}, {"id": "b", "dependencies": ["a"]})

    async def main() -> list[TaskResult]:
        manager = TaskManager(alt, FakeExecutor({"a": 2.0, "b": 1.0}), on_event=events.append)
        loop = asyncio.get_running_loop()
        for instant, ask in ((1.0, manager.pause), (1.5, manager.pause), (7.0, manager.resume), (7.5, manager.resume)):
            loop.call_at(instant, ask)
        results = await manager.run()
        assert loop.time() == 8.0
        return results

    a, b = run_in_virtual_time(main)
    assert (a.execution_time_ms, b.execution_time_ms) == (2000, 1000)
    assert [type(event) for event in events if isinstance(event, (RunPaused, RunResumed))] == [RunPaused, RunResumed]


def test_a_run_paused_before_it_began_can_be_cancelled() -> None:
    events: list[Event] = []

    async def main() -> list[TaskResult]:
        manager = TaskManager(alt_file_of({"id": "a"}), FakeExecutor(), on_event=events.append)
        manager.pause()
        asyncio.get_running_loop().call_later(1.0, manager.cancel)
        return await manager.run()

    assert ends(run_in_virtual_time(main)) == [(CANCELLED, "CANCELLED")]
    assert RunPaused in map(type, events)


class Limited(FakeExecutor):
    """Has no room for anybody before an instant."""

    async def attempt(self, attempt: TaskAttempt) -> Outcome:
        loop = asyncio.get_running_loop()
        if loop.time() < 30.0 and attempt.task.id != "free":
            return Outcome.held(30.0, "RATE_LIMIT")
        return await super().attempt(attempt)


def test_a_task_for_which_the_executor_has_no_room_waits_without_a_slot_and_without_an_attempt() -> None:
    events: list[Event] = []
    executor = Limited({"held": 1.0, "free": 1.0})

    async def main() -> list[TaskResult]:
        manager = TaskManager(alt_file_of({"id": "held"}, {"id": "free"}), executor, 1, on_event=events.append)
        return await manager.run()

    held, free = run_in_virtual_time(main)
    assert (held.status, held.retry_count, len(held.attempts), held.execution_time_ms) == (COMPLETED, 0, 1, 31_000)
    assert free.completed_at is not None
    assert held.attempts[0].started_at > free.completed_at
    assert [(event.task_id, event.reason) for event in events if isinstance(event, TaskWaiting)] == [
        ("held", "RATE_LIMIT")
    ]


def test_a_task_without_room_before_its_deadline_ends_at_once() -> None:
    async def main() -> list[TaskResult]:
        results = await TaskManager(alt_file_of({"id": "a", "timeout_seconds": 20}), Limited()).run()
        assert asyncio.get_running_loop().time() == 0.0
        return results

    assert ends(run_in_virtual_time(main)) == [(TaskStatus.TIMEOUT, "AI_DEADLINE")]

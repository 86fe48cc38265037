"""A failed task never raises, never hangs the run and never hides."""

import asyncio
from typing import Any

import pytest

from altlas_runner.execution import Outcome, TaskAttempt
from altlas_runner.results import TaskResult, Usage
from altlas_runner.statuses import TaskStatus
from altlas_runner.task_manager import TaskManager
from altlas_runner.task_manager.scheduler import Scheduler
from altlas_runner.task_manager.signals import Signal, Tick
from altlas_runner.testing import FakeExecutor, alt_file_of, run_in_virtual_time

DIAMOND = (
    {"id": "top"},
    {"id": "left", "dependencies": ["top"]},
    {"id": "right", "dependencies": ["top"]},
    {"id": "bottom", "dependencies": ["left", "right"]},
    {"id": "end", "dependencies": ["bottom"]},
    {"id": "alone"},
)


def by_id(results: list[TaskResult]) -> dict[str, TaskResult]:
    return {result.task_id: result for result in results}


def test_dependents_of_a_failed_task_are_skipped_and_the_rest_completes() -> None:
    executor = FakeExecutor(outcomes={"left": [Outcome.failed("AI_UPSTREAM", "the service answered 500")]})
    results = by_id(run_in_virtual_time(lambda: TaskManager(alt_file_of(*DIAMOND), executor).run()))
    assert {task_id: result.status.value for task_id, result in results.items()} == {
        "top": "completed",
        "left": "failed",
        "right": "completed",
        "bottom": "skipped",
        "end": "skipped",
        "alone": "completed",
    }
    assert results["left"].error_code == "AI_UPSTREAM"
    assert results["left"].error == "the service answered 500"


def test_a_skipped_task_names_the_dependency_that_did_not_complete() -> None:
    executor = FakeExecutor(outcomes={"left": [Outcome.failed("AI_UPSTREAM", "no")]})
    results = by_id(run_in_virtual_time(lambda: TaskManager(alt_file_of(*DIAMOND), executor).run()))
    assert results["bottom"].error == 'dependency "left" did not complete (failed, AI_UPSTREAM)'
    assert (
        results["end"].error == 'dependency "bottom" was skipped, because "left" did not complete (failed, AI_UPSTREAM)'
    )
    assert results["end"].metadata == {"skipped_because_of": "left"}
    assert results["end"].attempts == []
    assert results["end"].started_at is None


def test_a_failure_that_may_pass_is_tried_again_as_often_as_the_task_says() -> None:
    executor = FakeExecutor(outcomes={"a": [Outcome.failed("X", "x", retry="yes")]})
    alt = alt_file_of({"id": "a", "retry_count": 2})
    (result,) = run_in_virtual_time(lambda: TaskManager(alt, executor).run())
    assert [attempt.number for attempt in result.attempts] == [1, 2, 3]
    assert (result.status, result.retry_count) == (TaskStatus.FAILED, 2)


def test_a_task_without_retry_count_takes_the_policy_of_its_executor() -> None:
    executor = FakeExecutor(outcomes={"a": [Outcome.failed("X", "x", retry="yes")]}, max_retries=4)
    (result,) = run_in_virtual_time(lambda: TaskManager(alt_file_of({"id": "a"}), executor).run())
    assert result.retry_count == 4


def test_a_task_that_waits_for_its_next_attempt_holds_no_slot() -> None:
    outcomes = {"a": [Outcome.failed("X", "x", retry="yes", retry_after=10.0), Outcome.completed("late")]}
    executor = FakeExecutor(outcomes=outcomes)
    alt = alt_file_of({"id": "a", "retry_count": 1}, {"id": "b"}, {"id": "c"})
    results = by_id(run_in_virtual_time(lambda: TaskManager(alt, executor, 1).run()))
    assert [(call.task_id, call.started_at) for call in executor.calls] == [("a", 0), ("b", 1), ("c", 2), ("a", 11)]
    assert results["a"].attempts[1].wait_before_ms == 10_000
    assert results["a"].output == "late"


def test_each_attempt_has_what_it_used_and_the_result_their_sum() -> None:
    outcomes = [
        Outcome.failed("X", "x", retry="yes", usage=Usage(9, 1, 0.5)),
        Outcome.failed("X", "x", retry="yes"),
        Outcome.completed("late", usage=Usage(9, 4, 0.25)),
    ]
    executor = FakeExecutor(outcomes={"a": outcomes}, max_retries=2)
    (result,) = run_in_virtual_time(lambda: TaskManager(alt_file_of({"id": "a"}), executor).run())
    assert [attempt.usage for attempt in result.attempts] == [Usage(9, 1, 0.5), None, Usage(9, 4, 0.25)]
    assert result.usage == Usage(18, 5, 0.75)


def test_a_failure_that_may_be_tried_once_more_is_tried_once_more() -> None:
    executor = FakeExecutor(outcomes={"a": [Outcome.failed("AI_BAD_RESPONSE", "html", retry="once")]}, max_retries=9)
    (result,) = run_in_virtual_time(lambda: TaskManager(alt_file_of({"id": "a"}), executor).run())
    assert result.retry_count == 1


@pytest.mark.parametrize("error", [ValueError("boom"), RecursionError("deep"), asyncio.CancelledError()])
def test_an_executor_that_raises_fails_its_task_alone(error: BaseException) -> None:
    executor = FakeExecutor(outcomes={"a": [error]})
    results = by_id(run_in_virtual_time(lambda: TaskManager(alt_file_of({"id": "a"}, {"id": "b"}), executor, 1).run()))
    assert (results["a"].status, results["a"].error_code) == (TaskStatus.FAILED, "EXECUTOR_ERROR")
    assert results["b"].status is TaskStatus.COMPLETED


def test_an_executor_that_returns_nonsense_fails_its_task() -> None:
    class Nonsense:
        async def attempt(self, attempt: TaskAttempt) -> Outcome:
            return "done"  # type: ignore[return-value]

    (result,) = run_in_virtual_time(lambda: TaskManager(alt_file_of({"id": "a"}), Nonsense()).run())
    assert result.error == "the executor returned str instead of an Outcome"


def test_usage_of_all_attempts_is_added_up() -> None:
    from altlas_runner.results import Usage

    failed = Outcome.failed("X", "x", retry="yes", usage=Usage(10, 1, 0.5))
    executor = FakeExecutor(outcomes={"a": [failed, Outcome.completed("ok", usage=Usage(20, 2, 0.25))]}, max_retries=1)
    (result,) = run_in_virtual_time(lambda: TaskManager(alt_file_of({"id": "a"}), executor).run())
    assert result.usage == Usage(30, 3, 0.75)


def test_a_scheduler_that_raises_when_its_time_has_come_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    step = Scheduler.step

    def broken(self: Scheduler, signal: Signal, now: float) -> Any:
        if isinstance(signal, Tick):
            raise RuntimeError("the scheduler is broken")
        return step(self, signal, now)

    class NeverHasRoom:
        async def attempt(self, attempt: TaskAttempt) -> Outcome:
            return Outcome.held(asyncio.get_running_loop().time() + 0.01, "NO_ROOM")

    async def main() -> None:
        manager = TaskManager(alt_file_of({"id": "a"}), NeverHasRoom(), 1)
        await asyncio.wait_for(manager.run(), 20)

    monkeypatch.setattr(Scheduler, "step", broken)
    with pytest.raises(RuntimeError, match="the scheduler is broken"):
        asyncio.run(main())

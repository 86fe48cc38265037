"""Observers hear every fact of a run once and in order, and can never disturb it."""

import logging

import pytest

from altlas_runner.execution import Outcome, TaskAttempt
from altlas_runner.statuses import TaskStatus
from altlas_runner.task_manager import Event, TaskFinished, TaskManager, TaskWaiting
from altlas_runner.testing import FakeExecutor, alt_file_of, run_in_virtual_time


def told(events: list[Event]) -> list[str]:
    return [type(event).__name__ + ":" + getattr(event, "task_id", "") for event in events]


def test_the_stream_tells_the_whole_story_in_order() -> None:
    events: list[Event] = []
    outcomes = {"a": [Outcome.failed("X", "x", retry="yes"), Outcome.completed(1)]}
    executor = FakeExecutor(outcomes=outcomes, max_retries=1)
    alt = alt_file_of({"id": "a"}, {"id": "b", "dependencies": ["a"]})
    run_in_virtual_time(lambda: TaskManager(alt, executor, on_event=events.append).run())
    assert told(events) == [
        "RunStarted:",
        "TaskReady:a",
        "TaskStarted:a",
        "AttemptFailed:a",
        "TaskWaiting:a",
        "TaskReady:a",
        "TaskStarted:a",
        "TaskFinished:a",
        "TaskReady:b",
        "TaskStarted:b",
        "TaskFinished:b",
        "RunFinished:",
    ]
    waiting = next(event for event in events if isinstance(event, TaskWaiting))
    assert (waiting.number, waiting.reason) == (2, "X")
    times = [event.at for event in events]
    assert times == sorted(times)


def test_the_results_can_be_derived_from_the_events() -> None:
    events: list[Event] = []
    executor = FakeExecutor(outcomes={"a": [Outcome.failed("X", "x")]})
    alt = alt_file_of({"id": "a"}, {"id": "b", "dependencies": ["a"]}, {"id": "c"})
    results = run_in_virtual_time(lambda: TaskManager(alt, executor, on_event=events.append).run())
    finished = {event.task_id: event.result for event in events if isinstance(event, TaskFinished)}
    assert [finished[result.task_id] for result in results] == results


def test_an_observer_that_raises_is_removed_and_logged_and_the_run_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[Event] = []

    def observer(event: Event) -> None:
        heard.append(event)
        raise ValueError("observer is broken")

    with caplog.at_level(logging.ERROR, "altlas_runner"):
        results = run_in_virtual_time(
            lambda: TaskManager(alt_file_of({"id": "a"}), FakeExecutor(), on_event=observer).run()
        )
    assert results[0].status is TaskStatus.COMPLETED
    assert len(heard) == 1
    assert "observer of the run raised" in caplog.text


def test_an_observer_may_cancel_the_run_and_still_hears_everything_in_order() -> None:
    events: list[Event] = []
    manager: TaskManager

    def observer(event: Event) -> None:
        events.append(event)
        if isinstance(event, TaskFinished) and event.task_id == "a":
            manager.cancel("seen enough")

    alt = alt_file_of({"id": "a"}, {"id": "b", "dependencies": ["a"]}, {"id": "c", "dependencies": ["b"]})
    manager = TaskManager(alt, FakeExecutor(), on_event=observer)
    run_in_virtual_time(manager.run)
    assert told(events)[-1] == "RunFinished:"
    assert [event.at for event in events] == sorted(event.at for event in events)
    finished = [event for event in events if isinstance(event, TaskFinished)]
    assert sorted(event.task_id for event in finished) == ["a", "b", "c"]


def test_progress_that_an_executor_emits_reaches_the_observer() -> None:
    class Talking(FakeExecutor):
        async def attempt(self, attempt: TaskAttempt) -> Outcome:
            attempt.emit("delta", {"text": "hel"})
            return await super().attempt(attempt)

    events: list[Event] = []
    run_in_virtual_time(lambda: TaskManager(alt_file_of({"id": "a"}), Talking(), on_event=events.append).run())
    assert "TaskProgress:a" in told(events)


def test_an_attempt_that_has_ended_reports_no_progress_any_more() -> None:
    kept: list[TaskAttempt] = []

    class Keeping(FakeExecutor):
        async def attempt(self, attempt: TaskAttempt) -> Outcome:
            kept.append(attempt)
            return await super().attempt(attempt)

    events: list[Event] = []

    async def main() -> None:
        await TaskManager(alt_file_of({"id": "a"}), Keeping(), on_event=events.append).run()
        kept[0].emit("delta", {"text": "late"})

    run_in_virtual_time(main)
    assert told(events)[-1] == "RunFinished:"

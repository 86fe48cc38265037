"""The driver of a run with a journal: nothing goes out, and nobody is told, before what it rests on is on the disk."""

from __future__ import annotations

from collections import deque
from typing import Any

from altlas_runner.errors import JournalError
from altlas_runner.execution import Outcome
from altlas_runner.statuses import TaskStatus
from altlas_runner.task_manager.driver import Driver
from altlas_runner.task_manager.events import (
    AttemptFailed,
    Event,
    RunFinished,
    TaskFinished,
    TaskStarted,
    TaskWaiting,
)
from altlas_runner.task_manager.journal.facts import (
    AttemptBegan,
    AttemptEnded,
    AttemptWithdrawn,
    Fact,
    RunEnded,
    TaskCompleted,
    TaskEnded,
)
from altlas_runner.task_manager.journal.writer import Recorder
from altlas_runner.task_manager.ledger import FirstTry
from altlas_runner.task_manager.signals import Command, EndRun, JournalFailed

__all__ = ["JournalledDriver"]


class JournalledDriver(Driver):
    """A driver that writes down what the scheduler decided before it acts on that.

    The decision itself is made at once, so the scheduler is ahead of the world by the steps that are being written:
    the attempts that it started have not begun, and observers know nothing of them. Stops and timers do not wait.
    """

    def __init__(self, recorder: Recorder, *args: Any) -> None:
        super().__init__(*args)
        self._hand_over = _not_at_once
        self._recorder: Recorder | None = recorder
        self._steps: deque[tuple[list[int], list[Event], bool]] = deque()
        """What waits for the disk: starts, events, and whether the run has ended."""
        recorder.begin(self._on_committed)

    def _perform(self, starts: list[int], commands: list[Command], events: list[Event]) -> list[int]:
        recorder = self._recorder
        if recorder is None:  # it failed
            return super()._perform(starts, commands, self._as_written(events))
        is_last = False
        if commands:
            is_last = type(commands[-1]) is EndRun
            self._follow(commands[:-1] if is_last else commands, [])
        facts = self._facts(events)
        if facts or self._steps or is_last:
            self._steps.append((starts, events, is_last))
            recorder.record(facts)
            return []
        self._follow([], events)
        return starts

    def _facts(self, events: list[Event]) -> list[Fact]:
        facts: list[Fact] = []
        for event in events:
            kind = type(event)
            if kind is TaskFinished:
                result = event.result  # type: ignore[union-attr]
                facts.append(_completed(result) if type(result) is FirstTry else TaskEnded(result))
            elif kind is TaskStarted:
                facts.append(AttemptBegan(event.task_id, event.number, event.at))  # type: ignore[union-attr]
            elif kind is AttemptFailed:
                attempts = self._ledger.attempts[self._substitution.index_of[event.task_id]]  # type: ignore[union-attr]
                facts.append(AttemptEnded(event.task_id, attempts[event.number - 1]))  # type: ignore[union-attr]
            elif kind is TaskWaiting:
                facts.append(AttemptWithdrawn(event.task_id))  # type: ignore[union-attr]
            elif kind is RunFinished:
                facts.append(_run_ended(event))  # type: ignore[arg-type]
        return facts

    def _on_committed(self, count: int, failure: JournalError | None) -> None:
        """Let go what was written down. What goes wrong ends the run, for nobody else would hear of it."""
        try:
            if failure is not None:
                self._go_on_without(failure)
                return
            for _ in range(count):
                if self._done.done():  # the coroutine of the run was cancelled
                    return
                starts, events, is_last = self._steps.popleft()
                self._let_go(starts, events, is_last)
        except Exception as error:
            if not self._done.done():
                self._done.set_exception(error)

    def _let_go(self, starts: list[int], events: list[Event], is_last: bool) -> None:
        """Do what waited for the disk."""
        self._follow(_END if is_last else [], events)
        for task in starts:
            self._assign(task)

    def _go_on_without(self, failure: JournalError) -> None:
        """The journal is gone: what runs may end, nothing else begins."""
        if self._recorder is None or self._done.done():
            return
        self._recorder = None
        withheld = {task for starts, _, _ in self._steps for task in starts}
        ids = {self._plan.ids[task] for task in withheld}
        for _, events, is_last in self._steps:
            happened = [each for each in events if type(each) is not TaskStarted or each.task_id not in ids]
            self._let_go([], self._as_written(happened), is_last)
        self._steps.clear()
        if not self._done.done():
            self.signal(JournalFailed(withheld, str(failure)))

    def _as_written(self, events: list[Event]) -> list[Event]:
        """The events after the journal failed: no task completes, for nobody would know it after a resume."""
        told: list[Event] = []
        for event in events:
            if isinstance(event, TaskFinished) and event.result.status is TaskStatus.COMPLETED:
                task = self._substitution.index_of[event.task_id]
                told.append(event._replace(result=self._ledger.take_back_result(task, "JOURNAL_IO", _NOT_WRITTEN)))
            elif isinstance(event, RunFinished):
                statuses = map(self._ledger.status, range(event.task_count))
                told.append(event._replace(completed=sum(each is TaskStatus.COMPLETED for each in statuses)))
            else:
                told.append(event)
        return told


_END: list[Command] = [EndRun()]
_NOT_WRITTEN = "it completed, but its result could not be written down: a resume runs it again"


def _completed(result: FirstTry) -> TaskCompleted:
    milliseconds = round((result.end - result.start) * 1000)
    return TaskCompleted(result.task_id, result.output, result.usage, *result.instants, milliseconds)


def _run_ended(event: RunFinished) -> RunEnded:
    return RunEnded(event.at, event.task_count, event.completed, event.reason)


def _not_at_once(task: int, outcome: Outcome, now: float) -> int | None:
    return None

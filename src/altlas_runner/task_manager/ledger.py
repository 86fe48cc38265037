"""The ledger: what happened and when, written down while the scheduler decides, as records and as events.

It turns instants of the driver's clock into times of day by one offset taken at the start of the run, so that a jump
of the wall clock changes no duration and no order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime
from itertools import repeat
from math import inf
from typing import Any

from altlas_runner.collector import collector_paused
from altlas_runner.execution import Outcome
from altlas_runner.results import Artifact, Attempt, TaskResult, Usage
from altlas_runner.statuses import TaskStatus
from altlas_runner.task_manager.events import (
    AttemptFailed,
    Event,
    RunFinished,
    RunPaused,
    RunResumed,
    RunStarted,
    TaskFinished,
    TaskReady,
    TaskStarted,
    TaskWaiting,
)

__all__ = ["FirstTry", "Ledger"]

NEVER = -inf
"""The instant of what has not happened."""

_STEP_SECONDS = 1e-4
"""For how long the events of all steps get one time of day; results have exact ones. Making it is dear."""


class WallClock:
    """Tells the time of day at an instant of the driver's clock.

    Args:
        at_zero: POSIX seconds at instant 0 of the driver's clock.
    """

    __slots__ = ("_instant", "_time", "at_zero")

    def __init__(self, at_zero: float) -> None:
        self.at_zero = at_zero
        self._instant = NEVER
        self._time = datetime.fromtimestamp(0, UTC)

    def time_of_day(self, instant: float) -> datetime:
        """The time of day (UTC)."""
        if instant != self._instant:  # one step asks many times for the same instant
            self._instant = instant
            self._time = datetime.fromtimestamp(self.at_zero + instant, UTC)
        return self._time


class FirstTry(TaskResult):
    """The result of a task that completed at its first attempt: most of a large run.

    Only what nothing can be derived from is stored. The other slots stay empty until one of them is asked for; then
    `__getattr__`, which Python calls for an empty slot, fills them all. That halves what such a result costs.
    """

    __slots__ = ("clock", "end", "start")
    start: float
    end: float
    clock: WallClock

    @property
    def instants(self) -> tuple[float, float]:
        """When it began and ended, in POSIX seconds."""
        return self.clock.at_zero + self.start, self.clock.at_zero + self.end

    def __getattr__(self, name: str) -> Any:
        if name not in _DERIVED:
            raise AttributeError(name)
        self.started_at = self.clock.time_of_day(self.start)
        self.completed_at = self.clock.time_of_day(self.end)
        self.execution_time_ms = round((self.end - self.start) * 1000)
        self.error = self.error_code = self.artifacts = self.metadata = None
        self.retry_count = 0
        self.attempts = [Attempt(1, self.started_at, self.completed_at, TaskStatus.COMPLETED)]
        return object.__getattribute__(self, name)


_new_first_try = FirstTry.__new__
_new_event = tuple.__new__  # half of what calling the class costs
_COMPLETED = TaskStatus.COMPLETED


def _first_try(task_id: str, outcome: Outcome | None, start: float, end: float, clock: WallClock) -> TaskResult | None:
    """The result of a task with this outcome of its first attempt; None when that did not complete it."""
    if outcome is None:
        return None
    result = _new_first_try(FirstTry)
    result.task_id = task_id
    result.status = _COMPLETED
    result.output = outcome.output
    result.usage = outcome.usage
    result.start = start
    result.end = end
    result.clock = clock
    return result


_DERIVED = {field.name for field in fields(TaskResult)} - {"task_id", "status", "output", "usage"}


class Ledger:
    """Keeps starts, attempts and usage of every task, makes its result when it ends, and tells the run's events.

    Args:
        ids: task ids in file order.
        run_id: named in the events of the run.
        wall_at_zero: POSIX seconds at instant 0 of the driver's clock.
        observed: whether events are wanted; without, none are made.

    Attributes:
        wall: tells the time of day (UTC) at an instant of the driver's clock.
        unfinished: how many tasks have no result yet.
        first_start: for each task the instant at which it first got a slot, or minus infinity.
        last_start: for each task that got a slot more than once the instant at which it last did.
        attempts: by task the attempts that have ended so far, in order; one that completed at once is not here.
        observed: whether events are made.
        step_at: the time of day that the events of the current step get, exact to a tenth of a millisecond.
    """

    def __init__(self, ids: Sequence[str], run_id: str, wall_at_zero: float, observed: bool) -> None:
        self._results: list[TaskResult | None] = [None] * len(ids)
        self._first_outcome: list[Outcome | None] = [None] * len(ids)
        self._first_end: list[float] = [NEVER] * len(ids)
        self.unfinished = len(ids)
        self._ids = ids
        self._run_id = run_id
        self.observed = observed
        self.step_at = datetime.fromtimestamp(0, UTC)
        self._step_valid_until = NEVER
        self._events: list[Event] = []
        self._clock = WallClock(wall_at_zero)
        self.wall = self._clock.time_of_day
        self.first_start: list[float] = [NEVER] * len(ids)
        self.last_start: dict[int, float] = {}
        self.attempts: dict[int, list[Attempt]] = {}
        self._usage: dict[int, Usage] = {}

    def take_events(self) -> list[Event]:
        """The events since the last call, in order."""
        events, self._events = self._events, []
        return events

    def note_step(self, now: float) -> None:
        """A step is taken, if events are wanted."""
        if now >= self._step_valid_until:
            self._step_valid_until = now + _STEP_SECONDS
            self.step_at = self.wall(now)

    def restore(self, results: Mapping[int, TaskResult], attempts: Mapping[int, list[Attempt]]) -> None:
        """Take over what was written down before the run was resumed: results, and attempts of other tasks."""
        for task, result in results.items():
            self._results[task] = result
        self.unfinished -= len(results)
        for task, earlier in attempts.items():
            self.attempts[task] = list(earlier)
            for attempt in earlier:
                if attempt.usage is not None:
                    self._add_usage(task, attempt.usage)

    def note_run_start(self) -> None:
        """The run began."""
        if self.observed:
            count = len(self._ids)
            self._events.append(RunStarted(self.step_at, self._run_id, count, count - self.unfinished))

    def note_run_end(self, reason: str | None) -> None:
        """No task is left; the code of what ended the run early, or None."""
        if self.observed:
            count = len(self._ids)
            completed = sum(self.status(task) is _COMPLETED for task in range(count))
            self._events.append(RunFinished(self.step_at, self._run_id, count, completed, reason))

    def note_pause(self, paused: bool) -> None:
        """The run was paused, or resumed."""
        if self.observed:
            self._events.append((RunPaused if paused else RunResumed)(self.step_at, self._run_id))

    def note_ready(self, task: int) -> None:
        """The task may start as soon as there is a slot."""
        self._events.append(_new_event(TaskReady, (self.step_at, self._ids[task])))

    def note_wait(self, task: int, until: float, reason: str) -> None:
        """The task waits for its next attempt."""
        if self.observed:
            number = len(self.attempts.get(task, ())) + 1
            self._events.append(TaskWaiting(self.step_at, self._ids[task], number, self.wall(until), reason))

    def note_start(self, task: int) -> None:
        """The attempt begins."""
        number = len(self.attempts[task]) + 1 if task in self.attempts else 1
        self._events.append(_new_event(TaskStarted, (self.step_at, self._ids[task], number)))

    def complete(self, task: int, outcome: Outcome, now: float) -> None:
        """The attempt that began last completed its task."""
        kept = outcome.kept
        if (
            task in self.last_start  # it failed before, or was held
            or task in self.attempts  # before the run was resumed
            or kept is not None
            or outcome.service is not None
            or outcome.metadata is not None
        ):
            self.note_end(task, TaskStatus.COMPLETED, None, None, outcome, now)
            problems = {"artifact_problems": list(kept.problems)} if kept and kept.problems else {}
            metadata = {**(outcome.metadata or {}), **problems} or None
            self.finish(
                task, _COMPLETED, None, None, now, outcome.output, metadata, list(kept.artifacts) if kept else None
            )
            return
        self._first_outcome[task] = outcome
        self._first_end[task] = now
        self.unfinished -= 1
        if self.observed:
            result = _first_try(self._ids[task], outcome, self.first_start[task], now, self._clock)  # told, not kept
            self._events.append(_new_event(TaskFinished, (self.step_at, self._ids[task], result)))

    def result(self, task: int) -> TaskResult | None:
        """The result of a task that has ended, else None."""
        result = self._results[task]
        if result is not None:
            return result
        start, end = self.first_start[task], self._first_end[task]
        return _first_try(self._ids[task], self._first_outcome[task], start, end, self._clock)

    def output(self, task: int) -> Any:
        """The output of a task that has ended."""
        outcome = self._first_outcome[task]
        return self._results[task].output if outcome is None else outcome.output  # type: ignore[union-attr]

    def status(self, task: int) -> TaskStatus | None:
        """The status of a task that has ended, else None."""
        if self._first_outcome[task] is not None:
            return _COMPLETED
        result = self._results[task]
        return None if result is None else result.status

    def results(self) -> list[TaskResult]:
        """The result of every task, in file order, when all have ended."""
        assert not self.unfinished, "tasks are left"
        with collector_paused():
            starts, ends, clock = self.first_start, self._first_end, repeat(self._clock)
            firsts = map(_first_try, self._ids, self._first_outcome, starts, ends, clock)
            return [first or result for first, result in zip(firsts, self._results, strict=True)]  # type: ignore[misc]

    def note_end(
        self, task: int, status: TaskStatus, code: str | None, text: str | None, outcome: Outcome | None, now: float
    ) -> list[Attempt]:
        """The attempt that began last has ended; returns all attempts of the task so far, this one last.

        Args:
            task: whose attempt it was.
            status: how it ended.
            code: the typed reason, or None.
            text: the reason in words, or None.
            outcome: what the executor said; None when it was stopped.
            now: the current instant.
        """
        attempts = self.attempts.get(task)
        if attempts is None:
            attempts = self.attempts[task] = []
        start = self.wall(self.last_start.get(task, self.first_start[task]))
        waited = max(0, round((start - attempts[-1].ended_at).total_seconds() * 1000)) if attempts else 0
        attempt = Attempt(len(attempts) + 1, start, self.wall(now), status, code, text, waited)
        attempts.append(attempt)
        if outcome is not None:
            attempt.model, attempt.service, attempt.usage = outcome.model, outcome.service, outcome.usage
            if outcome.usage is not None:
                self._add_usage(task, outcome.usage)
        if self.observed and status is not TaskStatus.COMPLETED:
            self._events.append(AttemptFailed(self.step_at, self._ids[task], len(attempts), code or "", text or ""))
        return attempts

    def take_back_result(self, task: int, code: str, text: str) -> TaskResult:
        """What completed the task does not count; returns the result that it has instead: it failed."""
        known = self.result(task)
        assert known is not None
        last = replace(known.attempts[-1], status=TaskStatus.FAILED, error_code=code, error=text)
        self._first_outcome[task] = None
        result = TaskResult(
            known.task_id,
            TaskStatus.FAILED,
            error=text,
            error_code=code,
            execution_time_ms=known.execution_time_ms,
            retry_count=known.retry_count,
            started_at=known.started_at,
            completed_at=known.completed_at,
            attempts=[*known.attempts[:-1], last],
            usage=known.usage,
        )
        self._results[task] = result
        return result

    def take_back_start(self, task: int) -> None:
        """The start that was noted last was none."""
        if self.last_start.pop(task, None) is None:
            self.first_start[task] = NEVER

    def finish(
        self,
        task: int,
        status: TaskStatus,
        code: str | None,
        text: str | None,
        now: float,
        output: Any = None,
        metadata: Mapping[str, Any] | None = None,
        artifacts: list[Artifact] | None = None,
    ) -> None:
        """Make the task's result."""
        attempts = self.attempts.get(task)
        first = self.first_start[task]
        result = TaskResult(
            self._ids[task],
            status,
            output,
            text,
            code,
            0 if first == NEVER else round((now - first) * 1000),
            len(attempts) - 1 if attempts else 0,
            artifacts,
            None if metadata is None else dict(metadata),
            None if first == NEVER else self.wall(first),
            self.wall(now),
            attempts or [],
            self._usage.get(task),
        )
        self._results[task] = result
        self.unfinished -= 1
        if self.observed:
            self._events.append(TaskFinished(self.step_at, result.task_id, result))

    def _add_usage(self, task: int, usage: Usage) -> None:
        before = self._usage.get(task)
        self._usage[task] = usage if before is None else before.plus(usage)

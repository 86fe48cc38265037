"""The ledger: what happened and when, written down while the scheduler decides, as records and as events.

It turns instants of the driver's clock into times of day by one offset taken at the start of the run, so that a jump
of the wall clock changes no duration and no order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import UTC, datetime
from math import inf
from typing import Any

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

__all__ = ["Ledger"]

NEVER = -inf
"""The instant of what has not happened."""


class _FirstTry(TaskResult):
    """The result of a task that completed at its first attempt: most of a large run.

    Only what nothing can be derived from is stored. The other slots stay empty until one of them is asked for; then
    `__getattr__`, which Python calls for an empty slot, fills them all. That halves what such a result costs.
    """

    __slots__ = ("record",)
    record: tuple[float, float, float]
    """Start and end on the driver's clock, and the time of day at its zero."""

    def __getattr__(self, name: str) -> Any:
        if name not in _DERIVED:
            raise AttributeError(name)
        start, end, wall_at_zero = self.record
        self.started_at = datetime.fromtimestamp(wall_at_zero + start, UTC)
        self.completed_at = datetime.fromtimestamp(wall_at_zero + end, UTC)
        self.execution_time_ms = round((end - start) * 1000)
        self.error = self.error_code = self.artifacts = self.metadata = None
        self.retry_count = 0
        self.attempts = [Attempt(1, self.started_at, self.completed_at, TaskStatus.COMPLETED)]
        return object.__getattribute__(self, name)


_new_first_try = _FirstTry.__new__
_COMPLETED = TaskStatus.COMPLETED
_DERIVED = {field.name for field in fields(TaskResult)} - {"task_id", "status", "output", "usage"}


class Ledger:
    """Keeps starts, attempts and usage of every task, makes its result when it ends, and tells the run's events.

    Args:
        ids: task ids in file order.
        run_id: named in the events of the run.
        wall_at_zero: POSIX seconds at instant 0 of the driver's clock.
        attempt_start: for each task the instant at which its last attempt got its slot, or minus infinity.
        attempts: by task the attempts that have ended so far, in order; one that completed at once is not here.
        observed: whether events are wanted; without, none are made.

    Attributes:
        results: for each task its result, None until it has ended.
        unfinished: how many tasks have no result yet.
        first_start: for each task the instant at which it first got a slot, or minus infinity.
        attempt_start: for each task the instant at which its last attempt got its slot, or minus infinity.
        attempts: by task the attempts that have ended so far, in order; one that completed at once is not here.
        observed: whether events are made.
    """

    def __init__(self, ids: Sequence[str], run_id: str, wall_at_zero: float, observed: bool) -> None:
        self.results: list[TaskResult | None] = [None] * len(ids)
        self.unfinished = len(ids)
        self._ids = ids
        self._run_id = run_id
        self.observed = observed
        self._events: list[Event] = []
        self._wall_at_zero = wall_at_zero
        self.first_start: list[float] = [NEVER] * len(ids)
        self.attempt_start: list[float] = [NEVER] * len(ids)
        self._wall_instant = NEVER
        self._wall_time = datetime.fromtimestamp(0, UTC)
        self.attempts: dict[int, list[Attempt]] = {}
        self._usage: dict[int, Usage] = {}

    def wall(self, instant: float) -> datetime:
        """The time of day (UTC) at an instant of the driver's clock."""
        if instant != self._wall_instant:  # one step asks many times for the same instant
            self._wall_instant = instant
            self._wall_time = datetime.fromtimestamp(self._wall_at_zero + instant, UTC)
        return self._wall_time

    def take_events(self) -> list[Event]:
        """The events since the last call, in order."""
        events, self._events = self._events, []
        return events

    def note_run_start(self, now: float) -> None:
        """The run began."""
        if self.observed:
            self._events.append(RunStarted(self.wall(now), self._run_id, len(self._ids)))

    def note_run_end(self, reason: str | None, now: float) -> None:
        """No task is left; the code of what ended the run early, or None."""
        if self.observed:
            completed = sum(r is not None and r.status is TaskStatus.COMPLETED for r in self.results)
            self._events.append(RunFinished(self.wall(now), self._run_id, len(self.results), completed, reason))

    def note_pause(self, paused: bool, now: float) -> None:
        """The run was paused, or resumed."""
        if self.observed:
            self._events.append((RunPaused if paused else RunResumed)(self.wall(now), self._run_id))

    def note_ready(self, task: int, now: float) -> None:
        """The task may start as soon as there is a slot."""
        self._events.append(TaskReady(self.wall(now), self._ids[task]))

    def note_wait(self, task: int, until: float, reason: str, now: float) -> None:
        """The task waits for its next attempt."""
        if self.observed:
            number = len(self.attempts.get(task, ())) + 1
            self._events.append(TaskWaiting(self.wall(now), self._ids[task], number, self.wall(until), reason))

    def note_start(self, task: int, now: float) -> None:
        """The attempt begins."""
        number = len(self.attempts.get(task, ())) + 1
        self._events.append(TaskStarted(self.wall(now), self._ids[task], number))

    def complete(self, task: int, outcome: Outcome, now: float) -> None:
        """The attempt that began last completed its task."""
        kept = outcome.kept
        if task in self.attempts or self.attempt_start[task] != self.first_start[task] or kept:  # no plain first try
            self.note_end(task, TaskStatus.COMPLETED, None, None, outcome.usage, now)
            metadata = {"artifact_problems": list(kept.problems)} if kept and kept.problems else None
            self.finish(
                task, _COMPLETED, None, None, now, outcome.output, metadata, list(kept.artifacts) if kept else None
            )
            return
        result = _new_first_try(_FirstTry)
        result.task_id = self._ids[task]
        result.status = _COMPLETED
        result.output = outcome.output
        result.usage = outcome.usage
        result.record = (self.first_start[task], now, self._wall_at_zero)
        self.results[task] = result
        self.unfinished -= 1
        if self.observed:
            self._events.append(TaskFinished(self.wall(now), result.task_id, result))

    def note_end(
        self, task: int, status: TaskStatus, code: str | None, text: str | None, usage: Usage | None, now: float
    ) -> list[Attempt]:
        """The attempt that began last has ended; returns all attempts of the task so far, this one last."""
        attempts = self.attempts.get(task)
        if attempts is None:
            attempts = self.attempts[task] = []
        start = self.wall(self.attempt_start[task])
        waited = round((start - attempts[-1].ended_at).total_seconds() * 1000) if attempts else 0
        attempts.append(Attempt(len(attempts) + 1, start, self.wall(now), status, code, text, waited))
        if usage is not None:
            self._add_usage(task, usage)
        if self.observed and status is not TaskStatus.COMPLETED:
            ended = attempts[-1].ended_at
            self._events.append(AttemptFailed(ended, self._ids[task], len(attempts), code or "", text or ""))
        return attempts

    def finish(
        self,
        task: int,
        status: TaskStatus,
        code: str | None,
        text: str | None,
        now: float,
        output: Any = None,
        metadata: dict[str, Any] | None = None,
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
            metadata,
            None if first == NEVER else self.wall(first),
            self.wall(now),
            attempts or [],
            self._usage.get(task),
        )
        self.results[task] = result
        self.unfinished -= 1
        if self.observed:
            self._events.append(TaskFinished(self.wall(now), result.task_id, result))

    def _add_usage(self, task: int, usage: Usage) -> None:
        total = self._usage.get(task)
        if total is None:
            self._usage[task] = Usage(usage.input_tokens, usage.output_tokens, usage.cost)
            return
        total.input_tokens += usage.input_tokens
        total.output_tokens += usage.output_tokens
        total.cost = None if total.cost is None or usage.cost is None else total.cost + usage.cost

"""The ledger: what each task did and when, written down while the scheduler decides.

It turns instants of the driver's clock into times of day by one offset taken at the start of the run, so that a jump
of the wall clock changes no duration and no order.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from altlas_runner.results import Attempt, TaskResult, Usage
from altlas_runner.statuses import TaskStatus

__all__ = ["Ledger"]


class Ledger:
    """Keeps starts, attempts and usage of every task and makes its result when it ends.

    Args:
        ids: task ids in file order.
        wall_at_zero: POSIX seconds at instant 0 of the driver's clock.

    Attributes:
        results: for each task its result, None until it has ended.
        unfinished: how many tasks have no result yet.
    """

    def __init__(self, ids: Sequence[str], wall_at_zero: float) -> None:
        self.results: list[TaskResult | None] = [None] * len(ids)
        self.unfinished = len(ids)
        self._ids = ids
        self._wall_at_zero = wall_at_zero
        self._first_start: list[float | None] = [None] * len(ids)
        self._attempt_start = [0.0] * len(ids)
        self._attempts: dict[int, list[Attempt]] = {}
        self._usage: dict[int, Usage] = {}

    def wall(self, instant: float) -> datetime:
        """The time of day (UTC) at an instant of the driver's clock."""
        return datetime.fromtimestamp(self._wall_at_zero + instant, UTC)

    def has_started(self, task: int) -> bool:
        """Whether the task ever got a slot."""
        return self._first_start[task] is not None

    def note_slot(self, task: int, now: float) -> None:
        """The task got a slot for the first time."""
        self._first_start[task] = now

    def note_start(self, task: int, now: float) -> int:
        """An attempt begins; returns its number, counted from 1."""
        self._attempt_start[task] = now
        return len(self._attempts.get(task, ())) + 1

    def note_end(
        self, task: int, status: TaskStatus, code: str | None, text: str | None, usage: Usage | None, now: float
    ) -> list[Attempt]:
        """The attempt that began last has ended; returns all attempts of the task so far, this one last."""
        attempts = self._attempts.get(task)
        if attempts is None:
            attempts = self._attempts[task] = []
        start = self.wall(self._attempt_start[task])
        waited = round((start - attempts[-1].ended_at).total_seconds() * 1000) if attempts else 0
        attempts.append(Attempt(len(attempts) + 1, start, self.wall(now), status, code, text, waited))
        if usage is not None:
            self._add_usage(task, usage)
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
    ) -> TaskResult:
        """Make the task's result."""
        attempts = self._attempts.get(task)
        first = self._first_start[task]
        result = self.results[task] = TaskResult(
            self._ids[task],
            status,
            output,
            text,
            code,
            0 if first is None else round((now - first) * 1000),
            len(attempts) - 1 if attempts else 0,
            None,
            metadata,
            None if first is None else self.wall(first),
            attempts[-1].ended_at if attempts and status is TaskStatus.COMPLETED else self.wall(now),
            attempts or [],
            self._usage.get(task),
        )
        self.unfinished -= 1
        return result

    def attempts_of(self, task: int) -> list[Attempt]:
        """The attempts of a task that have ended so far, in order."""
        return self._attempts.get(task, [])

    def _add_usage(self, task: int, usage: Usage) -> None:
        total = self._usage.get(task)
        if total is None:
            self._usage[task] = Usage(usage.input_tokens, usage.output_tokens, usage.cost)
            return
        total.input_tokens += usage.input_tokens
        total.output_tokens += usage.output_tokens
        total.cost = None if total.cost is None or usage.cost is None else total.cost + usage.cost

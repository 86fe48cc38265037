"""The facts of a run, in the order in which they happened: the one stream that every observer reads.

Progress display, journal, server-sent events, C callbacks and reports are all made from these. They are named tuples,
because a run makes three for every task: compare their types before their fields. `at` never goes back and is exact to
a tenth of a millisecond; the times in results are exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from altlas_runner.results import TaskResult

__all__ = [
    "AttemptFailed",
    "Event",
    "RunFinished",
    "RunPaused",
    "RunResumed",
    "RunStarted",
    "TaskFinished",
    "TaskProgress",
    "TaskReady",
    "TaskStarted",
    "TaskWaiting",
]


class RunStarted(NamedTuple):
    """The run began, or was resumed.

    Attributes:
        kept: how many of the tasks had ended before it was resumed; they are not told again.
    """

    at: datetime
    run_id: str
    task_count: int
    kept: int = 0


class TaskReady(NamedTuple):
    """All dependencies of the task completed; it may start as soon as there is a slot."""

    at: datetime
    task_id: str


class TaskStarted(NamedTuple):
    """An attempt got a slot and begins; `number` counts from 1."""

    at: datetime
    task_id: str
    number: int


class TaskProgress(NamedTuple):
    """An executor reports on a running attempt."""

    at: datetime
    task_id: str
    kind: str
    fields: Mapping[str, Any]


class AttemptFailed(NamedTuple):
    """An attempt failed. `TaskWaiting` follows when there will be another, `TaskFinished` when not."""

    at: datetime
    task_id: str
    number: int
    error_code: str
    error: str


class TaskWaiting(NamedTuple):
    """The task holds no slot until `until`, when it becomes ready for its next attempt.

    Attributes:
        number: the attempt that will follow, counted from 1.
        reason: the error code of the attempt that failed.
    """

    at: datetime
    task_id: str
    number: int
    until: datetime
    reason: str


class TaskFinished(NamedTuple):
    """The task reached its terminal status."""

    at: datetime
    task_id: str
    result: TaskResult


class RunPaused(NamedTuple):
    """Nothing further starts until the run is resumed; attempts that run go on."""

    at: datetime
    run_id: str


class RunResumed(NamedTuple):
    """Attempts may start again."""

    at: datetime
    run_id: str


class RunFinished(NamedTuple):
    """Every task is terminal. `completed` of `task_count` tasks completed.

    Attributes:
        reason: what ended the run early (CANCELLED, RUN_DEADLINE, FAIL_FAST, BUDGET_EXCEEDED, JOURNAL_IO), or None.
    """

    at: datetime
    run_id: str
    task_count: int
    completed: int
    reason: str | None = None


Event = (
    RunStarted
    | RunPaused
    | RunResumed
    | TaskReady
    | TaskStarted
    | TaskProgress
    | AttemptFailed
    | TaskWaiting
    | TaskFinished
    | RunFinished
)

"""The statuses that a task can have, shared by what comes in (ALT files) and what goes out (LAST files)."""

from __future__ import annotations

from enum import StrEnum


class TaskStatus(StrEnum):
    """Where a task stands. The last five are terminal: a task reaches exactly one of them, once."""

    PENDING = "pending"
    """Not started: waits for dependencies, for a slot, or between two attempts."""
    RUNNING = "running"
    """An attempt is under way."""
    COMPLETED = "completed"
    """An attempt succeeded; the output is complete."""
    FAILED = "failed"
    """The attempts were used up, or the error is one that is not retried."""
    TIMEOUT = "timeout"
    """The task's own deadline passed."""
    CANCELLED = "cancelled"
    """The run was cancelled before the task ended."""
    SKIPPED = "skipped"
    """A dependency did not complete; the error names it."""

    @property
    def is_terminal(self) -> bool:
        """Whether a task with this status has ended."""
        return self not in (TaskStatus.PENDING, TaskStatus.RUNNING)


STOPPING_CODES = ("RUN_DEADLINE", "BUDGET_EXCEEDED")
"""The error codes of tasks that a budget or the deadline of their run ended."""

"""The journal of a run: what happened is on the disk before anybody acts on it, and can be told from there."""

from altlas_runner.task_manager.journal.database import JOURNAL_NAME, Database
from altlas_runner.task_manager.journal.facts import (
    Fact,
    RunBegun,
    TasksReopened,
    UnreadableFactError,
    line_of,
    read_line,
)
from altlas_runner.task_manager.journal.lock import LOCK_NAME, Lock, owner_of
from altlas_runner.task_manager.journal.replay import ContradictionError, RunRecord, replay
from altlas_runner.task_manager.journal.writer import JournalWriter, Recorder

__all__ = [
    "JOURNAL_NAME",
    "LOCK_NAME",
    "ContradictionError",
    "Database",
    "Fact",
    "JournalWriter",
    "Lock",
    "Recorder",
    "RunBegun",
    "RunRecord",
    "TasksReopened",
    "UnreadableFactError",
    "line_of",
    "owner_of",
    "read_line",
    "replay",
]

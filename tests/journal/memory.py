"""A recorder that keeps a journal in memory, and commits it a moment later: for runs in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import cache

from altlas_runner.errors import JournalError
from altlas_runner.redaction import Redactor
from altlas_runner.run_journal import JournalCleaning
from altlas_runner.task_manager.journal import Fact, JournalWriter, RunBegun, RunRecord, read_line, replay
from altlas_runner.testing import alt_file_of

__all__ = ["MemoryJournal", "record_of"]


class MemoryJournal:
    """Satisfies `Recorder`; the lines are those that the writer of a real journal makes.

    Args:
        fails_after: how many commits succeed; None for all.

    Attributes:
        lines: that are committed.
    """

    def __init__(self, fails_after: int | None = None) -> None:
        self.lines: list[bytes] = []
        self._fails_after = fails_after
        self._waiting: list[Sequence[Fact]] = []

    def begin(self, committed: Callable[[int, JournalError | None], None]) -> None:
        self._committed = committed
        self._loop = asyncio.get_running_loop()

    def record(self, facts: Sequence[Fact]) -> None:
        self._waiting.append(facts)
        if len(self._waiting) == 1:
            self._loop.call_soon(self._commit)

    def _commit(self) -> None:
        waiting, self._waiting = self._waiting, []
        if self._fails_after == 0:
            self._committed(len(waiting), JournalError("journal", "cannot be written: the disk is full"))
            return
        if self._fails_after is not None:
            self._fails_after -= 1
        self.lines += [line for facts in waiting if (line := _writer().line(facts))]
        self._committed(len(waiting), None)


@cache
def _writer() -> JournalWriter:
    """Only for its words: one for all journals, because each has a thread."""
    return JournalWriter(None, None, JournalCleaning(Redactor(()), alt_file_of()))  # type: ignore[arg-type]


def record_of(lines: Sequence[bytes]) -> RunRecord:
    """What these lines say of a run; they are without its description."""
    return replay([RunBegun({}), *(fact for line in lines for fact in read_line(line[:-1]))])

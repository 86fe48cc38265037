"""The writer: commits facts in groups in a thread of its own, and says when they are on the disk."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from altlas_runner.errors import JournalError
from altlas_runner.results import Attempt, TaskResult
from altlas_runner.task_manager.journal.database import Database
from altlas_runner.task_manager.journal.facts import AttemptEnded, Fact, TaskCompleted, TaskEnded, line_of
from altlas_runner.task_manager.journal.lock import Lock

__all__ = ["Cleaning", "JournalWriter", "Recorder"]

_log = logging.getLogger("altlas_runner")

_PAUSE_SECONDS = 0.002
"""How long a busy writer lets records come together; one that is idle commits at once."""
_FEW = 4
_GROUP_BYTES = 4 << 20
"""A group that is longer than this is committed before others join it."""

Committed = Callable[[int, JournalError | None], None]
"""Called with how many records were committed, or with why that many were not, in the order of the records."""


class Cleaning(Protocol):
    """Makes results and attempts such as a file may hold them: values of JSON, without secrets."""

    def output(self, task_id: str, output: Any) -> Any:
        """A copy of the output of a task."""
        ...

    def result(self, result: TaskResult) -> TaskResult:
        """A copy of a result."""
        ...

    def attempt(self, attempt: Attempt) -> Attempt:
        """A copy of an attempt."""
        ...


class Recorder(Protocol):
    """Where a run writes its facts before it acts on them."""

    def begin(self, committed: Committed) -> None:
        """From now on tell here, on the loop that is running, what became of the records."""
        ...

    def record(self, facts: Sequence[Fact]) -> None:
        """Write these facts; all of them are there afterwards, or none."""
        ...


class JournalWriter:
    """A `Recorder` with a SQLite database behind it.

    It commits at once when it is idle; what comes while it commits, and in a short pause after that, makes up the next
    group. After the first failure it writes nothing any more: what a failed fsync left behind, nobody knows.

    Args:
        database: new or opened.
        lock: held; released at the end.
        cleaning: for everything that comes from executors.

    Attributes:
        failure: why nothing can be written any more, or None.
    """

    def __init__(self, database: Database, lock: Lock, cleaning: Cleaning) -> None:
        self._database = database
        self._lock = lock
        self._cleaning = cleaning
        self._records: SimpleQueue[Sequence[Fact] | None] = SimpleQueue()
        self.failure: JournalError | None = None
        self._committed: Committed | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        # Begun here and not by `begin`: the event loop, which calls that, must not wait until a thread has its turn.
        self._thread = threading.Thread(
            target=self._write, args=[self._tell], name="altlas-runner-journal", daemon=True
        )
        self._thread.start()

    def begin(self, committed: Committed) -> None:
        """From now on tell here, on the loop that is running, what became of the records."""
        self._committed, self._loop = committed, asyncio.get_running_loop()

    def record(self, facts: Sequence[Fact]) -> None:
        """Write these facts; all of them are there afterwards, or none."""
        self._records.put(facts)

    def close(self) -> None:
        """Write what is left, and let go of the bundle. It may wait for the disk."""
        self._end(self._database.close)

    def remove(self) -> None:
        """Remove the journal and let go of the bundle: its run did not begin."""
        self._end(self._database.remove)

    def _end(self, leave: Callable[[], None]) -> None:
        self._records.put(None)
        self._thread.join()
        leave()
        self._lock.release()

    def _tell(self, count: int) -> None:
        assert self._loop is not None
        assert self._committed is not None
        with contextlib.suppress(RuntimeError):  # the loop was closed; nobody wants to know
            self._loop.call_soon_threadsafe(self._committed, count, self.failure)

    def _write(self, tell: Callable[[int], None]) -> None:
        records = self._records
        facts = records.get()
        while facts is not None:
            lines = [self.line(facts)]
            length = len(lines[0])
            try:
                while length < _GROUP_BYTES and (facts := records.get_nowait()) is not None:
                    lines.append(self.line(facts))
                    length += len(lines[-1])
                is_last = facts is None
            except Empty:
                is_last = False
            self._commit(lines)
            tell(len(lines))
            if len(lines) > _FEW and not is_last:  # each sync costs as much as a dozen records
                time.sleep(_PAUSE_SECONDS)
            facts = None if is_last else records.get()

    def line(self, facts: Sequence[Fact]) -> bytes:
        """The line that says these facts, without secrets; empty when there are none, or after a failure."""
        if self.failure is not None:
            return b""
        try:
            return line_of(map(self._cleaned, facts)) if facts else b""
        except Exception as error:  # never to be seen; a run that waits for ever would be worse
            _log.exception("the journal cannot say a fact")
            self.failure = JournalError(self._database.path, f"cannot be written: {error}")
            return b""

    def _cleaned(self, fact: Fact) -> Fact:
        if type(fact) is TaskCompleted:
            return fact._replace(output=self._cleaning.output(fact.task_id, fact.output))
        if type(fact) is TaskEnded:
            return TaskEnded(self._cleaning.result(fact.result))
        if type(fact) is AttemptEnded:
            return AttemptEnded(fact.task_id, self._cleaning.attempt(fact.attempt))
        return fact

    def _commit(self, lines: list[bytes]) -> None:
        content = b"".join(lines)
        if self.failure is None and content:
            try:
                self._database.add(content)
            except Exception as error:
                cause = error if isinstance(error, JournalError) else None
                self.failure = cause or JournalError(self._database.path, f"cannot be written: {error}")

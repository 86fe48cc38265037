"""`index.jsonl`: one line for each file of a batch, added as files end, so that a batch can go on where it was ended.

Lines are written as files end and made durable in groups. One that a full disk cut is dropped when the batch goes on.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from altlas_runner.atomic_file import sync_directory, write_atomically
from altlas_runner.batch.rows import BatchRow
from altlas_runner.errors import BundleError
from altlas_runner.task_manager.journal import Lock

__all__ = ["INDEX_NAME", "BatchIndex", "rows_of", "sha256_of"]

INDEX_NAME = "index.jsonl"

_GROUP_SECONDS = 0.2


class BatchIndex:
    """The index of one output directory, which nobody else has meanwhile. Use it as an async context manager.

    Args:
        output_dir: made when it is missing.

    Raises:
        BundleError: it cannot be read or written, or another batch has it.
    """

    def __init__(self, output_dir: Path) -> None:
        self._path = output_dir / INDEX_NAME
        self._lock: Lock | None = None
        self._descriptor = -1
        self._syncing: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()
        self._has_new = False

    async def __aenter__(self) -> Self:
        try:
            await asyncio.to_thread(self._open)
        except OSError as error:
            raise self._refused(error) from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._hurry.set()
            if self._syncing is not None:
                await self._syncing
        finally:
            os.close(self._descriptor)
            if self._lock is not None:
                self._lock.release()

    def keep(self, what_counts: Callable[[BatchRow], BatchRow | None]) -> None:
        """Keep of the rows of earlier runs what still counts. It blocks; nothing may be added meanwhile.

        Args:
            what_counts: asked for each row in turn; returns what is to stand there, or None.

        Raises:
            OSError: the index cannot be written.
            BundleError: it cannot be read.
        """
        kept = (row.to_line() for row in map(what_counts, rows_of(self._path)) if row is not None)
        write_atomically(self._path, kept)
        before, self._descriptor = self._descriptor, self._opened()
        os.close(before)

    def add(self, row: BatchRow) -> None:
        """Add the row of a file that has ended. A kill does not undo it, nor, a fifth of a second later, a power loss.

        Raises:
            BundleError: it cannot be written, or earlier rows could not be made durable.
        """
        if self._syncing is not None and self._syncing.done():
            self._syncing.result()
            self._syncing = None
        line = row.to_line()
        try:
            while line:
                line = line[os.write(self._descriptor, line) :]
        except OSError as error:
            raise self._refused(error) from error
        self._has_new = True
        if self._syncing is None:
            self._syncing = asyncio.get_running_loop().create_task(self._sync_soon())

    async def _sync_soon(self) -> None:
        """Make durable what has gathered, in a thread: a disk may take its time."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), _GROUP_SECONDS)
        while self._has_new:
            self._has_new = False
            try:
                await asyncio.to_thread(os.fsync, self._descriptor)
            except OSError as error:
                raise self._refused(error) from error

    def _open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = Lock(self._path.parent, "batch.lock", "a batch into this directory")
        try:
            self._descriptor = self._opened()
            sync_directory(self._path.parent)
        except BaseException:
            self._lock.release()
            raise

    def _opened(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)

    def _refused(self, error: OSError) -> BundleError:
        return BundleError(self._path, f"the index cannot be written: {error.strerror or error}")


def rows_of(path: Path) -> Iterator[BatchRow]:
    """The rows of an index, or of none when there is no such file; lines that are no rows are passed over.

    Raises:
        BundleError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            for line in file:
                with suppress(ValueError):
                    yield BatchRow.from_line(line)
    except FileNotFoundError:
        return
    except OSError as error:
        raise BundleError(path, f"the index cannot be read: {error.strerror or error}") from error


def sha256_of(content: bytes) -> str:
    """The SHA-256 by which the content of a file is known."""
    return hashlib.sha256(content).hexdigest()

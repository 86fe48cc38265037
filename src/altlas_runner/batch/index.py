"""`index.jsonl`: one line for each file of a batch, added as files end, so that a batch can go on where it was ended.

Lines are written whole and made durable in groups. A line that a crash cut is dropped when the batch goes on.
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

__all__ = ["INDEX_NAME", "BatchIndex", "rows_of", "sha256_of"]

INDEX_NAME = "index.jsonl"

_GROUP_SECONDS = 0.2


class BatchIndex:
    """The index of one output directory, open for adding. Use it as an async context manager.

    Args:
        output_dir: made when it is missing.

    Attributes:
        finished: the paths of the files that need not be run again, filled by `keep`.

    Raises:
        BundleError: it cannot be read or written.
    """

    def __init__(self, output_dir: Path) -> None:
        self._path = output_dir / INDEX_NAME
        self.finished: set[str] = set()
        self._untold: list[bytes] = []
        self._writing: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()
        self._descriptor = -1

    def keep(self, is_wanted: Callable[[BatchRow], bool]) -> None:
        """Keep the rows of an earlier run whose files are finished and still what they were; drop all others.

        Args:
            is_wanted: whether the row of a finished file is to be kept: the others are run again.
        """

        def lines() -> Iterator[bytes]:
            for row in rows_of(self._path):
                if row.path not in self.finished and row.is_finished and is_wanted(row) and _is_unchanged(row):
                    self.finished.add(row.path)
                    yield row.to_line()

        try:
            if self._path.exists():
                write_atomically(self._path, lines())
        except OSError as error:
            raise BundleError(self._path, f"the index cannot be written: {error.strerror or error}") from error

    async def __aenter__(self) -> Self:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
            sync_directory(self._path.parent)
        except OSError as error:
            raise BundleError(self._path, f"the index cannot be written: {error.strerror or error}") from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._hurry.set()
            if self._writing is not None:
                await self._writing
            self._write(self._take())
        finally:
            os.close(self._descriptor)

    def add(self, row: BatchRow) -> None:
        """A file has ended: its row is on the disk within a fifth of a second.

        Raises:
            BundleError: an earlier row could not be written.
        """
        if self._writing is not None and self._writing.done():
            self._writing.result()
            self._writing = None
        self._untold.append(row.to_line())
        if self._writing is None:
            self._writing = asyncio.get_running_loop().create_task(self._write_group())

    async def _write_group(self) -> None:
        """Write what has gathered, in a thread: a disk may take its time."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), _GROUP_SECONDS)
        while lines := self._take():
            await asyncio.to_thread(self._write, lines)

    def _take(self) -> bytes:
        lines, self._untold = b"".join(self._untold), []
        return lines

    def _write(self, lines: bytes) -> None:
        if not lines:
            return
        try:
            while lines:
                lines = lines[os.write(self._descriptor, lines) :]
            os.fsync(self._descriptor)
        except OSError as error:
            raise BundleError(self._path, f"the index cannot be written: {error.strerror or error}") from error


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


def _is_unchanged(row: BatchRow) -> bool:
    try:
        return sha256_of(Path(row.path).read_bytes()) == row.sha256
    except OSError:
        return False

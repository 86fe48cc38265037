"""Many files, a bounded number at one time, each written down as it ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from altlas_runner.alt_file import AltParser, Diagnostic
from altlas_runner.batch.index import INDEX_NAME, BatchIndex, rows_of, sha256_of
from altlas_runner.batch.page import write_pages
from altlas_runner.batch.rows import BatchRow, BatchSummary
from altlas_runner.batch.sources import BatchFile
from altlas_runner.errors import AltlasRunnerError, AltParseError

__all__ = ["OnRow", "run_batch"]

OnRow = Callable[[BatchRow, BatchSummary], None]
"""Told each row as its file ends, and how the batch stands."""

RunFile = Callable[[BatchFile, bytes, str], Awaitable[BatchRow]]
"""Runs one file: the file, its content and the content's SHA-256. It never raises for what a file can hold."""


async def run_batch(
    files: Sequence[BatchFile],
    run_file: RunFile,
    output_dir: Path,
    *,
    files_at_once: int,
    stopping: asyncio.Event,
    retry_failed: bool = False,
    on_row: OnRow | None = None,
) -> BatchSummary:
    """Run the files that have not finished in an earlier run of this batch; write index, summary and page.

    Args:
        files: each once.
        run_file: runs one.
        output_dir: of the index.
        files_at_once: how many files are in flight at one time.
        stopping: when it is set, no further file is begun.
        retry_failed: whether files are run again whose tasks did not all complete in an earlier run.
        on_row: told each row as its file ends.

    Raises:
        BundleError: the index, a bundle or a page cannot be written.
    """
    began = time.monotonic()
    summary = BatchSummary(len(files))
    index = BatchIndex(output_dir)
    names = {str(each.path) for each in files}
    await asyncio.to_thread(index.keep, lambda row: row.path in names and (row.status == "success" or not retry_failed))
    for row in rows_of(output_dir / INDEX_NAME):
        summary.add(row, earlier=True)
    left = iter([each for each in files if str(each.path) not in index.finished])

    async def work() -> None:
        for file in left:
            if stopping.is_set():
                summary.interrupted = True
                return
            row = await _row_of(file, run_file)
            index.add(row)
            summary.add(row)
            summary.interrupted |= row.status == "cancelled"
            summary.elapsed_seconds = time.monotonic() - began
            if on_row is not None:
                on_row(row, summary)

    async with index:
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(files_at_once, len(files))):
                    group.create_task(work())
        except* AltlasRunnerError as errors:
            raise errors.exceptions[0] from None
    summary.elapsed_seconds = time.monotonic() - began
    await asyncio.to_thread(write_pages, output_dir, summary)
    return summary


async def _row_of(file: BatchFile, run_file: RunFile) -> BatchRow:
    try:
        content = file.path.read_bytes()
    except (OSError, ValueError):
        return BatchRow(str(file.path), None, "invalid", diagnostics=[each.to_dict() for each in _why(file.path)])
    return await run_file(file, content, sha256_of(content))


def _why(path: Path) -> list[Diagnostic]:
    """Why a file cannot be read, in the words of the parser."""
    try:
        AltParser().parse_from_path(path)
    except AltParseError as error:
        return error.diagnostics
    return []

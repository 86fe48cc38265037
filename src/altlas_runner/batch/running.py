"""Many files, a bounded number at one time, each written down as it ends."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from pathlib import Path

from altlas_runner.alt_file import Diagnostic
from altlas_runner.batch.going_on import Earlier, clear_unfinished, finish_bundle, take_up
from altlas_runner.batch.index import INDEX_NAME, BatchIndex, rows_of, sha256_of
from altlas_runner.batch.page import write_pages
from altlas_runner.batch.rows import BatchRow, BatchSummary
from altlas_runner.batch.sources import BatchFile, content_of
from altlas_runner.errors import AltlasRunnerError

__all__ = ["OnRow", "run_batch"]

_log = logging.getLogger("altlas_runner")

OnRow = Callable[[BatchRow, BatchSummary], None]
"""Told each row as its file ends, and how the batch stands."""

RunFile = Callable[[BatchFile, bytes, str, Path | None], Awaitable[BatchRow]]
"""Runs one file: the file, its content, the content's SHA-256, and the bundle of an interrupted run that goes on. It
never raises for what a file can hold."""


async def run_batch(
    files: Iterable[BatchFile],
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
        files: one that is there twice is run once.
        run_file: runs one, in the directory `unfinished` of the output directory.
        output_dir: of the index.
        files_at_once: how many files are in flight at one time.
        stopping: when it is set, no further file is begun.
        retry_failed: whether files are run again whose tasks did not all complete in an earlier run.
        on_row: told each row as its file ends. When it raises, that is logged, and it is told no more.

    Raises:
        BundleError: the index, a bundle or a page cannot be written, or another batch writes there.
    """
    began = time.monotonic()
    by_key = {each.key: each for each in files}
    summary = BatchSummary(len(by_key))
    async with BatchIndex(output_dir) as index:
        earlier = await asyncio.to_thread(take_up, output_dir, index, by_key, retry_failed=retry_failed)
        for row in rows_of(output_dir / INDEX_NAME):
            if row.key in by_key:
                summary.add(row, earlier=True)
        left = (file for key, file in by_key.items() if key not in earlier.finished)

        def tell(row: BatchRow) -> None:
            nonlocal on_row
            try:
                if on_row is not None:
                    on_row(row, summary)
            except Exception:  # whoever looks on must not end ten thousand files
                on_row = None
                _log.exception("what is told each row of the batch failed; it is told no more")

        async def work() -> None:
            for file in left:
                if stopping.is_set():
                    summary.interrupted = True
                    return
                row = await _row_of(file, run_file, earlier)
                index.add(row)
                if row.last_file_id is not None:
                    finish_bundle(output_dir, row.last_file_id)
                summary.add(row)
                summary.interrupted |= row.status == "cancelled"
                summary.elapsed_seconds = time.monotonic() - began
                tell(row)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(files_at_once, len(by_key))):
                    group.create_task(work())
        except* AltlasRunnerError as errors:
            raise errors.exceptions[0] from None
        finally:
            clear_unfinished(output_dir, () if summary.rows < summary.files or summary.interrupted else by_key)
        summary.elapsed_seconds = time.monotonic() - began
        await asyncio.to_thread(write_pages, output_dir, summary, by_key.keys())
    return summary


async def _row_of(file: BatchFile, run_file: RunFile, earlier: Earlier) -> BatchRow:
    path, inputs_sha256 = file.key
    try:
        content = content_of(file.path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        unread = Diagnostic("ALT301", f"{path} cannot be read: {reason}")
        row = BatchRow(path, None, "invalid", diagnostics=[unread.to_dict()])
    else:
        sha256 = sha256_of(content)
        row = await run_file(file, content, sha256, earlier.run_of(file, sha256))
    return replace(row, inputs_sha256=inputs_sha256, line=file.line)

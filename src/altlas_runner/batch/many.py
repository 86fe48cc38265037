"""What runs the files of a batch: this program, or the workers of a cluster."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from altlas_runner.batch.file_runs import run_file_here
from altlas_runner.batch.going_on import provenance_of
from altlas_runner.batch.rows import BatchRow, BatchSummary
from altlas_runner.batch.running import OnRow, run_batch
from altlas_runner.batch.sources import UNFINISHED_NAME, BatchFile
from altlas_runner.errors import ConfigurationError
from altlas_runner.handlers import Handler

if TYPE_CHECKING:
    from altlas_runner.dask_executor import DaskConnection
    from altlas_runner.runner import Runner

__all__ = ["Unit", "execute_many"]

Unit = Literal["file", "task"]
"""What a worker of a cluster is given at a time."""

_FILES_AT_ONCE = 8
_FILES_A_THREAD = 16
_LOOK_SECONDS = 0.2


async def execute_many(
    runner: Runner,
    files: Iterable[Path | str | BatchFile],
    cluster: DaskConnection | None,
    handlers: Mapping[str, Handler],
    stopping: asyncio.Event,
    *,
    unit: Unit,
    files_at_once: int | None,
    inputs: Mapping[str, Any],
    seed: int | None,
    retry_failed: bool,
    on_row: OnRow | None,
) -> BatchSummary:
    """Run a batch for `Runner.execute_many`, which says what most arguments mean.

    Args:
        runner: open; it runs the files, or single tasks of them are given to workers by it.
        files: paths, or files with inputs of their own.
        cluster: the runner's, or None when it has none.
        handlers: the runner's.
        stopping: when it is set, no further file is begun, and what runs on workers is stopped.
        unit: as there.
        files_at_once: as there.
        inputs: as there.
        seed: as there.
        retry_failed: as there.
        on_row: as there.

    Raises:
        ConfigurationError: a handler or `files_at_once` cannot be used, there is no cluster whose workers could be
            given tasks, or it has had no worker for too long: the index is whole then.
        BundleError: the index, a bundle or the page cannot be written.
    """
    config = runner.config
    if files_at_once is not None and files_at_once < 1:
        raise ConfigurationError(f"files_at_once must be 1 or more, not {files_at_once}")
    if unit == "task" and cluster is None:
        raise ConfigurationError("single tasks can be given only to the workers of a cluster: use the engine dask")
    output_dir = Path(config.output_dir)
    inside = copy.copy(runner)  # shares its client, its cluster and what `cancel` cancels
    inside.config = config.model_copy(update={"output_dir": output_dir / UNFINISHED_NAME})
    run: Callable[..., Coroutine[Any, Any, BatchRow]] = partial(run_file_here, inside)
    if cluster is not None and unit == "file":
        from altlas_runner.batch.on_workers import FilesOnWorkers  # Dask is large, and an extra

        installed = runner.use_installed_handlers
        run = FilesOnWorkers(cluster, inside.config, handlers, stopping, use_installed_handlers=installed).run

    async def run_file(file: BatchFile, content: bytes, sha256: str, going_on: Path | None) -> BatchRow:
        if unit == "task" and cluster is not None and not await _has_workers(cluster, stopping):
            return BatchRow(str(file.path), sha256, "cancelled", error="there was no worker")
        return await run(content, provenance_of(file, sha256), inputs=file.inputs, seed=seed, going_on=going_on)

    threads = 0 if cluster is None else cluster.threads
    deserted = None if cluster is None else asyncio.create_task(_stop_when_deserted(cluster, stopping))
    try:
        summary = await run_batch(
            (_with_inputs(each, inputs) for each in files),
            run_file,
            output_dir,
            files_at_once=files_at_once or max(_FILES_AT_ONCE, _FILES_A_THREAD * threads),
            stopping=stopping,
            retry_failed=retry_failed,
            on_row=on_row,
        )
    finally:
        stopping.set()  # when the batch ended early, nobody waits for what still runs on workers
        if deserted is not None:
            deserted.cancel()
            await asyncio.wait([deserted])
    if deserted is not None and not deserted.cancelled():
        raise ConfigurationError(f"{deserted.result()}: the batch was stopped, and goes on when it is started again")
    return summary


async def _stop_when_deserted(cluster: DaskConnection, stopping: asyncio.Event) -> str:
    """Stop the batch when there are no workers any more: ten thousand files would be lost one by one."""
    reason = await cluster.until_deserted()
    stopping.set()
    return reason


async def _has_workers(cluster: DaskConnection, stopping: asyncio.Event) -> bool:
    """Wait for a worker; False when the batch is stopped first."""
    while not cluster.threads and not stopping.is_set():  # noqa: ASYNC110  two things end it, and it is rare
        await asyncio.sleep(_LOOK_SECONDS)
    return not stopping.is_set()


def _with_inputs(file: Path | str | BatchFile, inputs: Mapping[str, Any]) -> BatchFile:
    """The file with the inputs of all files; its own go before them."""
    if not isinstance(file, BatchFile):
        return BatchFile(Path(file), inputs)
    return replace(file, inputs={**inputs, **file.inputs} if file.inputs else inputs)

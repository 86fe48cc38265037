"""Runs an ALT file for a program of C: with its options, its progress callback, and perhaps itself as the executor."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import TYPE_CHECKING

from altlas_runner.capi.host_executor import HostExecutor
from altlas_runner.capi.host_progress import HostProgress
from altlas_runner.capi.options import read_options
from altlas_runner.errors import AltlasRunnerError
from altlas_runner.event_loop import run_to_end
from altlas_runner.runner import Runner

if TYPE_CHECKING:
    from altlas_runner.alt_file import AltFile
    from altlas_runner.capi.host_executor import HostTask
    from altlas_runner.capi.host_progress import HostProgressCall
    from altlas_runner.last_file import LastFile

__all__ = ["execute"]


def execute(
    alt_file: AltFile,
    options_json: bytes | None,
    output_dir: str,
    *,
    on_event: HostProgressCall | None = None,
    host_task: HostTask | None = None,
) -> LastFile:
    """Run the tasks on this thread and write the bundle. When it returns, no callback runs any more.

    Args:
        alt_file: what to run.
        options_json: the options as text, or None.
        output_dir: where bundles are made.
        on_event: is told every event as JSON; what it returns says whether to go on.
        host_task: makes the attempts instead of an AI service.

    Raises:
        ConfigurationError: an option does not fit.
        AltlasRunnerError: whatever `Runner.execute` raises; or an event loop is running in this thread.
    """
    if _loop_runs_here():
        raise AltlasRunnerError("an event loop runs in this thread and would stand still; call this on another thread")
    options = read_options(options_json, output_dir)
    with ExitStack() as stack:
        executor = None
        if host_task is not None:
            executor = stack.enter_context(HostExecutor(host_task, options.config.max_concurrent_tasks))
        runner = Runner(options.config, executor=executor)
        progress = None
        if on_event is not None:
            progress = stack.enter_context(HostProgress(on_event, runner.cancel))
        return run_to_end(
            runner.execute(
                alt_file, on_event=progress, inputs=options.inputs, seed=options.seed, selection=options.selection
            )
        )


def _loop_runs_here() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True

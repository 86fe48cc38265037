"""A run on the command line: shown while it goes on, interrupted by Ctrl-C, told at the end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import click

from altlas_runner.cli.main import EXIT_INCOMPLETE, EXIT_INTERRUPTED, EXIT_STOPPED
from altlas_runner.cli.progress import Progress
from altlas_runner.event_loop import run_to_end
from altlas_runner.handlers.process_group import kill_all
from altlas_runner.last_file import LastFile
from altlas_runner.last_file.bundle import REPORT_NAME
from altlas_runner.last_file.models import RESULT_NAME
from altlas_runner.last_file.visible_text import visible
from altlas_runner.runner import Runner
from altlas_runner.statuses import STOPPING_CODES

__all__ = ["run_and_tell"]


def run_and_tell(
    runner: Runner, execute: Callable[..., Awaitable[LastFile]], progress: Progress, output_dir: Path, as_json: bool
) -> None:
    """Run, print the summary, and leave with the exit code of the contract.

    Args:
        runner: is cancelled by Ctrl-C.
        execute: starts the run; given `on_event`.
        progress: shows it.
        output_dir: where the bundle is.
        as_json: whether the summary is JSON.
    """
    last_file, interrupted = run_to_end(_execute(runner, execute, progress))
    _print_summary(last_file, output_dir / last_file.id, as_json)
    failures = [each for each in last_file.metadata["runner"]["warnings"] if each.startswith("JOURNAL_IO")]
    for failure in failures:
        click.echo(f"error: {visible(failure)}", err=True)
    if interrupted:
        sys.exit(EXIT_INTERRUPTED)
    if any(result.error_code in STOPPING_CODES for result in last_file.task_results):
        sys.exit(EXIT_STOPPED)
    if failures or last_file.status != "success":
        sys.exit(EXIT_INCOMPLETE)


async def _execute(
    runner: Runner, execute: Callable[..., Awaitable[LastFile]], progress: Progress
) -> tuple[LastFile, bool]:
    """Run the file; the first Ctrl-C cancels it and still writes the bundle, a second one leaves at once."""
    loop = asyncio.get_running_loop()
    interrupted = False

    def interrupt(number: signal.Signals) -> None:
        nonlocal interrupted
        if interrupted:
            # Files appear whole or not at all, so nothing half written stays. A KeyboardInterrupt would have to wait
            # for threads, and can get lost in a callback.
            kill_all()
            progress.close()
            progress.say("left at once")
            sys.stderr.flush()
            os._exit(EXIT_INTERRUPTED)
        interrupted = True
        progress.say("stopping: what runs is cancelled, the bundle is written; Ctrl-C again leaves at once")
        runner.cancel(f"interrupted by {number.name}")

    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, interrupt, each)
    async with progress.showing():
        last_file = await execute(on_event=progress.observers)
    return last_file, interrupted


def _print_summary(last_file: LastFile, bundle: Path, as_json: bool) -> None:
    report = bundle / REPORT_NAME
    if as_json:
        summary = {
            "last_file_id": last_file.id,
            "status": last_file.status,
            "success_rate": last_file.success_rate,
            "execution_time_ms": last_file.total_execution_time_ms,
            "task_count": len(last_file.task_results),
            "successful_tasks": len(last_file.get_successful_tasks()),
            "failed_tasks": len(last_file.get_failed_tasks()),
            "last_file_path": str(bundle / RESULT_NAME),
            "report_path": str(report),
        }
        click.echo(json.dumps(summary, indent=2, ensure_ascii=False))
        return
    click.echo(visible(last_file.summary))
    click.echo(f"report  {report}")
    click.echo(f"results {bundle / 'result.last'}")

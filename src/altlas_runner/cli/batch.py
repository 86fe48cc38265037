"""`altlas-runner batch`: run many ALT files, one index for all."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import click

from altlas_runner.batch import BatchFile, BatchRow, BatchSummary, Unit, batch_files
from altlas_runner.batch.index import INDEX_NAME
from altlas_runner.batch.page import PAGE_NAME
from altlas_runner.cli.inputs import read_inputs
from altlas_runner.cli.logs import set_up_logging
from altlas_runner.cli.main import EXIT_INCOMPLETE, EXIT_INTERRUPTED, EXIT_INVALID, EXIT_STOPPED, with_exit_codes
from altlas_runner.cli.run import run
from altlas_runner.cli.run_options import find_handlers_here
from altlas_runner.config import RunnerConfig
from altlas_runner.event_loop import run_to_end
from altlas_runner.handlers.process_group import kill_all
from altlas_runner.last_file.visible_text import shortened, visible
from altlas_runner.runner import Runner

__all__ = ["batch"]

_LINE_SECONDS = 2.0
_MOST_TROUBLE = 20
_AS_IN_RUN = (
    "inputs", "input_file", "max_concurrent_tasks", "ai_protocol", "ai_service_url", "ai_default_model",
    "ai_temperature", "ai_max_tokens", "ai_timeout_seconds", "ai_max_retries", "local_model", "handlers",
    "allow_commands", "run_deadline_seconds", "prices", "max_cost", "max_tokens_total", "cache", "refresh",
    "ai_fallback_models", "engine", "dask_address", "dask_store", "generate_graphs", "log_level", "config_file",
)  # fmt: skip
"""The options of `run` that mean the same for each file of a batch."""


@click.command(params=[option for option in run.params if option.name in _AS_IN_RUN])
@click.argument("source", metavar="DIR|GLOB|MANIFEST.jsonl")
@click.option(
    "-o", "--output-dir", required=True, type=click.Path(path_type=Path, readable=False), help="For index and bundles."
)
@click.option(
    "--unit",
    type=click.Choice(["file", "task"]),
    default="file",
    show_default=True,
    help="What a worker of a cluster is given at a time.",
)
@click.option("--files-at-once", type=click.IntRange(1), help="Files in flight; 8, or 16 for each thread of a cluster.")
@click.option("--retry-failed", is_flag=True, help="Also run files again that ended with failed tasks.")
@click.option("--seed", type=int, help="Seed of the random waits between attempts.")
@click.option("--quiet", is_flag=True, help="Show no progress on stderr.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON on stdout.")
@with_exit_codes
def batch(
    source: str,
    output_dir: Path,
    unit: Unit,
    files_at_once: int | None,
    retry_failed: bool,
    seed: int | None,
    quiet: bool,
    as_json: bool,
    inputs: tuple[str, ...],
    input_file: Path | None,
    config_file: Path | None,
    handlers: tuple[str, ...],
    **settings: Any,
) -> None:
    """Run the ALT files of a directory, a pattern in quotes, or a manifest of paths, and index how each ended.

    The same command goes on with a batch that was ended early: files that have finished and have not changed are
    passed over. Pictures of graphs are left out unless --graphs asks for them.
    """
    given = {name: value for name, value in settings.items() if value not in (None, ())}
    if handlers:
        given["handlers"] = handlers
    config = RunnerConfig(config_file=config_file, output_dir=output_dir, **{"generate_graphs": False, **given})
    set_up_logging(config.log_level, as_json=False)
    files = batch_files(source, output_dir)
    given_inputs = read_inputs(inputs, input_file)
    find_handlers_here(config)
    runner = Runner(config, use_installed_handlers=True)
    progress = _Progress(quiet)
    summary = run_to_end(
        _execute(
            runner,
            files,
            progress,
            unit=unit,
            files_at_once=files_at_once,
            inputs=given_inputs,
            seed=seed,
            retry_failed=retry_failed,
        )
    )
    progress.end(summary)
    if as_json:
        click.echo(json.dumps(summary.to_json(), indent=2))
    else:
        click.echo(_in_words(summary))
        click.echo(f"report  {output_dir / PAGE_NAME}")
        click.echo(f"index   {output_dir / INDEX_NAME}")
    sys.exit(_exit_code(summary))


def _exit_code(summary: BatchSummary) -> int:
    if summary.interrupted:
        return EXIT_INTERRUPTED
    if summary.was_stopped:
        return EXIT_STOPPED
    if summary.is_success:
        return 0
    unusable = summary.statuses["invalid"]
    return EXIT_INVALID if unusable == summary.rows - summary.statuses["success"] else EXIT_INCOMPLETE


async def _execute(runner: Runner, files: list[BatchFile], progress: _Progress, **options: Any) -> BatchSummary:
    """Run the batch; the first Ctrl-C stops it and keeps the index, a second one leaves at once."""
    loop = asyncio.get_running_loop()
    interrupted = False

    def interrupt(number: signal.Signals) -> None:
        nonlocal interrupted
        if interrupted:  # rows are written whole and bundles appear whole: nothing half written stays
            kill_all()
            click.echo("left at once", err=True)
            sys.stderr.flush()
            os._exit(EXIT_INTERRUPTED)
        interrupted = True
        click.echo(
            "stopping: what runs is cancelled; the same command goes on later; Ctrl-C again leaves at once", err=True
        )
        runner.cancel(f"interrupted by {number.name}")

    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, interrupt, each)
    return await runner.execute_many(files, on_row=progress.on_row, **options)


class _Progress:
    """A line for each of the first files that did not end well, and every two seconds one that says how far it is."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._trouble = 0
        self._said_at = time.monotonic()

    def on_row(self, row: BatchRow, summary: BatchSummary) -> None:
        if self._quiet:
            return
        if row.status != "success":
            self._trouble += 1
            if self._trouble <= _MOST_TROUBLE:
                why = row.error or (row.diagnostics[0]["message"] if row.diagnostics else ", ".join(row.error_codes))
                line = "" if row.line is None else f" (line {row.line})"
                click.echo(
                    f"{row.status:<15}  {visible(shortened(row.path, 200))}{line}: {visible(shortened(why, 200))}",
                    err=True,
                )
        now = time.monotonic()
        if now - self._said_at >= _LINE_SECONDS:
            self._said_at = now
            self._say(summary)

    def end(self, summary: BatchSummary) -> None:
        if self._quiet:
            return
        if self._trouble > _MOST_TROUBLE:
            click.echo(f"… and {self._trouble - _MOST_TROUBLE:,} more that did not end well", err=True)
        self._say(summary)

    def _say(self, summary: BatchSummary) -> None:
        percent = 100 * summary.rows // max(1, summary.files)
        click.echo(
            f"{percent:3} %  {summary.rows:,}/{summary.files:,} files  {summary.files_per_second:,.1f} files/s",
            err=True,
        )


def _in_words(summary: BatchSummary) -> str:
    others = [
        f"{count:,} {status.replace('_', ' ')}" for status, count in summary.statuses.items() if status != "success"
    ]
    return (
        f"{summary.statuses['success']:,} of {summary.files:,} files completed"
        + (f" ({', '.join(others)})" if others else "")
        + (f", {summary.skipped:,} of them earlier" if summary.skipped else "")
        + f"; {summary.completed:,} of {summary.tasks:,} tasks, in {summary.elapsed_seconds:.1f} s"
        + f" ({summary.files_per_second:,.1f} files/s)."
    )

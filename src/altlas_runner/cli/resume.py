"""`altlas-runner resume`: go on with a run that was interrupted, or run again what did not complete."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Any, Literal

import click

from altlas_runner.cli.inputs import read_inputs, refuse_stdin_twice
from altlas_runner.cli.logs import set_up_logging
from altlas_runner.cli.main import with_exit_codes
from altlas_runner.cli.progress import Progress, ProgressMode, progress_of
from altlas_runner.cli.run_options import find_handlers_here, given_settings, running_options
from altlas_runner.cli.running import run_and_tell
from altlas_runner.cli.source import parse_source, parser_with_schema
from altlas_runner.config import RunnerConfig
from altlas_runner.last_file.visible_text import visible
from altlas_runner.runner import Runner
from altlas_runner.task_manager.journal.resuming import NOT_BEGUN, ResumePlan

__all__ = ["resume"]

_MOST_SHOWN = 50


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path, readable=False))
@click.argument("alt_file", required=False, type=click.Path(path_type=Path, readable=False, allow_dash=True))
@click.option("--failed", is_flag=True, help="Run again what failed, and what was skipped because of it.")
@click.option(
    "--from", "from_tasks", metavar="TASK", multiple=True, help="Run again this and what depends on it; repeatable."
)
@click.option(
    "--only",
    metavar="TASK",
    multiple=True,
    help="Run again exactly this task; what depends on it keeps its result; repeatable.",
)
@click.option(
    "--in-doubt",
    type=click.Choice(["retry", "fail"]),
    default="retry",
    show_default=True,
    help="What becomes of tasks that were under way when the run was interrupted.",
)
@click.option("--strict", is_flag=True, help="Refuse an ALT_FILE that changes what has ended.")
@click.option("--input", "inputs", metavar="NAME=VALUE", multiple=True, help="Another value for ${{ inputs.NAME }}.")
@click.option(
    "--input-file",
    type=click.Path(path_type=Path, readable=False, allow_dash=True),
    help="JSON or YAML object with other values for ${{ inputs.… }}; --input wins.",
)
@running_options
@with_exit_codes
def resume(
    bundle: Path,
    alt_file: Path | None,
    failed: bool,
    from_tasks: tuple[str, ...],
    only: tuple[str, ...],
    in_doubt: Literal["retry", "fail"],
    strict: bool,
    inputs: tuple[str, ...],
    input_file: Path | None,
    config_file: Path | None,
    seed: int | None,
    progress_mode: ProgressMode,
    as_json: bool,
    **settings: Any,
) -> None:
    """Go on with the run in BUNDLE: what has ended keeps its result, everything else runs.

    A task that was under way when the run was interrupted is tried again with the same idempotency key. ALT_FILE is
    needed when it has changed, or when what is left to run needs a key that stands in it: the journal keeps none. Tasks
    that have changed, and what depends on them, run again.
    """
    refuse_stdin_twice(alt_file, input_file)
    config = RunnerConfig(config_file=config_file, **given_settings(settings, config_file))
    set_up_logging(config.log_level, as_json=progress_mode == "json")
    progress = progress_of(progress_mode)
    find_handlers_here(config)
    runner = Runner(config, use_installed_handlers=True)
    execute = partial(
        runner.resume,
        bundle,
        alt_file and parse_source(parser_with_schema(None), alt_file),
        failed=failed,
        from_tasks=from_tasks,
        only=only,
        in_doubt=in_doubt,
        strict=strict,
        inputs=read_inputs(inputs, input_file),
        on_plan=partial(_tell_plan, progress),
        seed=seed,
    )
    run_and_tell(runner, execute, progress, Path(os.path.realpath(bundle)).parent, as_json)


def _tell_plan(progress: Progress, plan: ResumePlan) -> None:
    """Say what runs and why, and how much does not."""
    progress.say(f"{len(plan.kept):,} tasks keep their results, {len(plan.why):,} run")
    new = [task_id for task_id, reason in plan.why.items() if reason == NOT_BEGUN]
    told = [(task_id, reason) for task_id, reason in plan.why.items() if reason != NOT_BEGUN]
    for task_id, reason in told[:_MOST_SHOWN]:
        verb = "fails" if task_id in plan.given_up else "runs"
        progress.say(f"  {visible(task_id)} {verb}: {visible(reason)}")
    if len(told) > _MOST_SHOWN:
        progress.say(f"  and {len(told) - _MOST_SHOWN:,} more")
    if new:
        progress.say(f"  {len(new):,} have not begun")

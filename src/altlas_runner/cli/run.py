"""`altlas-runner run`: run an ALT file, show how it goes, write its bundle."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

from altlas_runner.alt_file import validate_alt_file
from altlas_runner.alt_file.selection import Selection
from altlas_runner.cli.diagnostics import STDIN, Checked
from altlas_runner.cli.inputs import read_inputs
from altlas_runner.cli.logs import set_up_logging
from altlas_runner.cli.main import EXIT_INCOMPLETE, EXIT_INTERRUPTED, EXIT_STOPPED, with_exit_codes
from altlas_runner.cli.progress import PROGRESS_MODES, Progress, ProgressMode, progress_of
from altlas_runner.cli.source import UnusableFileError, kept_stdin, parse_source, parser_with_schema, read_source
from altlas_runner.config import LOG_LEVELS, PROTOCOLS, RunnerConfig
from altlas_runner.errors import ConfigurationError
from altlas_runner.event_loop import run_to_end
from altlas_runner.handlers.process_group import kill_all
from altlas_runner.last_file import LastFile
from altlas_runner.last_file.visible_text import visible
from altlas_runner.provenance import facts_about
from altlas_runner.runner import Runner

__all__ = ["run"]

STOPPING_CODES = ("RUN_DEADLINE", "BUDGET_EXCEEDED")


@click.command()
@click.argument("alt_file", type=click.Path(path_type=Path, readable=False, allow_dash=True))
@click.option("-o", "--output-dir", type=click.Path(path_type=Path, readable=False), help="Where bundles are made.")
@click.option("--input", "inputs", metavar="NAME=VALUE", multiple=True, help="Text for ${{ inputs.NAME }}; repeatable.")
@click.option(
    "--input-file",
    type=click.Path(path_type=Path, readable=False, allow_dash=True),
    help="JSON or YAML object with values for ${{ inputs.… }}; --input wins.",
)
@click.option("-j", "--max-concurrency", "max_concurrent_tasks", type=click.IntRange(1), help="Attempts at one time.")
@click.option(
    "--protocol", "ai_protocol", type=click.Choice(PROTOCOLS), help="Wire format of the AI service; local needs none."
)
@click.option("--service-url", "ai_service_url", help="Base URL of the AI service.")
@click.option("--model", "ai_default_model", help="Model for tasks that name none.")
@click.option(
    "--temperature", "ai_temperature", type=click.FloatRange(0, 2), help="Temperature for tasks that name none."
)
@click.option("--max-tokens", "ai_max_tokens", type=click.IntRange(1), help="Longest answer for tasks that do not say.")
@click.option(
    "--timeout",
    "ai_timeout_seconds",
    type=click.FloatRange(0, 86_400, min_open=True),
    help="Seconds a single attempt may take.",
)
@click.option("--max-retries", "ai_max_retries", type=click.IntRange(0, 255), help="Retries for tasks that do not say.")
@click.option(
    "--stream/--no-stream", "ai_use_streaming", default=None, help="Ask for answers piece by piece, to be watched."
)
@click.option(
    "--prompt-template",
    "ai_prompt_template",
    type=click.Path(path_type=Path, readable=False),
    help="Text file with ${{ inputs.… }} that makes the message to a chat model.",
)
@click.option("--local-model", type=click.Path(path_type=Path, readable=False), help="GGUF file for --protocol local.")
@click.option(
    "--handlers", metavar="MODULE:ATTRIBUTE", multiple=True, help="Python functions that do tasks; repeatable."
)
@click.option(
    "--allow-commands/--no-commands",
    "allow_commands",
    default=None,
    help="Let tasks of the type command run programs: the file may then do whatever you may do.",
)
@click.option("--engine", type=click.Choice(["local", "dask"]), help="Where handlers run: here, or on a Dask cluster.")
@click.option("--dask-address", metavar="ADDRESS", help="Address of the Dask scheduler, such as tcp://10.0.0.1:8786.")
@click.option("--dask-store", metavar="PLACE", help="Shared directory or fsspec URL for contents over 1 MiB.")
@click.option("--only", metavar="TASK", multiple=True, help="Run exactly this task; repeatable.")
@click.option(
    "--from", "from_tasks", metavar="TASK", multiple=True, help="Run this and what depends on it; repeatable."
)
@click.option("--until", metavar="TASK", multiple=True, help="Run this and what it needs; repeatable.")
@click.option("--fail-fast/--no-fail-fast", "fail_fast", default=None, help="End the run at the first failure.")
@click.option(
    "--deadline",
    "run_deadline_seconds",
    type=click.FloatRange(0, min_open=True),
    help="Seconds the whole run may take; exit code 5 when that stops it.",
)
@click.option(
    "--prices",
    type=click.Path(path_type=Path, readable=False),
    help="TOML or JSON file: what a million tokens cost, by model.",
)
@click.option(
    "--max-cost",
    type=click.FloatRange(0, min_open=True),
    help="What the run may cost, by --prices; exit code 5 when that stops it.",
)
@click.option(
    "--max-tokens-total",
    type=click.IntRange(1),
    help="Tokens the run may take, sent and received; exit code 5 when that stops it.",
)
@click.option(
    "--cache",
    type=click.Path(path_type=Path, readable=False),
    help="Directory in which answers are kept and looked for.",
)
@click.option("--refresh", is_flag=True, default=None, help="Ask for everything anew and replace what --cache has.")
@click.option(
    "--fallback-model",
    "ai_fallback_models",
    metavar="MODEL",
    multiple=True,
    help="Model to ask when the first is given up for a task; repeatable.",
)
@click.option(
    "--schedule", type=click.Choice(["file-order", "critical-path"]), help="Who starts first among equal priorities."
)
@click.option("--group", "groups", metavar="NAME=LIMIT", multiple=True, help="Limit a concurrency group; repeatable.")
@click.option("--graphs/--no-graphs", "generate_graphs", default=None, help="Draw the task graph as PNG.")
@click.option("--log-level", type=click.Choice(LOG_LEVELS), help="How much is logged.")
@click.option(
    "--config", "config_file", type=click.Path(path_type=Path, readable=False), help="TOML file with settings."
)
@click.option(
    "--schema", type=click.Path(path_type=Path, readable=False), help="Also check the file against this JSON Schema."
)
@click.option("--seed", type=int, help="Seed of the random waits between attempts.")
@click.option(
    "--progress",
    "progress_mode",
    type=click.Choice(PROGRESS_MODES),
    default="auto",
    show_default=True,
    help="How the run is shown on stderr; auto is tty on a terminal, else plain.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON on stdout.")
@with_exit_codes
def run(
    alt_file: Path,
    inputs: tuple[str, ...],
    input_file: Path | None,
    config_file: Path | None,
    schema: Path | None,
    seed: int | None,
    progress_mode: ProgressMode,
    as_json: bool,
    handlers: tuple[str, ...],
    only: tuple[str, ...],
    from_tasks: tuple[str, ...],
    until: tuple[str, ...],
    groups: tuple[str, ...],
    **settings: Any,
) -> None:
    """Run the tasks of ALT_FILE (- is stdin) and write a bundle with results, report and graph.

    The API key of the service is read from RUNNER_AI_API_KEY, a file (ai_api_key_file) or a program such as a keyring
    (ai_api_key_command), never from the command line, where every process list would show it.
    """
    given = {name: value for name, value in settings.items() if value not in (None, ())}
    if handlers:
        given["handlers"] = handlers
    if groups:
        given["concurrency_groups"] = RunnerConfig(config_file=config_file, **given).concurrency_groups | _limits(
            groups
        )
    config = RunnerConfig(config_file=config_file, **given)
    set_up_logging(config.log_level, as_json=progress_mode == "json")
    progress = progress_of(progress_mode)
    if alt_file == input_file == STDIN:
        raise ConfigurationError("only one of ALT_FILE and --input-file can be - (stdin)")
    given_inputs = read_inputs(inputs, input_file)
    parser = parser_with_schema(schema)
    parsed = parse_source(parser, alt_file)
    if found := validate_alt_file(parsed, given_inputs):
        content = read_source(alt_file)
        checked = Checked.read(alt_file, parser.validate(content, given_inputs), kept_stdin(alt_file))
        if any(diagnostic.severity == "error" for diagnostic in found):
            raise UnusableFileError(checked)
        progress.warn(checked, how_to_see_all=f"altlas-runner validate {alt_file}")
    if config.handlers:  # modules beside the file, as python -m finds them; last, so that they hide nothing
        sys.path.append(str(Path.cwd()))
    runner = Runner(config, use_installed_handlers=True)
    selection = Selection(only, from_tasks, until)
    provenance = facts_about(read_source(alt_file)) | {"command": shlex.join(["altlas-runner", *sys.argv[1:]])}
    execute = partial(
        runner.execute, parsed, seed=seed, inputs=given_inputs, selection=selection, provenance=provenance
    )
    last_file, interrupted = run_to_end(_execute(runner, execute, progress))
    _print_summary(last_file, runner.bundle_path(last_file), as_json)
    if interrupted:
        sys.exit(EXIT_INTERRUPTED)
    if any(result.error_code in STOPPING_CODES for result in last_file.task_results):
        sys.exit(EXIT_STOPPED)
    if last_file.status != "success":
        sys.exit(EXIT_INCOMPLETE)


def _limits(groups: tuple[str, ...]) -> dict[str, int]:
    """The limits of concurrency groups, each written NAME=LIMIT."""
    limits = {}
    for text in groups:
        name, equals, limit = text.rpartition("=")
        if not equals or not name or not limit.isdecimal() or int(limit) < 1:
            raise ConfigurationError(f"--group {text}: write NAME=LIMIT, the limit a number of 1 or more")
        limits[name] = int(limit)
    return limits


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
    report = bundle / "report.html"
    if as_json:
        summary = {
            "last_file_id": last_file.id,
            "status": last_file.status,
            "success_rate": last_file.success_rate,
            "execution_time_ms": last_file.total_execution_time_ms,
            "task_count": len(last_file.task_results),
            "successful_tasks": len(last_file.get_successful_tasks()),
            "failed_tasks": len(last_file.get_failed_tasks()),
            "last_file_path": str(bundle / "result.last"),
            "report_path": str(report),
        }
        click.echo(json.dumps(summary, indent=2, ensure_ascii=False))
        return
    click.echo(visible(last_file.summary))
    click.echo(f"report  {report}")
    click.echo(f"results {bundle / 'result.last'}")

"""What can be said about how tasks are run: the options that `run` and `resume` share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from altlas_runner.cli.progress import PROGRESS_MODES
from altlas_runner.config import LOG_LEVELS, PROTOCOLS, RunnerConfig
from altlas_runner.errors import ConfigurationError

__all__ = ["given_settings", "running_options"]

_OPTIONS = [
    click.option(
        "-j", "--max-concurrency", "max_concurrent_tasks", type=click.IntRange(1), help="Attempts at one time."
    ),
    click.option(
        "--protocol",
        "ai_protocol",
        type=click.Choice(PROTOCOLS),
        help="Wire format of the AI service; local needs none.",
    ),
    click.option("--service-url", "ai_service_url", help="Base URL of the AI service."),
    click.option("--model", "ai_default_model", help="Model for tasks that name none."),
    click.option(
        "--temperature", "ai_temperature", type=click.FloatRange(0, 2), help="Temperature for tasks that name none."
    ),
    click.option(
        "--max-tokens", "ai_max_tokens", type=click.IntRange(1), help="Longest answer for tasks that do not say."
    ),
    click.option(
        "--timeout",
        "ai_timeout_seconds",
        type=click.FloatRange(0, 86_400, min_open=True),
        help="Seconds a single attempt may take.",
    ),
    click.option(
        "--max-retries", "ai_max_retries", type=click.IntRange(0, 255), help="Retries for tasks that do not say."
    ),
    click.option(
        "--stream/--no-stream", "ai_use_streaming", default=None, help="Ask for answers piece by piece, to be watched."
    ),
    click.option(
        "--prompt-template",
        "ai_prompt_template",
        type=click.Path(path_type=Path, readable=False),
        help="Text file with ${{ inputs.… }} that makes the message to a chat model.",
    ),
    click.option(
        "--local-model", type=click.Path(path_type=Path, readable=False), help="GGUF file for --protocol local."
    ),
    click.option(
        "--handlers", metavar="MODULE:ATTRIBUTE", multiple=True, help="Python functions that do tasks; repeatable."
    ),
    click.option(
        "--allow-commands/--no-commands",
        "allow_commands",
        default=None,
        help="Let tasks of the type command run programs: the file may then do whatever you may do.",
    ),
    click.option(
        "--engine", type=click.Choice(["local", "dask"]), help="Where handlers run: here, or on a Dask cluster."
    ),
    click.option(
        "--dask-address", metavar="ADDRESS", help="Address of the Dask scheduler, such as tcp://10.0.0.1:8786."
    ),
    click.option("--dask-store", metavar="PLACE", help="Shared directory or fsspec URL for contents over 1 MiB."),
    click.option("--fail-fast/--no-fail-fast", "fail_fast", default=None, help="End the run at the first failure."),
    click.option(
        "--deadline",
        "run_deadline_seconds",
        type=click.FloatRange(0, min_open=True),
        help="Seconds the whole run may take; exit code 5 when that stops it.",
    ),
    click.option(
        "--prices",
        type=click.Path(path_type=Path, readable=False),
        help="TOML or JSON file: what a million tokens cost, by model.",
    ),
    click.option(
        "--max-cost",
        type=click.FloatRange(0, min_open=True),
        help="What the run may cost, by --prices; exit code 5 when that stops it.",
    ),
    click.option(
        "--max-tokens-total",
        type=click.IntRange(1),
        help="Tokens the run may take, sent and received; exit code 5 when that stops it.",
    ),
    click.option(
        "--cache",
        type=click.Path(path_type=Path, readable=False),
        help="Directory in which answers are kept and looked for.",
    ),
    click.option("--refresh", is_flag=True, default=None, help="Ask for everything anew and replace what --cache has."),
    click.option(
        "--fallback-model",
        "ai_fallback_models",
        metavar="MODEL",
        multiple=True,
        help="Model to ask when the first is given up for a task; repeatable.",
    ),
    click.option(
        "--schedule",
        type=click.Choice(["file-order", "critical-path"]),
        help="Who starts first among equal priorities.",
    ),
    click.option(
        "--group", "groups", metavar="NAME=LIMIT", multiple=True, help="Limit a concurrency group; repeatable."
    ),
    click.option("--graphs/--no-graphs", "generate_graphs", default=None, help="Draw the task graph as PNG."),
    click.option("--log-level", type=click.Choice(LOG_LEVELS), help="How much is logged."),
    click.option(
        "--config", "config_file", type=click.Path(path_type=Path, readable=False), help="TOML file with settings."
    ),
    click.option("--seed", type=int, help="Seed of the random waits between attempts."),
    click.option(
        "--progress",
        "progress_mode",
        type=click.Choice(PROGRESS_MODES),
        default="auto",
        show_default=True,
        help="How the run is shown on stderr; auto is tty on a terminal, else plain.",
    ),
    click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON on stdout."),
]


def running_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command these options."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def given_settings(settings: Mapping[str, Any], config_file: Path | None) -> dict[str, Any]:
    """The fields of `RunnerConfig` that were given by options.

    Raises:
        ConfigurationError: a value does not fit.
    """
    given = {name: value for name, value in settings.items() if value not in (None, ())}
    groups = given.pop("groups", ())
    if groups:
        others = RunnerConfig(config_file=config_file, **given).concurrency_groups
        given["concurrency_groups"] = others | _limits(groups)
    return given


def _limits(groups: tuple[str, ...]) -> dict[str, int]:
    """The limits of concurrency groups, each written NAME=LIMIT."""
    limits = {}
    for text in groups:
        name, equals, limit = text.rpartition("=")
        if not equals or not name or not limit.isdecimal() or int(limit) < 1:
            raise ConfigurationError(f"--group {text}: write NAME=LIMIT, the limit a number of 1 or more")
        limits[name] = int(limit)
    return limits


def find_handlers_here(config: RunnerConfig) -> None:
    """Let the modules of handlers be found beside the caller, as python -m does; last, so that they hide nothing."""
    if config.handlers:
        sys.path.append(str(Path.cwd()))

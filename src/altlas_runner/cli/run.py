"""`altlas-runner run`: run an ALT file, show how it goes, write its bundle."""

from __future__ import annotations

import shlex
import sys
from functools import partial
from pathlib import Path
from typing import Any

import click

from altlas_runner.alt_file import validate_alt_file
from altlas_runner.alt_file.selection import Selection
from altlas_runner.cli.diagnostics import Checked
from altlas_runner.cli.inputs import read_inputs, refuse_stdin_twice
from altlas_runner.cli.logs import set_up_logging
from altlas_runner.cli.main import with_exit_codes
from altlas_runner.cli.progress import ProgressMode, progress_of
from altlas_runner.cli.run_options import find_handlers_here, given_settings, running_options
from altlas_runner.cli.running import run_and_tell
from altlas_runner.cli.source import UnusableFileError, kept_stdin, parse_source, parser_with_schema, read_source
from altlas_runner.config import RunnerConfig
from altlas_runner.provenance import facts_about
from altlas_runner.runner import Runner

__all__ = ["run"]


@click.command()
@click.argument("alt_file", type=click.Path(path_type=Path, readable=False, allow_dash=True))
@click.option("-o", "--output-dir", type=click.Path(path_type=Path, readable=False), help="Where bundles are made.")
@click.option("--input", "inputs", metavar="NAME=VALUE", multiple=True, help="Text for ${{ inputs.NAME }}; repeatable.")
@click.option(
    "--input-file",
    type=click.Path(path_type=Path, readable=False, allow_dash=True),
    help="JSON or YAML object with values for ${{ inputs.… }}; --input wins.",
)
@click.option("--only", metavar="TASK", multiple=True, help="Run exactly this task; repeatable.")
@click.option(
    "--from", "from_tasks", metavar="TASK", multiple=True, help="Run this and what depends on it; repeatable."
)
@click.option("--until", metavar="TASK", multiple=True, help="Run this and what it needs; repeatable.")
@click.option(
    "--schema", type=click.Path(path_type=Path, readable=False), help="Also check the file against this JSON Schema."
)
@click.option(
    "--journal/--no-journal",
    "journal",
    default=None,
    help="Write down what happens before going on, so that the run can be resumed; it is so unless told otherwise.",
)
@running_options
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
    only: tuple[str, ...],
    from_tasks: tuple[str, ...],
    until: tuple[str, ...],
    **settings: Any,
) -> None:
    """Run the tasks of ALT_FILE (- is stdin) and write a bundle with results, report and graph.

    The API key of the service is read from RUNNER_AI_API_KEY, a file (ai_api_key_file) or a program such as a keyring
    (ai_api_key_command), never from the command line, where every process list would show it.
    """
    given = given_settings(settings, config_file)
    config = RunnerConfig(config_file=config_file, **given)
    if "journal" not in config.model_fields_set:
        config = RunnerConfig(config_file=config_file, **given, journal=True)
    set_up_logging(config.log_level, as_json=progress_mode == "json")
    progress = progress_of(progress_mode)
    refuse_stdin_twice(alt_file, input_file)
    given_inputs = read_inputs(inputs, input_file)
    parser = parser_with_schema(schema)
    parsed = parse_source(parser, alt_file)
    if found := validate_alt_file(parsed, given_inputs):
        content = read_source(alt_file)
        checked = Checked.read(alt_file, parser.validate(content, given_inputs), kept_stdin(alt_file))
        if any(diagnostic.severity == "error" for diagnostic in found):
            raise UnusableFileError(checked)
        progress.warn(checked, how_to_see_all=f"altlas-runner validate {alt_file}")
    find_handlers_here(config)
    runner = Runner(config, use_installed_handlers=True)
    selection = Selection(only, from_tasks, until)
    provenance = facts_about(read_source(alt_file)) | {"command": shlex.join(["altlas-runner", *sys.argv[1:]])}
    execute = partial(
        runner.execute, parsed, seed=seed, inputs=given_inputs, selection=selection, provenance=provenance
    )
    run_and_tell(runner, execute, progress, Path(config.output_dir), as_json)

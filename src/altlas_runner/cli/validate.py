"""`altlas-runner validate`: every problem of ALT files at once, without running anything."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

import click

from altlas_runner.cli.diagnostics import Checked, print_diagnostics
from altlas_runner.cli.main import EXIT_INVALID, with_exit_codes
from altlas_runner.cli.source import kept_stdin, parser_with_schema, read_source

__all__ = ["validate"]

OutputFormat = Literal["full", "concise", "json", "github", "sarif"]


@click.command()
@click.argument(
    "alt_files",
    metavar="FILES...",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, readable=False, allow_dash=True),
)
@click.option("--schema", type=click.Path(path_type=Path, readable=False), help="Also check against this JSON Schema.")
@click.option(
    "--output-format",
    type=click.Choice(["full", "concise", "json", "github", "sarif"]),
    default="full",
    show_default=True,
    help="full and concise are for people, on stderr; the others go to stdout.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --output-format json.")
@click.option("--strict", is_flag=True, help="Warnings, too, make the exit code 3.")
@with_exit_codes
def validate(
    alt_files: tuple[Path, ...], schema: Path | None, output_format: OutputFormat, as_json: bool, strict: bool
) -> None:
    """Check FILES (- is stdin) and report every error and warning at once.

    JSON is one array of all diagnostics, each with its file. Of a long list full and concise show the first 100,
    errors before warnings; the others show all.
    """
    parser = parser_with_schema(schema)
    files = [
        Checked.read(alt_file, parser.validate(read_source(alt_file)), stdin=kept_stdin(alt_file))
        for alt_file in alt_files
    ]
    _report(files, "json" if as_json else output_format)
    found = [diagnostic for file in files for diagnostic in file.diagnostics]
    if any(strict or diagnostic.severity == "error" for diagnostic in found):
        sys.exit(EXIT_INVALID)


def _report(files: list[Checked], output_format: OutputFormat) -> None:
    if output_format in ("full", "concise"):
        print_diagnostics(files, style=output_format)
        return
    from altlas_runner.cli.machine_formats import as_github, as_json, as_sarif

    write = {"json": as_json, "github": as_github, "sarif": as_sarif}[output_format]
    click.echo(write(files), nl=False)

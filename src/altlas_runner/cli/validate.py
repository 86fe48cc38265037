"""`altlas-runner validate`: every problem of an ALT file at once, without running anything."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from altlas_runner.alt_file import AltParser, Diagnostic
from altlas_runner.cli.diagnostics import count_of, render_diagnostics
from altlas_runner.cli.main import EXIT_INVALID, with_exit_codes
from altlas_runner.cli.source import parser_with_schema, read_source

__all__ = ["validate"]


@click.command()
@click.argument("alt_file", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--schema", type=click.Path(path_type=Path), help="Also check against this JSON Schema.")
@click.option("--json", "as_json", is_flag=True, help="Print the diagnostics as JSON on stdout.")
@with_exit_codes
def validate(alt_file: Path, schema: Path | None, as_json: bool) -> None:
    """Check ALT_FILE (- is stdin) and report every error and warning at once."""
    parser: AltParser = parser_with_schema(schema)
    diagnostics: list[Diagnostic] = parser.validate(read_source(alt_file))
    if as_json:
        click.echo(json.dumps([diagnostic.to_dict() for diagnostic in diagnostics], indent=2))
    elif diagnostics:
        render_diagnostics(diagnostics, source=str(alt_file))
    else:
        click.echo(f"{alt_file}: {count_of(diagnostics)}", err=True)
    if any(diagnostic.severity == "error" for diagnostic in diagnostics):
        sys.exit(EXIT_INVALID)

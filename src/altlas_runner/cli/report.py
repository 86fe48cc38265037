"""`altlas-runner report`: the report of a bundle, made again from its `result.last`."""

from __future__ import annotations

from pathlib import Path

import click

from altlas_runner.cli.bundle_source import bundle_argument, read_bundle
from altlas_runner.cli.diagnostics import STDIN
from altlas_runner.cli.main import with_exit_codes
from altlas_runner.cli.text_output import write_text
from altlas_runner.last_file import render_report
from altlas_runner.last_file.bundle import REPORT_NAME

__all__ = ["report"]


@click.command()
@bundle_argument()
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="Where it goes; - is stdout. By default report.html in BUNDLE.",
)
@with_exit_codes
def report(bundle: Path, output: Path | None) -> None:
    """Make the report of BUNDLE (a directory or its result.last; - is stdin) again, byte for byte as it was.

    A newer altlas_runner makes a newer report of an old bundle.
    """
    found = read_bundle(bundle)
    if output is None and found.directory is not None:
        output = found.directory / REPORT_NAME
    write_text(render_report(found.last_file), output)
    if output is not None and output != STDIN:
        click.echo(str(output))

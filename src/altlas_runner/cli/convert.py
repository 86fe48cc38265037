"""`altlas-runner convert`: any dialect in, plain ALT JSON out."""

from __future__ import annotations

from pathlib import Path

import click

from altlas_runner.alt_file import AltParser
from altlas_runner.cli.alt_output import output_option, write_alt_file
from altlas_runner.cli.main import with_exit_codes
from altlas_runner.cli.source import parse_source

__all__ = ["convert"]


@click.command()
@click.argument("alt_file", type=click.Path(path_type=Path, allow_dash=True))
@output_option
@with_exit_codes
def convert(alt_file: Path, output: Path | None) -> None:
    """Write ALT_FILE (- is stdin) as plain ALT JSON.

    It may be JSON, YAML, or a document of the Segmentation Service in either.
    """
    write_alt_file(parse_source(AltParser(), alt_file), output)

"""`altlas-runner merge`: several ALT files become one."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from altlas_runner.alt_file import AltFile, AltParser
from altlas_runner.cli.alt_output import output_option, write_alt_file
from altlas_runner.cli.diagnostics import STDIN, Checked, print_diagnostics
from altlas_runner.cli.main import EXIT_INVALID, with_exit_codes
from altlas_runner.cli.source import UnusableFileError, parse_source

__all__ = ["merge"]


@click.command()
@click.argument("alt_files", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True))
@output_option
@click.option("--title", help="Title of the merged file; else the titles of the files, joined.")
@with_exit_codes
def merge(alt_files: tuple[Path, ...], output: Path | None, title: str | None) -> None:
    """Put the tasks of ALT_FILES (- is stdin) into one file.

    A task whose id an earlier file has is renamed, and what refers to it in its own file follows.
    """
    if alt_files.count(STDIN) > 1:
        raise click.UsageError("- stands for stdin, which is one file; name it once")
    if title is not None and not title.strip():
        raise click.UsageError("the title is empty")
    if title is not None and title != title.encode(errors="ignore").decode():
        raise click.UsageError("the title is not UTF-8")
    parser = AltParser()
    files: list[AltFile] = []
    unusable: list[Checked] = []
    for path in alt_files:
        try:
            files.append(parse_source(parser, path))
        except UnusableFileError as error:
            unusable.append(error.checked)
    if unusable:
        print_diagnostics(unusable)
        sys.exit(EXIT_INVALID)
    if title is None:
        title = " + ".join(dict.fromkeys(file.title for file in files))
    write_alt_file(parser.merge_alt_files(files, title), output)

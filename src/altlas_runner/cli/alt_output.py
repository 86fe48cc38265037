"""Where commands put an ALT file that they made: a file, whole or not at all, or stdout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from altlas_runner.alt_file import AltFile, AltParser
from altlas_runner.alt_file.saving import as_json_text
from altlas_runner.cli.main import EXIT_USAGE, fail
from altlas_runner.errors import AltIoError

__all__ = ["output_option", "write_alt_file"]

_STDOUT = Path("-")


def output_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option `-o`."""
    path = click.Path(path_type=Path, dir_okay=False, allow_dash=True)
    return click.option("-o", "--output", type=path, help="Write to this file instead of stdout.")(command)


def write_alt_file(alt_file: AltFile, output: Path | None) -> None:
    """Write a file as plain ALT JSON; a place that cannot be written ends the command."""
    try:
        if output is None or output == _STDOUT:
            click.echo(as_json_text(alt_file), nl=False)  # UTF-8, whatever the terminal speaks
        else:
            AltParser().save_to_path(alt_file, output)
    except AltIoError as error:
        fail(EXIT_USAGE, error.diagnostics[0].message)
    except BrokenPipeError:  # the reader has seen enough: click ends the command quietly
        raise
    except OSError as error:
        fail(EXIT_USAGE, f"stdout cannot be written: {error.strerror}")

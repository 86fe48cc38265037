"""Where commands put a text that they made: a file, whole or not at all, or stdout."""

from __future__ import annotations

from pathlib import Path

import click

from altlas_runner.atomic_file import write_atomically
from altlas_runner.cli.diagnostics import STDIN
from altlas_runner.errors import BundleError

__all__ = ["write_text"]


def write_text(text: str, output: Path | None) -> None:
    """Write a text as UTF-8; None and `-` are stdout.

    Raises:
        BundleError: the file cannot be written.
    """
    if output is None or output == STDIN:
        click.echo(text.encode(), nl=False)
        return
    try:
        write_atomically(output, text.encode())
    except OSError as error:
        raise BundleError(output, f"cannot be written: {error.strerror or error}") from error

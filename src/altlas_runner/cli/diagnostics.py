"""What was found in ALT files, printed on stderr for people."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import click

from altlas_runner.alt_file import Diagnostic
from altlas_runner.alt_file.diagnostics import most_important
from altlas_runner.cli.excerpt import shown
from altlas_runner.cli.rendering import concise, count_of, full

__all__ = ["STDIN", "Checked", "Style", "print_diagnostics", "wants_colour"]

STDIN = Path("-")
_STDIN_NAME = "<stdin>"
_LONGEST_SOURCE = 1 << 30
_MOST = 100

Style = Literal["full", "concise"]


@dataclass(frozen=True, slots=True)
class Checked:
    """A file and what was found in it.

    Attributes:
        name: what the file is called.
        diagnostics: what was found, in the order of position.
        text: the source, or None when no line of it is to be shown.
    """

    name: str
    diagnostics: Sequence[Diagnostic]
    text: str | None = field(default=None, repr=False)

    @classmethod
    def read(cls, source: Path, diagnostics: Sequence[Diagnostic], stdin: bytes | None = None) -> Checked:
        """With the source of the diagnostics read again, now that there is something to show.

        Only a file on disk can be read twice; of stdin the caller has kept the bytes.
        """
        name = _STDIN_NAME if source == STDIN else str(source)
        content = stdin if source == STDIN else None
        if any(diagnostic.line is not None for diagnostic in diagnostics) and content is None:
            content = _read_again(source)
        return cls(name, diagnostics, None if content is None else content.decode(errors="replace"))


def print_diagnostics(
    files: Sequence[Checked], *, style: Style = "full", most: int = _MOST, more: str | None = None
) -> None:
    """Print the diagnostics of some files on stderr, and their count; colours only on a terminal.

    Args:
        files: in the order in which they are printed.
        style: full shows the lines concerned; concise is one line for each diagnostic.
        most: no more diagnostics than this are printed, errors before warnings, and the count of the rest.
        more: how to see the rest, or None.
    """
    found = [diagnostic for file in files for diagnostic in file.diagnostics]
    kept = {id(each) for each in most_important(found, most)}
    colour = wants_colour()
    for file in [replace(each, diagnostics=[d for d in each.diagnostics if id(d) in kept]) for each in files]:
        if file.diagnostics and style == "full":
            click.echo(full(file.diagnostics, file.text, file.name, colour=colour), err=True, color=colour)
        else:
            click.echo(concise(file.diagnostics, file.name, colour=colour), err=True, color=colour, nl=False)
    if len(found) > most:
        rest = f"… and {len(found) - most:,} more"
        click.echo(rest if more is None else f"{rest}: {more}", err=True)
    name = f"{len(files):,} files" if len(files) != 1 else shown(files[0].name)
    click.echo(f"{name}: {count_of(found)}", err=True)


def _read_again(source: Path) -> bytes | None:
    try:
        if not source.is_file():  # a pipe has been drained
            return None
        with source.open("rb") as file:
            return file.read(_LONGEST_SOURCE)
    except (OSError, ValueError):  # it is gone, or never was; the diagnostics say so
        return None


def wants_colour() -> bool:
    """Whether stderr is a terminal that shows colours, and its user wants them."""
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

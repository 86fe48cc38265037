"""Diagnostics for people: what is wrong, where, and how to mend it."""

from __future__ import annotations

from collections.abc import Sequence

import click

from altlas_runner.alt_file import Diagnostic

__all__ = ["render_diagnostics"]

_MOST = 100
_COLOURS = {"error": "red", "warning": "yellow"}


def render_diagnostics(diagnostics: Sequence[Diagnostic], *, source: str) -> None:
    """Print diagnostics on stderr, at most 100 and the count of the rest; colours only on a terminal."""
    for diagnostic in diagnostics[:_MOST]:
        label = click.style(f"{diagnostic.severity}[{diagnostic.code}]", fg=_COLOURS[diagnostic.severity], bold=True)
        click.echo(f"{label}: {click.style(_visible(diagnostic.message), bold=True)}", err=True)
        place = source + (f":{diagnostic.line}:{diagnostic.column}" if diagnostic.line else "")
        click.echo(f"  {click.style('-->', fg='blue')} {place}   {_visible(diagnostic.path)}".rstrip(), err=True)
        if diagnostic.help:
            click.echo(f"  {click.style('=', fg='blue')} help: {_visible(diagnostic.help)}", err=True)
    rest = len(diagnostics) - _MOST
    if rest > 0:
        click.echo(f"… and {rest} more", err=True)
    click.echo(count_of(diagnostics), err=True)


def count_of(diagnostics: Sequence[Diagnostic]) -> str:
    """`2 errors, 1 warning`.

    Example:
        >>> count_of([Diagnostic("ALT001", "empty file id")])
        '1 error, 0 warnings'
    """
    errors = sum(diagnostic.severity == "error" for diagnostic in diagnostics)
    warnings = len(diagnostics) - errors
    return f"{errors} error{'s' * (errors != 1)}, {warnings} warning{'s' * (warnings != 1)}"


def _visible(text: str) -> str:
    """The text with control characters escaped, so that a file cannot steer the terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)

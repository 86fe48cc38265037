"""Diagnostics as text for people: what is wrong, where, and how to mend it. Pure; `cli.diagnostics` prints it."""

from __future__ import annotations

from collections.abc import Sequence

import click

from altlas_runner.alt_file import Diagnostic
from altlas_runner.cli.excerpt import excerpt, shown
from altlas_runner.cli.source_lines import SourceLines

__all__ = ["concise", "count_of", "full"]

_NARROWEST_GUTTER = 3
_COLOURS = {"error": "red", "warning": "yellow"}
_FRAME = "blue"

_LABELS = {
    "ALT001": "empty",
    "ALT002": "empty",
    "ALT003": "empty",
    "ALT010": "empty",
    "ALT011": "used again here",
    "ALT012": "empty",
    "ALT020": "empty",
    "ALT021": "no task has this id",
    "ALT022": "the task itself",
    "ALT023": "part of the circle",
    "ALT024": "not the output of a dependency",
    "ALT025": "no reference can be read here",
    "ALT026": "not given",
    "ALT101": "nothing to run",
    "ALT102": "no time at all",
    "ALT103": "more than two hours",
    "ALT104": "more than 20",
    "ALT105": "stands alone",
    "ALT106": "empty",
    "ALT107": "no time at all",
    "ALT108": "empty",
    "ALT109": "listed again here",
    "ALT110": "no field has this name",
    "ALT111": "the same key again",
    "ALT302": "here",
    "ALT303": "cannot be used as it is",
    "ALT305": "the schema does not allow this",
    "ALT306": "the limit is passed here",
}
"""The words behind the carets. Codes that are missing here say it all in their message, or never have a place."""


def full(diagnostics: Sequence[Diagnostic], text: str | None, name: str, *, colour: bool = False) -> str:
    """Each diagnostic with the line it is about, a caret under the span, a second place where it has one, and help.

    How to learn more is said once for each code.

    Args:
        diagnostics: what to show, in this order.
        text: the source, or None when there is none to show.
        name: what the source is called.
        colour: whether to colour it for a terminal.
    """
    lines = SourceLines(text, diagnostics)
    explained: set[str] = set()
    blocks = []
    for diagnostic in diagnostics:
        blocks.append(_Block(diagnostic, lines, name, colour).render(more=diagnostic.code not in explained))
        explained.add(diagnostic.code)
    return "\n".join(blocks)


def concise(diagnostics: Sequence[Diagnostic], name: str, *, colour: bool = False) -> str:
    r"""One line for each diagnostic: `file:line:column: error[ALT021] message`.

    Where there is no line, the message ends with the JSON pointer.

    Example:
        >>> concise([Diagnostic("ALT001", "the id of the file is empty", "/id", 1, 8)], "flow.alt")
        'flow.alt:1:8: error[ALT001] the id of the file is empty\n'
    """
    rows = []
    for diagnostic in diagnostics:
        label = _painted(f"{diagnostic.severity}[{diagnostic.code}]", colour, _COLOURS[diagnostic.severity])
        where = f" (at {shown(diagnostic.path)})" if diagnostic.path and diagnostic.line is None else ""
        place = _place(name, diagnostic)
        rows.append(f"{place}: {label} {shown(diagnostic.message)}{where}\n")
    return "".join(rows)


def count_of(diagnostics: Sequence[Diagnostic]) -> str:
    """`2 errors, 1 warning`.

    Example:
        >>> count_of([Diagnostic("ALT001", "empty file id")])
        '1 error, 0 warnings'
    """
    errors = sum(diagnostic.severity == "error" for diagnostic in diagnostics)
    warnings = len(diagnostics) - errors
    return f"{errors:,} error{'s' * (errors != 1)}, {warnings:,} warning{'s' * (warnings != 1)}"


class _Block:
    """One diagnostic on several rows: a heading, the place, lines of the source in a gutter, notes."""

    def __init__(self, diagnostic: Diagnostic, lines: SourceLines, name: str, colour: bool) -> None:
        self._diagnostic = diagnostic
        self._lines = lines
        self._name = name
        self._colour = colour
        highest = max([diagnostic.line or 0, *(related.line or 0 for related in diagnostic.related)])
        self._gutter = max(_NARROWEST_GUTTER, len(str(highest)))
        self._shown_line: tuple[int, str] | None = None
        self._rows: list[str] = []

    def render(self, *, more: bool) -> str:
        diagnostic = self._diagnostic
        own_colour = _COLOURS[diagnostic.severity]
        heading = _painted(f"{diagnostic.severity}[{diagnostic.code}]", self._colour, own_colour)
        self._rows.append(heading + _painted(f": {shown(diagnostic.message)}", self._colour, None))
        place = "   ".join(part for part in (_place(self._name, diagnostic), shown(diagnostic.path)) if part)
        if place:
            self._rows.append(f"{' ' * (self._gutter - 1)}{self._framed('-->')} {place}")
        span = self._lines.span_of(diagnostic)
        if span is not None and diagnostic.line is not None:
            self._rows.append(self._in_gutter("", ""))
            self._source(diagnostic.line, span, "^", _LABELS.get(diagnostic.code, ""), own_colour)
        notes = []
        for related in diagnostic.related:
            span = self._lines.span(related.line, related.column)
            if span is not None and related.line is not None:
                self._source(related.line, span, "-", shown(related.message), _FRAME)
            else:
                notes.append(("note", f"{shown(related.message)}: {shown(related.path)}"))
        if diagnostic.help:
            notes.append(("help", shown(diagnostic.help)))
        if more:
            notes.append(("more", f"altlas-runner explain {diagnostic.code}"))
        for kind, words in notes:
            label = _painted(f"{kind}:", self._colour, None)
            self._rows.append(f"{' ' * (self._gutter + 1)}{self._framed('=')} {label} {words}")
        return "".join(f"{row}\n" for row in self._rows)

    def _source(self, number: int, span: tuple[str, int, int], mark: str, label: str, colour: str) -> None:
        """The line, unless it is the one just shown, and under it the span with its label."""
        part = excerpt(*span)
        if self._shown_line != (number, part.text):
            self._rows.append(self._in_gutter(str(number), part.text))
            self._shown_line = (number, part.text)
        marks = _painted(f"{mark * part.width} {label}".rstrip(), self._colour, colour)
        self._rows.append(self._in_gutter("", " " * part.indent + marks))

    def _in_gutter(self, number: str, content: str) -> str:
        return f"{self._framed(f'{number:>{self._gutter}} |')} {content}".rstrip()

    def _framed(self, text: str) -> str:
        return _painted(text, self._colour, _FRAME)


def _place(name: str, diagnostic: Diagnostic) -> str:
    position = "" if diagnostic.line is None else f":{diagnostic.line}:{diagnostic.column}"
    return shown(name) + position


def _painted(text: str, colour: bool, foreground: str | None) -> str:
    return click.style(text, fg=foreground, bold=True) if colour else text

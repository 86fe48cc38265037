"""The lines of a source that diagnostics point at, and the span of the value that begins at a position. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from altlas_runner.alt_file import Diagnostic, Related
from altlas_runner.alt_file.diagnostics import written_forms

__all__ = ["SourceLines", "span_end"]

_LONGEST_SPAN = 200  # no terminal shows more; a value may have megabytes
_BEGINS_AS_JSON = re.compile(r"\s*[\[{]")  # all else is YAML, where values need no quotes
_DOUBLE_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"?')
_SINGLE_QUOTED = re.compile(r"'(?:[^']|'')*'?")
_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')
_WORD = re.compile(r"[-+.\w]+")
_PLAIN_IN_BLOCK = re.compile(r"(?:(?!:(?:\s|$)|\s#).)+")
_PLAIN_IN_FLOW = re.compile(r"(?:(?!:(?:\s|$)|\s#)[^,\[\]{}])+")


class SourceLines:
    """Some lines of a source, looked up once.

    Args:
        text: the source, or None when there is none to show.
        diagnostics: what points at the lines that are wanted.
    """

    def __init__(self, text: str | None, diagnostics: Iterable[Diagnostic]) -> None:
        places: list[Diagnostic | Related] = []
        for diagnostic in diagnostics:
            places += [diagnostic, *diagnostic.related]
        wanted = {place.line for place in places if place.line is not None and place.column is not None}
        self._lines = {} if text is None else _lines(text, wanted)
        self._yaml = text is not None and _BEGINS_AS_JSON.match(text) is None

    def span(self, line: int | None, column: int | None, *, one_character: bool = False) -> tuple[str, int, int] | None:
        """The line and where in it the value at a position begins and ends (from 0, end exclusive), or None.

        None when there is no such place. A position just behind the end of a line is a place.
        """
        if line is None or column is None or line not in self._lines or column - 1 > len(self._lines[line]):
            return None
        content, start = self._lines[line], column - 1
        return content, start, start + 1 if one_character else span_end(content, start, yaml=self._yaml)

    def span_of(self, diagnostic: Diagnostic) -> tuple[str, int, int] | None:
        """The span a diagnostic is about: a value or a key, or the one character where a text stops making sense."""
        is_syntax = diagnostic.code in ("ALT302", "ALT306") and not diagnostic.path
        span = self.span(diagnostic.line, diagnostic.column, one_character=is_syntax)
        if span is None or diagnostic.part is None:
            return span
        line, start, end = span
        lengths = (len(form) for form in written_forms(diagnostic.part) if line.startswith(form, start))
        return line, start, start + next(lengths, end - start)


def span_end(line: str, start: int, *, yaml: bool = False) -> int:
    """Where the value or key that begins at `start` ends (exclusive), as far as this line has it.

    Of an array or object that goes on in later lines only the bracket counts.

    Example:
        >>> span_end('{"id": "a b"}', 7), span_end("id: a b  # first", 4, yaml=True)
        (12, 7)
    """
    tail = line[start : start + _LONGEST_SPAN]
    if tail.startswith(("[", "{")):
        return start + _closing(tail)
    if tail.startswith('"'):
        found = _DOUBLE_QUOTED.match(tail)
    elif yaml and tail.startswith("'"):
        found = _SINGLE_QUOTED.match(tail)
    elif yaml:
        in_flow = re.search(r"[\[{]", line[:start]) or tail.rstrip().endswith((",", "]", "}"))
        found = (_PLAIN_IN_FLOW if in_flow else _PLAIN_IN_BLOCK).match(tail)
    else:
        found = _WORD.match(tail)
    return start + max(1, len(found[0].rstrip()) if found else 1)


def _closing(tail: str) -> int:
    """How long the array or object at the start of this text is; 1 when it does not end here."""
    depth = 0
    for token in _BRACKET.finditer(tail):
        if token[0] in "[{":
            depth += 1
        elif token[0] in "]}":
            depth -= 1
        if depth == 0:
            return token.end()
    return 1


def _lines(text: str, wanted: Iterable[int]) -> dict[int, str]:
    """The lines with these numbers (from 1), found in one pass and without splitting the whole text."""
    found: dict[int, str] = {}
    number, start = 1, 0
    for line in sorted(wanted):
        while number < line:
            start = text.find("\n", start) + 1
            if start == 0:
                return found
            number += 1
        end = text.find("\n", start)
        found[line] = text[start : end if end >= 0 else len(text)].removesuffix("\r")
    return found

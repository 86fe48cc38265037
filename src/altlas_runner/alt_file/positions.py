"""Where in a text a value stands: JSON pointers become lines and columns.

Asked only when there is something to report, so files without problems pay nothing. In JSON the standard library's
scanner jumps over every value that nobody asked for, at the speed of C.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from json import JSONDecoder
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

from altlas_runner.alt_file.diagnostics import Diagnostic, Related, written_forms

__all__ = ["with_positions"]

_AT_KEY = frozenset({"ALT110", "ALT111"})
"""These are about the key, not about the value behind it."""

_AT_FIRST_KEY = frozenset({"ALT111"})
"""The second place of these is the first of the equal keys."""

_MOST_SEARCHED = 1_000_000_000
"""Most characters that are looked at for parts of values, a second's work: an escape may hide each from who looks."""

_SPACE = re.compile(r"[ \t\n\r]*")
_COMMA = re.compile(r"[ \t\n\r]*,?[ \t\n\r]*")
_skip_value: Any = JSONDecoder(strict=False, parse_int=str, parse_float=str).scan_once  # type: ignore[attr-defined]


@dataclass(slots=True)
class _Wanted:
    """A value whose place is wanted, or on the way to one; places are (line, column), counted from 1."""

    inside: dict[str, _Wanted] = field(default_factory=dict)
    value: Any = None
    key: Any = None
    first_key: Any = None  # of equal keys of one object
    span: tuple[int, int] = (0, 0)  # of a value with nothing wanted inside, as indices into the text
    last_part: tuple[int, int, int] | None = None  # of those found in it: index, line, column

    def within(self, step: str) -> _Wanted:
        return self.inside.setdefault(step, _Wanted())


_Offsets = dict[int, list[tuple[_Wanted, bool]]]
"""By index into the text: what begins there, and whether as a key."""


def with_positions(diagnostics: Iterable[Diagnostic], text: str, *, is_yaml: bool) -> list[Diagnostic]:
    """The diagnostics with line and column of their paths in this text; those that have them keep them.

    A path that is not in the text (a part of something that an alias of YAML repeats) gets the nearest place around it.
    """
    found = list(diagnostics)
    root = _Wanted()
    for diagnostic in found:
        for path in (diagnostic.path, *(place.path for place in diagnostic.related)):
            wanted = root
            for step in _steps(path):
                wanted = wanted.within(step)
    try:
        offsets = _in_yaml(text, root) if is_yaml else _in_json(text, root)
    except (ValueError, StopIteration, IndexError, RecursionError):  # no such text: its diagnostics say where it breaks
        return found
    _set_places(text, offsets)
    parts = _Parts(text)
    return [_placed(diagnostic, root, parts) for diagnostic in found]


def _placed(diagnostic: Diagnostic, root: _Wanted, parts: _Parts) -> Diagnostic:
    if diagnostic.line is None:
        line, column = _place(root, diagnostic.path, diagnostic.code in _AT_KEY)
        if diagnostic.part is not None and line is not None and column is not None:
            line, column = parts.place(diagnostic.part, _wanted_at(root, diagnostic.path), line, column)
        diagnostic = replace(diagnostic, line=line, column=column)
    at_first = diagnostic.code in _AT_FIRST_KEY
    related = tuple(_placed_related(place, root, at_first) for place in diagnostic.related)
    return replace(diagnostic, related=related) if related else diagnostic


class _Parts:
    """Finds parts of values. Thousands in one value cost no more than one: each is looked for behind the one before."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._room = _MOST_SEARCHED

    def place(self, part: str, wanted: _Wanted, line: int, column: int) -> tuple[int, int]:
        """The place of a part of the value at this place; of the value itself where the part cannot be seen."""
        text, (start, end) = self._text, wanted.span
        for index, line_there, column_there in filter(None, (wanted.last_part, (start, line, column))):
            found = self._find(part, index, end)
            if found >= 0:
                newlines = text.count("\n", index, found)
                column_there += found - index
                if newlines:
                    column_there = found - text.rindex("\n", index, found)
                wanted.last_part = found, line_there + newlines, column_there
                return wanted.last_part[1:]
        return line, column

    def _find(self, part: str, start: int, end: int) -> int:
        for form in dict.fromkeys(written_forms(part)):
            if self._room <= 0:
                return -1
            found = self._text.find(form, start, end)
            while found > 0 and self._text[found - 1] == "$":  # which makes a reference literal
                found = self._text.find(form, found + 1, end)
            self._room -= (end if found < 0 else found) - start
            if found >= 0:
                return found
        return -1


def _wanted_at(root: _Wanted, path: str) -> _Wanted:
    for step in _steps(path):
        root = root.inside[step]
    return root


def _placed_related(place: Related, root: _Wanted, at_first_key: bool) -> Related:
    if place.line is not None:
        return place
    line, column = _place(root, place.path, False)
    if at_first_key:
        line, column = _wanted_at(root, place.path).first_key or (line, column)
    return replace(place, line=line, column=column)


def _place(root: _Wanted, path: str, at_key: bool) -> tuple[int | None, int | None]:
    wanted, place = root, root.value
    for step in _steps(path):
        wanted = wanted.inside[step]
        place = (wanted.key if at_key else wanted.value) or wanted.value or place
    return place or (None, None)


def _steps(pointer: str) -> list[str]:
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def _set_places(text: str, offsets: _Offsets) -> None:
    """Lines and columns of what was found; of two values for one key the later one stays."""
    line, line_start, seen = 1, 0, 0
    for offset in sorted(offsets):
        newlines = text.count("\n", seen, offset)
        if newlines:
            line += newlines
            line_start = text.rindex("\n", seen, offset) + 1
        seen = offset
        for wanted, is_key in offsets[offset]:
            place = (line, offset - line_start + 1)
            if is_key:
                wanted.key = place
                wanted.first_key = wanted.first_key or place
            else:
                wanted.value = place
                for inside in wanted.inside.values():  # another object begins
                    inside.first_key = None


# -- JSON ------------------------------------------------------------------------------------------------------------


def _in_json(text: str, root: _Wanted) -> _Offsets:
    offsets: _Offsets = {}
    _read(text, _SPACE.match(text, 1 if text.startswith("\ufeff") else 0).end(), root, offsets)  # type: ignore[union-attr]
    return offsets


def _read(text: str, at: int, wanted: _Wanted, offsets: _Offsets) -> int:
    """Note where the value at `at` and what is wanted inside it begin; returns where it ends.

    It calls itself only as deep as paths reach, which the parser's limit on depth bounds.
    """
    offsets.setdefault(at, []).append((wanted, False))
    opening = text[at]
    if not wanted.inside or opening not in "{[":
        end: int = _skip_value(text, at)[1]
        wanted.span = (at, end)
        return end
    space, comma = _SPACE.match, _COMMA.match
    end = space(text, at + 1).end()  # type: ignore[union-attr]
    if opening == "[":
        places = {int(step): inside for step, inside in wanted.inside.items() if step.isdecimal()}
        index = 0
        while text[end] != "]":
            end = _read(text, end, places[index], offsets) if index in places else _skip_value(text, end)[1]
            end = comma(text, end).end()  # type: ignore[union-attr]
            index += 1
        return end + 1
    while text[end] != "}":
        key_at = end
        step, end = scanstring(text, end + 1, False)
        end = space(text, space(text, end).end() + 1).end()  # type: ignore[union-attr]
        inside = wanted.inside.get(step)
        if inside is None:
            end = _skip_value(text, end)[1]
        else:
            offsets.setdefault(key_at, []).append((inside, True))
            end = _read(text, end, inside, offsets)
        end = comma(text, end).end()  # type: ignore[union-attr]
    return end + 1


# -- YAML ------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Level:
    """A collection of YAML that is being read; `wanted` is None where nothing inside is wanted."""

    is_mapping: bool
    wanted: _Wanted | None
    step: str | None = None
    index: int = 0

    def value_wanted(self) -> _Wanted | None:
        step = self.step if self.is_mapping else str(self.index)
        return None if self.wanted is None or step is None else self.wanted.inside.get(step)

    def value_ended(self) -> None:
        self.step = None
        self.index += 1


def _in_yaml(text: str, root: _Wanted) -> _Offsets:
    import yaml

    offsets: _Offsets = {}
    levels: list[_Level] = []
    texts: dict[str, str] = {}  # by anchor: a key may be an alias
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            if isinstance(event, yaml.CollectionEndEvent):
                levels.pop()
                if levels:
                    levels[-1].value_ended()
            elif isinstance(event, yaml.NodeEvent):
                anchor: Any = event.anchor
                key = texts.get(anchor, "") if isinstance(event, yaml.AliasEvent) else getattr(event, "value", "")
                if anchor is not None:
                    texts[anchor] = key
                start: Any = event.start_mark
                wanted, is_key = _begin(levels, key, root, offsets, start.index)
                if isinstance(event, yaml.CollectionStartEvent):
                    levels.append(_Level(isinstance(event, yaml.MappingStartEvent), wanted))
                elif levels and not is_key:
                    levels[-1].value_ended()
                if wanted is not None and not is_key:
                    end: Any = event.end_mark
                    wanted.span = (start.index, end.index)
    except yaml.YAMLError:
        pass
    return offsets


def _begin(levels: list[_Level], key: str, root: _Wanted, offsets: _Offsets, index: int) -> tuple[_Wanted | None, bool]:
    """Note where a key or a value begins; returns what is wanted of it, and whether it is a key."""
    level = levels[-1] if levels else None
    is_key = level is not None and level.is_mapping and level.step is None
    if level is not None and is_key:
        level.step = key
    wanted = root if level is None else level.value_wanted()
    if wanted is not None:
        offsets.setdefault(index, []).append((wanted, is_key))
    return wanted, is_key

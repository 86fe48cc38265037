"""What is wrong with an ALT file: one `Diagnostic` per problem, and the table of all codes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

__all__ = [
    "CODES",
    "Diagnostic",
    "Found",
    "Path",
    "Related",
    "Severity",
    "duplicate_key",
    "found_at",
    "json_pointer",
    "most_important",
    "place_of",
    "pointer_step",
    "quoted",
    "sort_by_position",
    "written_forms",
]

Severity = Literal["error", "warning"]

Path = tuple[str | int, ...]
"""Where a value is in a document: keys of objects and indices of arrays, from the outside in."""

_LONGEST_POINTER = 1000

CODES: dict[str, str] = {
    "ALT001": "empty file id",
    "ALT002": "empty title",
    "ALT003": "empty version",
    "ALT010": "empty task id",
    "ALT011": "duplicate task id",
    "ALT012": "empty task description",
    "ALT020": "empty dependency id",
    "ALT021": "dependency not in the file",
    "ALT022": "task depends on itself",
    "ALT023": "circular dependency",
    "ALT024": "output reference to a task that is no dependency",
    "ALT025": "malformed output reference",
    "ALT026": "reference to an input that was not given",
    "ALT101": "no tasks",
    "ALT102": "timeout of zero",
    "ALT103": "timeout over 7,200 s",
    "ALT104": "retry_count over 20",
    "ALT105": "isolated task in a file of several",
    "ALT106": "empty parameters object",
    "ALT107": "expected_completion_time of zero",
    "ALT108": "empty metadata object",
    "ALT109": "same dependency listed twice",
    "ALT110": "unknown field",
    "ALT111": "duplicate key in a JSON object",
    "ALT201": "sequence names an unknown task",
    "ALT202": "sequence misses a task",
    "ALT203": "sequence names a task twice",
    "ALT204": "sequence runs a task before its dependency",
    "ALT301": "file cannot be read",
    "ALT302": "not JSON or YAML",
    "ALT303": "wrong type or missing field",
    "ALT304": "empty content",
    "ALT305": "violates the JSON Schema given",
    "ALT306": "over a size, depth or count limit",
}
"""Every code with its meaning in a few words. ALT1xx are warnings, all others errors."""


@dataclass(frozen=True, slots=True)
class Related:
    """A second place that helps to understand a problem: the first of two equal ids, a task with a similar id.

    Attributes:
        path: JSON pointer (RFC 6901) to the value there.
        message: what is there, in a few words.
        line: counted from 1; None when the input was not text.
        column: counted from 1 in code points; None when the input was not text.
    """

    path: str
    message: str
    line: int | None = None
    column: int | None = None

    def to_dict(self) -> dict[str, str | int | None]:
        """The fields as JSON."""
        return {"path": self.path, "message": self.message, "line": self.line, "column": self.column}


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One problem.

    Attributes:
        code: one of `CODES`.
        message: what is wrong, with the names and values concerned.
        path: JSON pointer (RFC 6901) to the offending value; "" is the whole document.
        line: counted from 1; None when the input was not text.
        column: counted from 1 in code points; None when the input was not text.
        task_id: the task concerned, or None.
        help: how to mend it, or None.
        related: other places that help to understand it.
        part: what it is about of the text at `path`, such as one reference: line and column are those of this part.
            None is all of it.
    """

    code: str
    message: str
    path: str = ""
    line: int | None = None
    column: int | None = None
    task_id: str | None = None
    help: str | None = None
    related: tuple[Related, ...] = ()
    part: str | None = None

    @property
    def severity(self) -> Severity:
        """`warning` for ALT1xx, else `error`."""
        return "warning" if self.code.startswith("ALT1") else "error"

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON, severity included."""
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "path": self.path,
            "line": self.line,
            "column": self.column,
            "task_id": self.task_id,
            "help": self.help,
            "related": [place.to_dict() for place in self.related],
            "part": self.part,
        }


Found = tuple[Path, Diagnostic]
"""A problem and the path to it, still in parts, so that problems can be put in the order of the document."""


def found_at(
    path: Path,
    code: str,
    message: str,
    *,
    task_id: str | None = None,
    help: str | None = None,  # noqa: A002
    related: tuple[Related, ...] = (),
    part: str | None = None,
) -> Found:
    """A problem at this place."""
    return path, Diagnostic(code, message, json_pointer(path), task_id=task_id, help=help, related=related, part=part)


def duplicate_key(path: Path, line: int | None = None, column: int | None = None) -> Found:
    """The problem of a key that stands in an object again."""
    message = f"the key {quoted(str(path[-1]))} stands in this object more than once; the last one counts"
    pointer = json_pointer(path)
    related = (Related(pointer, "the first key with this name"),)
    help_text = "keep one of them"
    return path, Diagnostic("ALT111", message, pointer, line=line, column=column, help=help_text, related=related)


def json_pointer(path: Iterable[str | int]) -> str:
    """The path as RFC 6901 writes it, such as `/tasks/0/id`.

    One of more than 1,000 characters ends before that, at a value around: many problems below one long key would else
    take the square of the file's size.
    """
    parts = []
    room = _LONGEST_POINTER
    for part in path:
        text = str(part)
        room -= len(text) + 1
        if room < 0:
            break
        parts.append(pointer_step(text))
    return "".join(parts)


def pointer_step(name: str) -> str:
    """One step of a JSON pointer as RFC 6901 writes it: `/a~1b` for `a/b`."""
    return "/" + name.replace("~", "~0").replace("/", "~1")


def place_of(text: str, index: int) -> tuple[int, int]:
    r"""Line and column of the character with this index, both counted from 1; only \n ends a line.

    Example:
        >>> place_of("é\nab", 3)
        (2, 2)
    """
    before = text[: max(0, index)]
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def quoted(text: str) -> str:
    """A name in quotes, fit for a message: at most 80 characters of it, and nothing that a terminal would obey."""
    shown = text if len(text) <= 80 else text[:79] + "…"
    written = json.dumps(shown, ensure_ascii=False)
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in written)


def written_forms(text: str) -> tuple[str, ...]:
    """How a text may stand in a file: as it is, as JSON writes it, in single quotes of YAML."""
    return text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], text.replace("'", "''")


def most_important(found: Sequence[Diagnostic], most: int) -> list[Diagnostic]:
    """At most so many of them, errors before warnings, still in their order."""
    errors = sum(each.severity == "error" for each in found)
    room = {"error": most, "warning": max(0, most - errors)}
    kept = []
    for each in found:
        room[each.severity] -= 1
        if room[each.severity] >= 0:
            kept.append(each)
    return kept


def sort_by_position(document: Any, found: Iterable[Found]) -> list[Diagnostic]:
    """The problems in the order in which the values they are about stand in the document."""
    places: dict[int, dict[str, int]] = {}  # by identity of the object: the place of each of its keys

    def position(problem: Found) -> list[int]:
        value = document
        position = []
        for part in problem[0]:
            if isinstance(value, dict) and part in value:
                if id(value) not in places:
                    places[id(value)] = {key: place for place, key in enumerate(value)}
                position.append(places[id(value)][str(part)])
                value = value[part]
            elif isinstance(value, list) and isinstance(part, int) and part < len(value):
                position.append(part)
                value = value[part]
            else:
                break
        return position

    return [diagnostic for _, diagnostic in sorted(found, key=position)]

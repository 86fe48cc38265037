r"""Output references: what `${{ tasks.fetch.output.items[0].name }}` in a text of a task stands for.

A text is read once, from left to right, into a `Template`: literal text, references, and what only looks like one.
Nothing is ever evaluated: a reference is a root (`tasks` or `inputs`), a name and a path of keys and indices. `$${{` is
a literal `${{`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from altlas_runner.alt_file.diagnostics import quoted

__all__ = [
    "MARK",
    "MalformedReference",
    "Reference",
    "Template",
    "escape",
    "holds_references",
    "is_reference",
    "may_hold_references",
    "parse_template",
    "rename_tasks",
    "step_text",
]

MARK: Final = "${{"
"""What a reference begins with; a text without it stands for itself."""

_MOST_PROBLEMS = 20
_ROOT = re.compile(r"\s*+([\w-]*+)")
_SEGMENT = re.compile(
    r"""\.(?P<name>[\w-]++)
    | \[ \s*+ (?: (?P<quoted> "(?:[^"\\]++|\\.)*+" | '(?:[^'\\]++|\\.)*+' ) | (?P<index>[0-9]{1,15}+) ) \s*+ \]""",
    re.DOTALL | re.VERBOSE,
)  # every quantifier is possessive: no text makes it go back
_END = re.compile(r"\s*+\}\}")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]+")
_ROOTS = ("tasks", "inputs")
_SHAPES = "write ${{ tasks.<id>.output }} or ${{ inputs.<name> }}, with a path behind it if need be"
_LITERAL = "write $${{ where the text itself shall hold ${{"
_NO_EXPRESSIONS = "a reference is a name and a path; there are no expressions and no function calls"


@dataclass(frozen=True, slots=True)
class Reference:
    """One reference in a text.

    Attributes:
        root: `tasks` for the output of a task, `inputs` for a value given to the run.
        name: the task's id or the input's name.
        path: keys and indices behind it, from the outside in.
        source: how it is written.
        start: where it begins in the text, in characters.
        end: where it ends, exclusive.
        name_span: where the name stands with the dot or the brackets around it, start and end.
    """

    root: Literal["tasks", "inputs"]
    name: str
    path: tuple[str | int, ...]
    source: str
    start: int
    end: int
    name_span: tuple[int, int]


@dataclass(frozen=True, slots=True)
class MalformedReference:
    """What begins like a reference and is none.

    Attributes:
        source: how it is written.
        start: where it begins in the text, in characters.
        end: where it ends, exclusive.
        reason: what is wrong, as the end of a sentence.
        help: how to mend it.
    """

    source: str
    start: int
    end: int
    reason: str
    help: str


@dataclass(frozen=True, slots=True)
class Template:
    """A text with references.

    Attributes:
        parts: literal texts and references in order; no literal is empty, and no two are neighbours.
        problems: the malformed references, which stand in `parts` as literal text; at most 20.
    """

    parts: tuple[str | Reference, ...]
    problems: tuple[MalformedReference, ...] = ()

    @property
    def references(self) -> tuple[Reference, ...]:
        """The references in order."""
        return tuple(part for part in self.parts if isinstance(part, Reference))


def may_hold_references(json_text: bytes) -> bool:
    """Whether a JSON text may hold a reference; quick, and False is certain.

    JSON may write `$` and `{` as escapes, too.
    """
    return (b"$" in json_text and MARK.encode() in json_text) or (  # one byte is found ten times as fast as three
        b"\\" in json_text and any(escaped in json_text for escaped in (b"\\u0024", b"\\u007b", b"\\u007B"))
    )


def holds_references(value: Any) -> bool:
    """Whether any text inside a JSON value must be resolved: it holds a reference or a `$${{`."""
    if isinstance(value, str):
        return MARK in value
    if not isinstance(value, (dict, list, tuple)):
        return False
    waiting: list[Any] = [value]
    seen = set()
    for item in waiting:  # grows while it is read
        for inner in item.values() if isinstance(item, dict) else item:
            if isinstance(inner, str):
                if MARK in inner:
                    return True
            elif isinstance(inner, (dict, list, tuple)) and id(inner) not in seen:
                seen.add(id(inner))  # a value made by a program may contain itself
                waiting.append(inner)
    return False


def escape(text: str) -> str:
    """A text that stands for exactly this text, whatever is in it.

    Example:
        >>> escape("a literal ${{")
        'a literal $${{'
    """
    return text.replace(MARK, "$" + MARK)


def is_reference(value: Any) -> bool:
    """Whether a value is a text that is one single reference and nothing else."""
    if not isinstance(value, str) or MARK not in value:
        return False
    parts = parse_template(value).parts
    return len(parts) == 1 and isinstance(parts[0], Reference)


def parse_template(text: str) -> Template:
    """Read a text, in time proportional to its length; what is malformed is in `problems`.

    After 20 malformed references the rest of the text is taken as it is.

    Example:
        >>> parse_template("Sum up ${{ tasks.fetch.output.items[0] }}").references[0].path
        ('items', 0)
    """
    at = text.find(MARK)
    if at < 0:
        return Template((text,) if text else ())
    parts: list[str | Reference] = []
    problems: list[MalformedReference] = []
    literal: list[str] = []
    done = 0  # everything before has been dealt with
    while at >= 0 and len(problems) < _MOST_PROBLEMS:
        if at > done and text[at - 1] == "$":
            literal.append(text[done : at - 1] + MARK)
            done = at + len(MARK)
        else:
            literal.append(text[done:at])
            reader = _Reader(text, at)
            try:
                reference = reader.reference()
            except _MalformedError as error:
                closing, following = text.find("}}", reader.at), text.find(MARK, reader.at)
                is_closed = closing >= 0 and not 0 <= following < closing
                if following > 0 and text[following - 1] == "$":
                    following -= 1  # its dollar is part of what follows
                done = closing + 2 if is_closed else following if following >= 0 else len(text)
                problem = error if is_closed else _MalformedError("is not closed: its }} is missing", _LITERAL)
                problems.append(MalformedReference(text[at:done], at, done, problem.reason, problem.help))
                literal.append(text[at:done])
            else:
                parts += [part for part in ("".join(literal), reference) if part]
                literal = []
                done = reference.end
        at = text.find(MARK, done)
    literal.append(text[done:])
    parts += filter(None, ("".join(literal),))
    return Template(tuple(parts), tuple(problems))


class _MalformedError(Exception):
    """Why something is no reference."""

    def __init__(self, reason: str, help: str = _SHAPES) -> None:  # noqa: A002
        self.reason = reason
        self.help = help
        super().__init__(reason)


class _Reader:
    """Reads one reference; `at` is the first character that was not understood yet."""

    def __init__(self, text: str, start: int) -> None:
        self._text = text
        self._start = start
        self.at = start + len(MARK)

    def reference(self) -> Reference:
        root = self._root()
        name_start = self.at
        name = self._segment()
        if not isinstance(name, str) or not name.strip():
            raise _MalformedError("names no task by its id" if root == "tasks" else "names no input")
        name_span = name_start, self.at
        if root == "tasks":
            field = self._segment()
            if field != "output":
                wrong = "lacks .output behind the task" if field is None else f"asks for {step_text(field)} of a task"
                raise _MalformedError(wrong, "of a task only .output can be referred to; a path goes behind it")
        path: list[str | int] = []
        while (segment := self._segment()) is not None:
            path.append(segment)
        end = _END.match(self._text, self.at)
        if end is None:
            raise self._unexpected()
        self.at = end.end()
        source = self._text[self._start : self.at]
        return Reference(root, name, tuple(path), source, self._start, self.at, name_span)

    def _root(self) -> Literal["tasks", "inputs"]:
        match = _ROOT.match(self._text, self.at)
        assert match is not None  # it matches nothing at all, too
        root: str = match[1]
        self.at = match.end()
        if root == "tasks":
            return "tasks"
        if root == "inputs":
            return "inputs"
        if not root:
            raise _MalformedError("is empty") if _END.match(self._text, self.at) else self._unexpected()
        if self._text.startswith("(", self.at):
            raise _MalformedError(f"calls {quoted(root)} like a function", _NO_EXPRESSIONS)
        meant = root.lower().rstrip("s") + "s"
        help_text = f'did you mean "{meant}"?' if meant in _ROOTS else _SHAPES
        raise _MalformedError(f"begins with {quoted(root)} instead of tasks or inputs", help_text)

    def _segment(self) -> str | int | None:
        """The next `.name`, `["name"]` or `[0]`, or None when something else follows."""
        match = _SEGMENT.match(self._text, self.at)
        if match is not None:
            self.at = match.end()
            if match.lastgroup == "name":
                return match["name"]
            return int(match["index"]) if match.lastgroup == "index" else _unquoted(match["quoted"])
        if self._text.startswith(".", self.at):
            raise _MalformedError("lacks a name behind a dot", 'names with other characters are written ["my name"]')
        if self._text.startswith("[", self.at):
            help_text = 'write ["my name"], or [0] for the first item'
            raise _MalformedError("has something else in brackets than a name in quotes or an index", help_text)
        return None

    def _unexpected(self) -> _MalformedError:
        rest = self._text[self.at : self.at + 80].lstrip()
        return _MalformedError(f"has {quoted(rest[:1])} where }}}} is expected", _NO_EXPRESSIONS)


def _unquoted(written: str) -> str:
    """The text of a JSON string, which may also stand in single quotes."""
    inner = written[1:-1]
    if written[0] == "'":
        inner = re.sub(r'\\.|"', lambda found: {"\\'": "'", '"': '\\"'}.get(found[0], found[0]), inner, flags=re.DOTALL)
    try:
        text: str = json.loads(f'"{inner}"', strict=False)
    except ValueError:
        raise _MalformedError(
            "has a name with an unknown escape", 'in quotes a backslash is written \\\\ and a quote \\"'
        ) from None
    return text


def rename_tasks(text: str, new_ids: Mapping[str, str]) -> str:
    """The text with references to these tasks leading to their new ids; everything else stays as it is written.

    Example:
        >>> rename_tasks("Sum up ${{ tasks.b.output.rows }}", {"b": "1_b"})
        'Sum up ${{ tasks.1_b.output.rows }}'
    """
    if not new_ids:
        return text
    pieces: list[str] = []
    done = 0
    for reference in parse_template(text).references:
        if reference.root == "tasks" and reference.name in new_ids:
            start, end = reference.name_span
            pieces += text[done:start], step_text(new_ids[reference.name])
            done = end
    return "".join([*pieces, text[done:]])


def step_text(part: str | int) -> str:
    """A name or an index as it stands in a reference."""
    if isinstance(part, int):
        return f"[{part}]"
    return f".{part}" if _PLAIN_NAME.fullmatch(part) else f"[{json.dumps(part, ensure_ascii=False)}]"

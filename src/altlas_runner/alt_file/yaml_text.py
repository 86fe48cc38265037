"""YAML read with the types of JSON only: `12:30`, `on` and dates stay strings, and nothing is ever constructed.

The document is built from the parser's events, without recursion: tags cannot reach Python objects, and aliases cannot
multiply a small file into a huge one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from altlas_runner.alt_file.diagnostics import Diagnostic, Found, Path, Related, duplicate_key, place_of

__all__ = ["YamlError", "duplicate_yaml_keys", "read_yaml"]

_MOST_LEVELS = 200
_MOST_ALIASED = 10_000_000  # characters and values that aliases may repeat
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_LONGEST_NUMBER = 4300
_WORDS: dict[str, bool | None] = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_WORDS |= {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_HELP = {
    "mapping values are not allowed": 'a value that holds ": " stands in quotes; or this line is indented wrongly',
    "cannot start any token": "put the value in quotes",
    "found a tab character": "indent with spaces",
    "did not find expected key": "check the indentation; a text that holds quotes stands in the other kind of quotes",
    "unexpected end of stream": "a bracket or a quote is not closed",
}
"""How to mend what the reader complains about, by a part of its complaint."""
_STRING_TAGS = ("!", "tag:yaml.org,2002:str")


class YamlError(ValueError):
    """The text is no YAML, or says something that JSON cannot say."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        self.diagnostic = diagnostic
        super().__init__(diagnostic.message)


class _RefusedError(Exception):
    """Why a text is refused, and at which index; not at which line, as YAML counts some that no editor does."""

    def __init__(self, diagnostic: Diagnostic, index: int) -> None:
        self.diagnostic = diagnostic
        self.index = index
        super().__init__(diagnostic.message)


@dataclass(slots=True)
class _Collection:
    """An array or object that is being read."""

    value: dict[str, Any] | list[Any]
    anchor: str | None
    key: str | None = None
    size: int = 1
    height: int = 1


@dataclass(slots=True)
class _Builder:
    """Puts the values of one document together."""

    open: list[_Collection] = field(default_factory=list)
    root: Any = None
    anchors: dict[str, tuple[Any, int, int]] = field(default_factory=dict)
    aliased: int = 0
    repeated: dict[int, tuple[Any, dict[str, int]]] = field(default_factory=dict)
    """By identity of an object: itself, so that it stays the only one, and at which index its keys stand again."""

    def add(self, value: Any, anchor: str | None, size: int, height: int, event: Any) -> None:
        """Take a complete value, of so many values and levels."""
        if len(self.open) + height > _MOST_LEVELS:
            raise _problem("ALT306", f"the values are nested too deep: {_MOST_LEVELS} levels are the limit", event)
        if anchor is not None:
            self.anchors[anchor] = (value, size, height)
        if not self.open:
            self.root = value
            return
        parent = self.open[-1]
        parent.size += size
        parent.height = max(parent.height, height + 1)
        if isinstance(parent.value, list):
            parent.value.append(value)
        elif parent.key is None:
            parent.key = value
            if value in parent.value:
                keys = self.repeated.setdefault(id(parent.value), (parent.value, {}))[1]
                keys[value] = event.start_mark.index
        else:
            parent.value[parent.key] = value
            parent.key = None

    @property
    def at_key(self) -> bool:
        return bool(self.open) and isinstance(self.open[-1].value, dict) and self.open[-1].key is None


def read_yaml(text: str) -> Any:
    """The plain values of a YAML text of one document.

    A plain scalar is null (also `~` or nothing), true, false or a number where it is written as JSON writes it (the
    three words in any of YAML's letter cases); all else is a string. Of two equal keys the last wins.

    Raises:
        YamlError: `diagnostic` says what is wrong, with line and column.
    """
    return _built(text).root


def duplicate_yaml_keys(text: str) -> Iterator[Found]:
    """The keys that stand twice in one object of a text that `read_yaml` can read, with the place of the last one.

    What an alias repeats is told once, where it is written.
    """
    builder = _built(text)
    if not builder.repeated:
        return
    waiting: list[tuple[Path, Any]] = [((), builder.root)]
    seen: set[int] = set()
    for path, value in waiting:  # grows while it is read
        if not isinstance(value, (dict, list)) or id(value) in seen:
            continue
        seen.add(id(value))
        for key, index in builder.repeated.get(id(value), (None, {}))[1].items():
            yield duplicate_key((*path, key), *place_of(text, index))
        items = value.items() if isinstance(value, dict) else enumerate(value)
        waiting.extend(((*path, key), item) for key, item in items)


def _built(text: str) -> _Builder:
    import yaml

    builder = _Builder()
    documents = 0
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            if isinstance(event, yaml.ScalarEvent):
                builder.add(_scalar(event, builder.at_key), event.anchor, 1 + len(event.value), 0, event)
            elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
                _start(builder, event, {} if isinstance(event, yaml.MappingStartEvent) else [])
            elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
                done = builder.open.pop()
                builder.add(done.value, done.anchor, done.size, done.height, event)
            elif isinstance(event, yaml.AliasEvent):
                _repeat(builder, event)
            elif isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise _problem("ALT302", "the file holds more than one YAML document", event)
    except _RefusedError as error:
        line, column = place_of(text, error.index)
        raise YamlError(replace(error.diagnostic, line=line, column=column)) from error
    except yaml.reader.ReaderError as error:
        raise YamlError(_unreadable_character(text, error.character)) from error
    except yaml.YAMLError as error:
        raise YamlError(_syntax_problem(text, error)) from error
    if not documents:
        raise YamlError(Diagnostic("ALT304", "the file holds no YAML document, only white space or comments"))
    return builder


def _unreadable_character(text: str, character: int) -> Diagnostic:
    line, column = place_of(text, text.find(chr(character)))
    message = f"the text is not YAML: the character U+{character:04X} has no place in it"
    help_text = 'take it out, or write it in double quotes, such as "\\x07"'
    return Diagnostic("ALT302", message, line=line, column=column, help=help_text)


def _syntax_problem(text: str, error: Any) -> Diagnostic:
    mark, reason = getattr(error, "problem_mark", None), getattr(error, "problem", None) or "it cannot be read"
    if mark is None:
        return Diagnostic("ALT302", f"the text is not YAML: {reason}")
    if text.startswith("\t", mark.index):
        reason = "found a tab character where none may stand"
    help_text = next((words for part, words in _HELP.items() if part in reason), None)
    line, column = place_of(text, mark.index)
    began: tuple[Related, ...] = ()
    context, context_mark = getattr(error, "context", None), getattr(error, "context_mark", None)
    if context and context_mark is not None and context_mark.index != mark.index:
        began = (Related("", f"{context} that begins here", *place_of(text, context_mark.index)),)
    message = f"the text is not YAML: {reason}"
    return Diagnostic("ALT302", message, line=line, column=column, help=help_text, related=began)


def _start(builder: _Builder, event: Any, value: dict[str, Any] | list[Any]) -> None:
    if event.tag not in (None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"):
        raise _problem("ALT302", "tags have no meaning in an ALT file", event, "take the tag out")
    if builder.at_key:
        raise _problem("ALT302", "the key of an object must be a plain text", event)
    if len(builder.open) >= _MOST_LEVELS:
        raise _problem("ALT306", f"the values are nested too deep: {_MOST_LEVELS} levels are the limit", event)
    builder.open.append(_Collection(value, event.anchor))


def _repeat(builder: _Builder, event: Any) -> None:
    if event.anchor not in builder.anchors:
        raise _problem("ALT302", "the alias names no anchor that is complete before it", event)
    value, size, height = builder.anchors[event.anchor]
    if builder.at_key and not isinstance(value, str):
        raise _problem("ALT302", "the key of an object must be a plain text", event)
    builder.aliased += size
    if builder.aliased > _MOST_ALIASED:
        raise _problem("ALT306", "aliases repeat more than ten million values", event, "write less with aliases")
    builder.add(value, None, size, height, event)


def _scalar(event: Any, is_key: bool) -> Any:
    if event.tag is not None and event.tag not in _STRING_TAGS:
        raise _problem("ALT302", "tags have no meaning in an ALT file", event, "take the tag out")
    text: str = event.value
    if is_key or event.tag is not None or not event.implicit[0]:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if not _NUMBER.fullmatch(text):
        return text
    if len(text) > _LONGEST_NUMBER:
        raise _problem("ALT306", f"this number has too many digits: {_LONGEST_NUMBER:,} are the limit", event)
    return json.loads(text)


def _problem(code: str, message: str, event: Any, help_text: str | None = None) -> _RefusedError:
    return _RefusedError(Diagnostic(code, message, help=help_text), event.start_mark.index)

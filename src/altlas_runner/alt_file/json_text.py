"""JSON as the standard has it, from text that may be anything: what cannot be read gives a diagnostic."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pydantic_core import from_json

from altlas_runner.alt_file.diagnostics import Diagnostic, Found, Path, duplicate_key, found_at

__all__ = [
    "all_finite",
    "duplicate_keys",
    "encoding_problem",
    "numbers_out_of_range",
    "read_json",
    "syntax_problem",
]

_PLACE = re.compile(r" at line (\d+) column (\d+)$")
_BYTE_ORDER_MARKS = {
    b"\xef\xbb\xbf": "UTF-8 with a byte order mark",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"\x00\x00\xfe\xff": "UTF-32",
}
_HELP = {
    "trailing comma": "take out the comma before this",
    "key must be a string": 'write the key in double quotes: "id"',
    "expected value": "a string stands in double quotes, and JSON has no comments",
    "expected `,`": "a comma or a closing bracket is missing before this",
    "expected `:`": "a colon stands between a key and its value",
    "trailing characters": "the document is complete before this",
    "EOF": "the text ends too early: a bracket or a quote is not closed",
    "control character": "in a string a line feed is written \\n and a tab \\t",
    "hex escape": "a \\ud800 to \\udfff stands in pairs only",
    "invalid escape": "a backslash itself is written \\\\",
    "invalid number": "a number has no leading zero, no plus sign, and digits on both sides of its point",
}
"""How to mend what the reader complains about, by a part of its complaint."""
_HELP_WITH = (
    (re.compile(rb"#|//|/\*"), "JSON has no comments: take this out"),
    (re.compile(rb"(?:True|TRUE|False|FALSE)\b"), "write true and false in small letters"),
)
"""The same by what stands where it complains."""
_MAY_BE_INFINITE = frozenset({float, dict, list})
"""The types of values that are, or hold, numbers out of range; most values are texts."""
_ITEMS_AT_ONCE = 1000
_YAML_HELP = "JSON begins with a {; the name of a file in YAML ends in .yaml or .yml"


def read_json(text: bytes) -> Any:
    """The plain values of a JSON text.

    Of two equal keys the last wins. NaN and Infinity pass; `numbers_out_of_range` finds them.

    Raises:
        ValueError: this is not JSON, or too deep; `syntax_problem` says what is wrong.
    """
    return from_json(text)


def encoding_problem(text: bytes) -> Diagnostic | None:
    """Why these bytes are no text, or None: nothing there, not UTF-8, or a mark at the start."""
    if not text.strip():
        return Diagnostic("ALT304", "the file is empty", help="altlas-runner init writes a file to start from")
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if text.startswith(mark):
            return _not_utf8(f"the text is {encoding}; an ALT file is UTF-8 without a byte order mark", text, 0)
    if b"\x00" in text[:4]:
        return _not_utf8("the text holds NUL characters; it may be UTF-16", text, text.index(b"\x00"))
    try:
        text.decode()
    except UnicodeDecodeError as error:
        return _not_utf8(
            f"the text is not UTF-8: the byte 0x{text[error.start]:02x} has no place here", text, error.start
        )
    return None


def syntax_problem(text: bytes) -> Diagnostic:
    """Why this text, which `read_json` refused, is not JSON; with line and column."""
    problem = encoding_problem(text)
    if problem is not None:
        return problem
    try:
        read_json(text)
    except ValueError as error:
        place = _PLACE.search(str(error))
        reason = str(error)[: place.start()] if place else str(error)
        diagnostic = _syntax_diagnostic(reason)
        if place is None:
            return diagnostic
        line = int(place[1])
        content, width = text.split(b"\n", line)[line - 1], max(0, int(place[2]) - 1)  # its columns count bytes
        help_text = next((words for shape, words in _HELP_WITH if shape.match(content, width)), diagnostic.help)
        if text.lstrip()[:1] not in (b"{", b"[", b'"'):
            help_text = _YAML_HELP
        column = len(content[:width].decode(errors="ignore")) + 1
        return replace(diagnostic, line=line, column=column, help=help_text)
    return Diagnostic("ALT302", "the text is not JSON")


def _syntax_diagnostic(reason: str) -> Diagnostic:
    if "recursion limit" in reason:
        return Diagnostic("ALT306", "the values are nested too deep: about 200 levels are the limit")
    if "number out of range" in reason:
        return Diagnostic("ALT306", "this number has too many digits: about 4,300 are the limit")
    if reason == "expected ident":
        return Diagnostic("ALT302", "the text is not JSON: expected true, false or null")
    help_text = next((words for part, words in _HELP.items() if part in reason), None)
    return Diagnostic("ALT302", f"the text is not JSON: {reason}", help=help_text)


def _not_utf8(message: str, text: bytes, offset: int) -> Diagnostic:
    before = text[:offset]
    column = len(before[before.rfind(b"\n") + 1 :].decode(errors="ignore")) + 1
    return Diagnostic(
        "ALT302", message, line=before.count(b"\n") + 1, column=column, help="save the file as UTF-8 without a mark"
    )


def all_finite(values: list[Any]) -> bool:
    """Whether no number in these arrays, objects and fractional numbers, at any depth, is NaN or infinite.

    It goes down level by level, and passes over what can be neither. Numbers like 1e400 have been read as infinite.
    """
    while values:
        inner: list[Any] = []
        for value in values:
            kind = type(value)
            if kind is dict:
                inner.extend(value.values())
            elif kind is list:
                inner.extend(value)
            elif not math.isfinite(value):
                return False
        values = [value for value in inner if type(value) in _MAY_BE_INFINITE]
    return True


def numbers_out_of_range(document: Any) -> Iterator[Found]:
    """The numbers that JSON cannot say: NaN, Infinity, and what is too large for a double."""
    waiting: list[tuple[Path, Any]] = [((), document)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, (dict, list)):
            keys = list(value) if isinstance(value, dict) else range(len(value))
            items = list(value.values()) if isinstance(value, dict) else value
            for start in range(0, len(items), _ITEMS_AT_ONCE):
                here = slice(start, start + _ITEMS_AT_ONCE)
                if len(path) != 1 or not all_finite([items[here]]):  # most of a large document is passed over quickly
                    waiting.extend(
                        ((*path, key), item)
                        for key, item in zip(keys[here], items[here], strict=True)
                        if type(item) in _MAY_BE_INFINITE
                    )
        elif isinstance(value, float) and not math.isfinite(value):
            what = "NaN is no JSON value" if math.isnan(value) else "a number is Infinity or too large for JSON"
            yield found_at(path, "ALT302", what, help="finite numbers up to about 1.8e308 will do; else write a string")


def duplicate_keys(text: bytes) -> Iterator[Found]:
    """The keys that stand twice in one object of a text that `read_json` can read."""
    repeated: dict[int, list[str]] = {}
    kept: list[dict[str, Any]] = []  # keeps the identities in `repeated` unique

    def build(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        built = dict(pairs)
        if len(built) != len(pairs):
            counts = Counter(key for key, _ in pairs)
            repeated[id(built)] = [key for key, count in counts.items() if count > 1]
            kept.append(built)
        return built

    document = json.loads(text, object_pairs_hook=build, parse_int=str, parse_float=str)
    if not repeated:
        return
    waiting: list[tuple[Path, Any]] = [((), document)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            for key in repeated.get(id(value), ()):
                yield duplicate_key((*path, key))
            waiting.extend(((*path, key), item) for key, item in value.items() if isinstance(item, (dict, list)))
        elif isinstance(value, list):
            waiting.extend(((*path, place), item) for place, item in enumerate(value) if isinstance(item, (dict, list)))

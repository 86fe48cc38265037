"""Any Python value as a JSON value that can be written and read back unchanged.

Outputs come from services and from Python handlers. What JSON cannot hold is replaced here, so that a strange output
never costs the LAST file of a whole run.
"""

from __future__ import annotations

import math
from typing import Any

from pydantic_core import to_json, to_jsonable_python

__all__ = ["MAX_DEPTH", "as_json_text", "as_json_value", "is_longer_than"]

MAX_DEPTH = 150
"""Values nested deeper are cut: JSON parsers refuse a file at about 200 levels."""

_MAX_INTEGER_BITS = 14_000  # Python refuses to print integers of more than 4,300 digits


def as_json_value(value: Any) -> Any:
    """A copy of `value` made of dicts with text keys, lists, texts, numbers, booleans and None only.

    Sets and tuples become lists; times, models and the like what pydantic makes of them; NaN and infinities None; what
    is nested too deeply, or contains itself, a text that says so; anything else its `str`.
    """
    return _copied(value, ())


def as_json_text(text: str) -> str:
    """The text with lone surrogates, which UTF-8 cannot hold, as U+FFFD."""
    if text.isascii():
        return str(text)
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return str(text)


def is_longer_than(value: Any, limit: int) -> bool:
    """Whether a JSON value has more than `limit` bytes as JSON."""
    if value is None or (isinstance(value, str) and 6 * len(value) + 2 <= limit):  # \u0001 is the longest character
        return False
    return len(to_json(value)) > limit


def _copied(value: Any, around: tuple[int, ...]) -> Any:
    kind = type(value)
    if kind is str and value.isascii():  # most of all that there is
        return value
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return as_json_text(value)
    if isinstance(value, int):
        return int(value) if value.bit_length() <= _MAX_INTEGER_BITS else f"[integer of {value.bit_length()} bits]"
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if id(value) in around:
        return "[contains itself]"
    if len(around) >= MAX_DEPTH:
        return f"[nested deeper than {MAX_DEPTH} levels]"
    inside = (*around, id(value))
    if isinstance(value, dict):
        return {
            key if type(key) is str and key.isascii() else as_json_text(str(key)): _copied(item, inside)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_copied(item, inside) for item in value]
    return _copied(_jsonable(value), inside)


def _jsonable(value: Any) -> Any:
    """What pydantic makes of a value that is none of JSON's types; its `str` when it makes nothing of it."""
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "backslashreplace")
    try:
        return to_jsonable_python(value, fallback=str)
    except Exception:  # a foreign object may raise anything when it is looked at
        return f"[{type(value).__name__}]"

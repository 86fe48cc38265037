"""What a handler returns must be JSON: a copy of it, or an error that says where it is not. Pure."""

from __future__ import annotations

import math
from typing import Any

from altlas_runner.errors import HandlerError

__all__ = ["json_copy"]

_MAX_DEPTH = 150
"""JSON parsers refuse a file at about 200 levels."""


def json_copy(value: Any, place: str) -> Any:
    """A copy of a JSON value; tuples become lists.

    Args:
        value: None, bool, int, finite float, str, list, tuple or dict with text keys, nested at most 150 deep.
        place: what the value is called in an error.

    Raises:
        HandlerError: something in it is no JSON.

    Example:
        >>> json_copy({"sizes": (1, 2)}, "the output")
        {'sizes': [1, 2]}
    """
    return _copied(value, place, _MAX_DEPTH)


def _copied(value: Any, place: str, depth: int) -> Any:
    kind = type(value)
    if value is None or kind is str or kind is bool or kind is int:
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise _refusal(f"{place} is {value}, which JSON does not have")
        return float(value)
    if depth <= 0:
        raise _refusal(f"{_shortened(place)} is nested deeper than {_MAX_DEPTH} levels, or contains itself")
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise _refusal(f"{place} has the key {repr(key)[:80]}; keys of JSON objects are texts")
        return {str(key): _copied(item, f"{place}.{key}", depth - 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_copied(item, f"{place}[{index}]", depth - 1) for index, item in enumerate(value)]
    if isinstance(value, str):
        return str.__str__(value)  # also members of a StrEnum
    if isinstance(value, int):
        return int(value)
    raise _refusal(f"{_shortened(place)} is a {kind.__qualname__}, which JSON does not have")


def _shortened(place: str) -> str:
    return place if len(place) <= 200 else f"{place[:100]}…{place[-100:]}"


def _refusal(text: str) -> HandlerError:
    return HandlerError(text, error_code="HANDLER_OUTPUT")

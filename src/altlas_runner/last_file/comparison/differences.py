"""Where two JSON values differ. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json

from altlas_runner.alt_file.diagnostics import pointer_step
from altlas_runner.last_file.visible_text import shortened

__all__ = ["ABSENT", "Difference", "differences"]

ABSENT = "(absent)"
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where two values differ.

    Attributes:
        path: a JSON pointer, empty for the whole value.
        before: the first value there, shortened; `(absent)` when there is none.
        after: likewise the second.
    """

    path: str
    before: str
    after: str


def differences(before: Any, after: Any) -> Iterator[Difference]:
    """The places in which two JSON values differ, in the order of the first; each is looked for when it is asked for.

    Example:
        >>> list(differences({"a": [1, 2]}, {"a": [1, 3]}))
        [Difference(path='/a/1', before='2', after='3')]
    """
    open_pairs: list[tuple[str, Any, Any]] = [("", before, after)]
    while open_pairs:
        path, one, other = open_pairs.pop()
        inner: list[tuple[str, Any, Any]] = []
        if isinstance(one, dict) and isinstance(other, dict):
            keys = dict.fromkeys([*one, *other])
            inner = [(path + pointer_step(key), one.get(key, _MISSING), other.get(key, _MISSING)) for key in keys]
        elif isinstance(one, list) and isinstance(other, list):
            inner = [
                (
                    f"{path}/{index}",
                    one[index] if index < len(one) else _MISSING,
                    other[index] if index < len(other) else _MISSING,
                )
                for index in range(max(len(one), len(other)))
            ]
        elif type(one) is not type(other) or one != other:
            yield Difference(path, _text(one), _text(other))
        open_pairs.extend(reversed(inner))


_MISSING = object()


def _text(value: Any) -> str:
    return ABSENT if value is _MISSING else shortened(to_json(value).decode(), _SHOWN)

"""The texts in a JSON value, and how long it takes to look through them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CONTAINERS", "is_long", "texts_in"]

CONTAINERS = (dict, list, tuple)
_ONLY_TEXTS = {str}
_NO_TEXTS = {int, float, bool, type(None)}
_LONG = 256 * 1024
_CHARACTERS_PER_ITEM = 8
"""Looking at a number or an empty text takes as long as looking at so many characters."""


def is_long(value: Any) -> bool:
    """Whether a JSON value is so long that looking through it would keep an event loop waiting."""
    room = _LONG
    open_values = [value]
    while open_values and room > 0:
        item = open_values.pop()
        if isinstance(item, str):
            room -= len(item)
        elif isinstance(item, CONTAINERS):
            room -= _CHARACTERS_PER_ITEM * len(item)
            if room > 0:
                open_values += item.values() if isinstance(item, dict) else item
    return room <= 0


def texts_in(value: Any) -> Iterator[list[str]]:
    """All texts in a JSON value, keys among them, those of a list or an object together."""
    seen: set[int] = set()  # a value of a handler may contain itself
    open_values = [value]
    while open_values:
        item = open_values.pop()
        if isinstance(item, str):
            yield [item]
        elif isinstance(item, CONTAINERS) and id(item) not in seen:
            seen.add(id(item))
            members = [*item, *item.values()] if isinstance(item, dict) else item
            kinds = set(map(type, members))
            if kinds == _ONLY_TEXTS:
                yield list(members)
            elif not kinds <= _NO_TEXTS:
                yield [member for member in members if isinstance(member, str)]
                open_values += [member for member in members if isinstance(member, CONTAINERS)]

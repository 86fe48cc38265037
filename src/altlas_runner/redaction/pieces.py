"""A text that comes piece by piece, without the secrets that two pieces share."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, AnyStr, Generic

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PieceByPiece"]


class PieceByPiece(Generic[AnyStr]):
    """Takes secrets out of a text or of bytes that come in pieces, also those that two pieces share.

    Args:
        pattern: finds a secret.
        may_find: whether the pattern may find one in a text; quicker than the pattern.
        longest: of what the pattern finds in more than one piece, 1 or more.
        mark: what stands in the place of a secret.
    """

    def __init__(
        self, pattern: re.Pattern[AnyStr], may_find: Callable[[AnyStr], bool], longest: int, mark: AnyStr
    ) -> None:
        self._pattern: re.Pattern[AnyStr] = pattern
        self._may_find: Callable[[AnyStr], bool] = may_find
        self._longest = longest
        self._mark: AnyStr = mark
        self._held: AnyStr = mark[:0]

    def add(self, piece: AnyStr) -> AnyStr:
        """Take the next piece; what is certain by now, without secrets."""
        held = self._held + piece
        certain = len(held) - self._longest + 1  # a secret that begins before this place is whole
        clean: list[AnyStr] = []
        place = 0
        for match in self._pattern.finditer(held) if self._may_find(held) else ():
            if match.start() >= certain:
                break
            clean += [held[place : match.start()], self._mark]
            place = match.end()
        if place < certain:
            clean.append(held[place:certain])
            place = certain
        self._held = held[place:]
        return self._mark[:0].join(clean)

    def finish(self) -> AnyStr:
        """What is left, without secrets."""
        held, self._held = self._held, self._mark[:0]
        return self._pattern.sub(self._mark, held)

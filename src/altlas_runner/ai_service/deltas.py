"""The text of an answer while it comes, told to those who watch."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["Deltas"]

LONGEST_HELD = 4096
_UP_TO_THE_LAST_WORD = re.compile(r".*[^!-~]", re.DOTALL)


class Deltas:
    """Reports pieces of text as `delta` events with the field `text`.

    They leave in whole words: a key that the service echoes piece by piece is whole when it is looked for. What is
    printable ASCII without a space, as keys are, is held back up to 4,096 characters.

    Args:
        emit: `TaskAttempt.emit`.
    """

    def __init__(self, emit: Callable[[str, Mapping[str, Any]], None]) -> None:
        self._emit = emit
        self._held = ""

    def add(self, piece: str) -> None:
        """Take the next piece, and report what has become whole."""
        if not piece:
            return
        whole = _UP_TO_THE_LAST_WORD.match(piece)
        if whole is not None:
            self._emit("delta", {"text": self._held + whole[0]})
            self._held = piece[whole.end() :]
        else:
            self._held += piece
        if len(self._held) > LONGEST_HELD:
            self.finish()

    def finish(self) -> None:
        """Report what is left."""
        if self._held:
            self._emit("delta", {"text": self._held})
            self._held = ""

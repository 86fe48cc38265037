"""How much work a JSON Schema may make: references that branch need but a few lines to ask for years of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, ParamSpec, TypeVar

from altlas_runner.alt_file.schema_check import Keyword

__all__ = ["Effort", "TooMuchEffortError"]

MOST_CHECKS = 1_000_000
"""Most keywords and parts of a schema that are looked at, for all values together: some seconds of one thread."""
CHARS_PER_CHECK = 100
"""So many characters of an error text take as long as a check; the library shows whole values in them."""

P = ParamSpec("P")
T = TypeVar("T")


class TooMuchEffortError(Exception):
    """A check was ended; the message says what to change."""


class Effort:
    """Counts what a check does, and ends it when that is too much or nobody waits for it any more."""

    def __init__(self) -> None:
        self._left = MOST_CHECKS
        self._is_over = False
        self._followed: Counter[str] | None = None

    async def in_thread(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Call a function in a thread. When this is cancelled, the function ends at the next keyword that it checks."""
        try:
            return await asyncio.to_thread(function, *arguments, **named)
        except asyncio.CancelledError:
            self._is_over = True
            raise

    def counting(self, name: str, check: Keyword) -> Keyword:
        """The function that checks a keyword, counted; it raises TooMuchEffortError."""

        def counted(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
            self._spend(1)
            if name == "$ref" and self._followed is not None:
                self._followed[value] += 1
            for error in check(validator, value, instance, schema) or ():
                self._spend(len(error.message) // CHARS_PER_CHECK)
                yield error

        return counted

    def begin_answer(self) -> None:
        """The schema itself is checked: the references that are followed from now on are its own."""
        self._followed = Counter()

    def note_part(self) -> None:
        """A part of a schema is turned to, which the library also does between keywords.

        Raises:
            TooMuchEffortError: that is too much.
        """
        self._spend(1)

    def _spend(self, checks: int) -> None:
        self._left -= checks
        if self._left < 0 or self._is_over:
            raise TooMuchEffortError(self._explanation())

    def _explanation(self) -> str:
        text = f"it takes more than {MOST_CHECKS:,} checks of its keywords; ask for less, with fewer"
        text += " references and alternatives (allOf, anyOf, oneOf) that lead to one another"
        for reference, times in (self._followed or Counter()).most_common(1):
            text += f". The reference {reference!r} was followed {times:,} times"
        return text

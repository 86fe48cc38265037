"""Which name was meant? Suggestions for misspelt names, at a price that does not grow with the number of mistakes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from difflib import get_close_matches

from altlas_runner.alt_file.diagnostics import quoted

__all__ = ["Spelling"]

_LONGEST_NAME = 100  # comparing is quadratic in the length
_NEIGHBOURS = 20
_MOST_SEARCHES = 100


class Spelling:
    """The names that exist, asked for the one closest to a name that does not.

    Names are compared only with their neighbours in alphabetical order, read forwards and backwards: who shares neither
    the beginning nor the end is no misspelling of the other. After 100 different names it finds no more.
    """

    def __init__(self, names: Iterable[str]) -> None:
        in_order = list(dict.fromkeys(names))  # often nearly that of the alphabet, and quickly sorted then
        self._names = frozenset(in_order)
        self._forwards = sorted([name for name in in_order if len(name) <= _LONGEST_NAME])
        self._backwards = sorted([name[::-1] for name in self._forwards])
        self._answers: dict[str, str | None] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def has_all(self, names: Iterable[str]) -> bool:
        """Whether every one of these names exists."""
        return self._names.issuperset(names)

    def suggestion(self, wrong: str) -> str | None:
        """The existing name closest to this one, or None when none is close."""
        if wrong not in self._answers and len(wrong) <= _LONGEST_NAME and len(self._answers) < _MOST_SEARCHES:
            candidates = dict.fromkeys(_neighbours(self._forwards, wrong))
            candidates.update(dict.fromkeys(name[::-1] for name in _neighbours(self._backwards, wrong[::-1])))
            folded = {name.casefold().strip(): name for name in candidates}
            close = get_close_matches(wrong.casefold().strip(), folded, n=1, cutoff=0.7)
            self._answers[wrong] = folded[close[0]] if close else None
        return self._answers.get(wrong)

    def help(self, wrong: str) -> str | None:
        """The suggestion as a sentence, or None."""
        suggestion = self.suggestion(wrong)
        return None if suggestion is None else f"did you mean {quoted(suggestion)}?"


def _neighbours(names: list[str], name: str) -> list[str]:
    place = bisect_left(names, name)
    return names[max(0, place - _NEIGHBOURS) : place + _NEIGHBOURS]

"""What a run has spent, and whether that is all it may spend. Pure."""

from __future__ import annotations

from altlas_runner.results import Usage

__all__ = ["Spending"]


class Spending:
    """Adds up what the attempts of a run consumed, and says when its budget is used up.

    Attempts that do not say what they consumed count as nothing. One that says so but has no price makes a limit of the
    cost impossible to keep, and therefore uses it up.

    Args:
        max_cost: in the currency of the price table, or None for no limit.
        max_tokens: sent and received together, or None for no limit.
    """

    def __init__(self, max_cost: float | None, max_tokens: int | None) -> None:
        self._max_cost = max_cost
        self._max_tokens = max_tokens
        self._cost = 0.0
        self._tokens = 0
        self._unpriced = 0

    def add(self, usage: Usage) -> None:
        """Count what an attempt consumed."""
        tokens = usage.input_tokens + usage.output_tokens
        self._tokens += tokens
        if usage.cost is not None:
            self._cost += usage.cost
        else:
            self._unpriced += tokens

    def used_up(self) -> str | None:
        """Why nothing more may be spent, or None while something may."""
        if self._max_cost is not None and self._unpriced:
            unpriced = f"{self._unpriced:,} tokens have no known price"
            return f"{unpriced}, so the run's budget of {self._max_cost:g} cannot be kept"
        if self._max_cost is not None and self._cost >= self._max_cost:
            return f"the run's budget of {self._max_cost:g} is used up: {self._cost:.6g} spent"
        if self._max_tokens is not None and self._tokens >= self._max_tokens:
            return f"the run's budget of {self._max_tokens:,} tokens is used up: {self._tokens:,} consumed"
        return None

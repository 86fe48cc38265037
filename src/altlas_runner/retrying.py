"""The retry policy, pure: given the policy, the attempts so far, the failure and now, when and where is the next one?

It decides and never sleeps. Jitter comes from a random source that is handed in, so the same seed gives the same waits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Literal

import backoff

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

__all__ = ["LONGEST_SECONDS", "RetryBudget", "RetryDecision", "RetryPolicy", "decide_retry"]

LONGEST_SECONDS = 10 * 365 * 86_400.0
"""Ten years. Longer waits and timeouts are cut to it: clocks and calendars cannot hold what some services say."""

_OF_THE_TASK = ("AI_BAD_PARAMETER",)
"""Failures that every alternative would have."""
_OF_THE_SERVICE = ("AI_HTTP_401", "AI_HTTP_403")
"""Failures that every alternative of the same service would have: it refuses the key."""

Verdict = Literal["retry", "fall_back", "exhausted", "not_retryable", "past_deadline", "budget_empty"]


class RetryBudget:
    """What further attempts at one service may cost together, so that one that is down is not hammered by every task.

    A bucket of tokens: each attempt after a task's first takes some out, each success puts some back, and so does time.
    First attempts are free: by them a service that is up again is found. The numbers are those of the standard retry
    mode of botocore, whose bucket does not fill by itself.

    Args:
        service: whose budget it is, for texts.
        capacity: tokens of the full bucket; it begins full.
        cost: tokens of one further attempt; a further attempt that succeeds puts them back, a first one puts back 1.
        per_second: tokens that time puts back.
    """

    def __init__(self, service: str, *, capacity: float = 500, cost: float = 5, per_second: float = 1) -> None:
        self.service = service
        self._capacity = capacity
        self._cost = cost
        self._per_second = per_second
        self._tokens = capacity
        self._counted_at: float | None = None

    def take(self, now: float) -> bool:
        """Pay for a further attempt, or say that there is not enough left.

        Args:
            now: the current instant in seconds, on a clock that only goes forward.
        """
        if self._counted_at is not None:
            self._put_back((now - self._counted_at) * self._per_second)
        self._counted_at = now
        if self._tokens < self._cost:
            return False
        self._tokens -= self._cost
        return True

    def note_success(self, number: int) -> None:
        """An attempt succeeded; `number` is its number in its task, from 1."""
        self._put_back(1 if number == 1 else self._cost)

    def _put_back(self, tokens: float) -> None:
        self._tokens = min(self._capacity, self._tokens + tokens)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how patiently a failed attempt is followed by another.

    Attributes:
        max_retries: attempts after the first when the task does not say (0 to 255).
        base_seconds: upper bound of the first wait; it doubles with every further attempt.
        cap_seconds: no backoff is longer than this. Retry-After may be.
        budgets: for each alternative of the executor (a model at a service), in the order in which they are tried, the
            retry budget of its service; empty for an executor without alternatives and budgets.
        services: for each alternative the number of its service, by which those of one service are known; empty when
            each has its own.
    """

    max_retries: int = 0
    base_seconds: float = 1.0
    cap_seconds: float = 60.0
    budgets: tuple[RetryBudget, ...] = field(default=(), compare=False)
    services: tuple[int, ...] = field(default=(), compare=False)

    def fallbacks(self, alternative: int, error_code: str | None) -> list[int]:
        """The alternatives that may do better than the one that failed with this code, in order."""
        others = range(alternative + 1, len(self.budgets))
        if error_code in _OF_THE_TASK:
            return []
        if error_code in _OF_THE_SERVICE and self.services:
            return [other for other in others if self.services[other] != self.services[alternative]]
        return list(others)


@dataclass(frozen=True, slots=True)
class RetryDecision:
    """What follows a failed attempt.

    Attributes:
        verdict: retry; fall_back (retry with another alternative); exhausted (no attempts left); not_retryable;
            past_deadline (the wait would reach the deadline); budget_empty (the service has had too many retries).
        wait_seconds: how long to wait before the next attempt, or would have been waited.
        alternative: which alternative of the executor makes the next attempt.
        remark: what to add to the text of the last error when there is no other attempt.
    """

    verdict: Verdict
    wait_seconds: float = 0.0
    alternative: int = 0
    remark: str = ""

    @property
    def goes_on(self) -> bool:
        """Whether there is another attempt."""
        return self.verdict in ("retry", "fall_back")


def decide_retry(
    policy: RetryPolicy,
    *,
    max_retries: int,
    failed_codes: Sequence[str | None],
    retry: Literal["no", "once", "yes"],
    retry_after: float | None,
    now: float,
    deadline: float | None,
    random: Random,
    alternative: int = 0,
) -> RetryDecision:
    """Decide what follows the attempt that just failed.

    The wait is exponential backoff with full jitter (uniform between 0 and the bound; see "Exponential Backoff And
    Jitter", AWS Architecture Blog, 2015); a `retry_after` of the service is its floor.

    Each alternative gets as many attempts as the task may have. When they are used up, or would not help, or the wait
    would reach the deadline, the next one is asked without a wait: none when no service can be sent what the task
    holds, and none of the same service when that one refuses the key. A further attempt takes from the retry budget of
    the service that it goes to, unless that service itself said when to come back.

    Args:
        policy: waits and caps.
        max_retries: extra attempts that this task may have.
        failed_codes: the error codes of all failed attempts with this alternative so far, the newest last.
        retry: what the executor said of the newest failure.
        retry_after: seconds the service asked for, or None.
        now: the current instant, on the clock of `deadline`.
        deadline: the task's deadline, or None.
        random: the source of the jitter.
        alternative: which alternative of the executor made the attempt that failed.
    """
    budget = policy.budgets[alternative] if policy.budgets else None
    verdict: Verdict
    wait, remark = 0.0, ""
    if retry == "no" or (retry == "once" and failed_codes[-1] in failed_codes[:-1]):
        verdict = "not_retryable"
    elif len(failed_codes) > max_retries:
        verdict = "exhausted"
    else:
        bound = backoff_bound(policy, len(failed_codes))
        floor = min(retry_after or 0.0, LONGEST_SECONDS) if retry_after == retry_after else 0.0  # NaN asks for nothing
        wait = max(random.uniform(0.0, bound), floor)
        if deadline is not None and now + wait >= deadline:
            verdict = "past_deadline"
        elif floor > 0 or budget is None or budget.take(now):
            return RetryDecision("retry", wait, alternative)
        else:
            verdict = "budget_empty"
            remark = f"; not tried again, because {budget.service} has failed too often (its retry budget is empty)"
    for other in policy.fallbacks(alternative, failed_codes[-1]):
        if policy.budgets[other].take(now):
            return RetryDecision("fall_back", 0.0, other)
    return RetryDecision(verdict, wait, alternative, remark)


def backoff_bound(policy: RetryPolicy, failures: int) -> float:
    """The longest backoff after this many failures (1 or more), in seconds."""
    waits = backoff.expo(base=2, factor=policy.base_seconds, max_value=policy.cap_seconds)
    next(waits)  # backoff's generators yield once before their first value
    bound: float = next(islice(waits, failures - 1, None))
    return bound

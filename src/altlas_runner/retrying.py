"""The retry policy, pure: given the policy, the attempts so far, the failure and now, when is the next attempt?

It decides and never sleeps. Jitter comes from a random source that is handed in, so the same seed gives the same waits.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Literal

import backoff

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

__all__ = ["LONGEST_SECONDS", "RetryDecision", "RetryPolicy", "decide_retry"]

LONGEST_SECONDS = 10 * 365 * 86_400.0
"""Ten years. Longer waits and timeouts are cut to it: clocks and calendars cannot hold what some services say."""

Verdict = Literal["retry", "exhausted", "not_retryable", "past_deadline"]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how patiently a failed attempt is followed by another.

    Attributes:
        max_retries: attempts after the first when the task does not say (0 to 255).
        base_seconds: upper bound of the first wait; it doubles with every further attempt.
        cap_seconds: no backoff is longer than this. Retry-After may be.
    """

    max_retries: int = 0
    base_seconds: float = 1.0
    cap_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class RetryDecision:
    """What follows a failed attempt.

    Attributes:
        verdict: retry; exhausted (no attempts left); not_retryable; past_deadline (the wait would reach the deadline).
        wait_seconds: how long to wait before the next attempt, or would have been waited.
    """

    verdict: Verdict
    wait_seconds: float = 0.0


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
) -> RetryDecision:
    """Decide what follows the attempt that just failed.

    The wait is exponential backoff with full jitter (uniform between 0 and the bound; see "Exponential Backoff And
    Jitter", AWS Architecture Blog, 2015); a `retry_after` of the service is its floor.

    Args:
        policy: waits and caps.
        max_retries: extra attempts that this task may have.
        failed_codes: the error codes of all failed attempts so far, the newest last.
        retry: what the executor said of the newest failure.
        retry_after: seconds the service asked for, or None.
        now: the current instant, on the clock of `deadline`.
        deadline: the task's deadline, or None.
        random: the source of the jitter.
    """
    if retry == "no" or (retry == "once" and failed_codes[-1] in failed_codes[:-1]):
        return RetryDecision("not_retryable")
    if len(failed_codes) > max_retries:
        return RetryDecision("exhausted")
    bound = backoff_bound(policy, len(failed_codes))
    floor = min(retry_after or 0.0, LONGEST_SECONDS) if retry_after == retry_after else 0.0  # NaN asks for nothing
    wait = max(random.uniform(0.0, bound), floor)
    if deadline is not None and now + wait >= deadline:
        return RetryDecision("past_deadline", wait)
    return RetryDecision("retry", wait)


def backoff_bound(policy: RetryPolicy, failures: int) -> float:
    """The longest backoff after this many failures (1 or more), in seconds."""
    waits = backoff.expo(base=2, factor=policy.base_seconds, max_value=policy.cap_seconds)
    next(waits)  # backoff's generators yield once before their first value
    bound: float = next(islice(waits, failures - 1, None))
    return bound

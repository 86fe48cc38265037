"""The retry policy: when the next attempt comes, or why there is none."""

from random import Random
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altlas_runner.retrying import RetryDecision, RetryPolicy, backoff_bound, decide_retry

POLICY = RetryPolicy(max_retries=3)


def decide(
    codes: list[str | None],
    *,
    max_retries: int = 3,
    retry: Literal["no", "once", "yes"] = "yes",
    retry_after: float | None = None,
    now: float = 100.0,
    deadline: float | None = None,
    seed: int = 1,
    policy: RetryPolicy = POLICY,
) -> RetryDecision:
    return decide_retry(
        policy,
        max_retries=max_retries,
        failed_codes=codes,
        retry=retry,
        retry_after=retry_after,
        now=now,
        deadline=deadline,
        random=Random(seed),
    )


def test_the_bound_of_the_backoff_doubles_from_the_base_up_to_the_cap() -> None:
    assert [backoff_bound(POLICY, failures) for failures in range(1, 10)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_base_and_cap_are_the_policys_own() -> None:
    policy = RetryPolicy(base_seconds=0.5, cap_seconds=3)
    assert [backoff_bound(policy, failures) for failures in range(1, 6)] == [0.5, 1, 2, 3, 3]


@given(failures=st.integers(1, 255), seed=st.integers())
def test_a_wait_lies_between_zero_and_the_bound(failures: int, seed: int) -> None:
    decision = decide(["AI_UPSTREAM"] * failures, max_retries=255, seed=seed)
    assert decision.verdict == "retry"
    assert 0 <= decision.wait_seconds <= min(60.0, 2.0 ** (failures - 1))


def test_waits_use_the_whole_range_so_that_clients_spread_out() -> None:
    waits = [decide(["X"] * 3, seed=seed).wait_seconds for seed in range(400)]
    assert min(waits) < 0.2
    assert max(waits) > 3.8
    assert 1.7 < sum(waits) / len(waits) < 2.3


@given(seed=st.integers())
def test_the_same_seed_gives_the_same_wait(seed: int) -> None:
    assert decide(["X", "X"], seed=seed) == decide(["X", "X"], seed=seed)


@given(failures=st.integers(1, 9), asked=st.floats(0, 1e6), seed=st.integers())
def test_retry_after_is_a_floor_even_above_the_cap(failures: int, asked: float, seed: int) -> None:
    without = decide(["X"] * failures, max_retries=9, seed=seed).wait_seconds
    assert decide(["X"] * failures, max_retries=9, retry_after=asked, seed=seed).wait_seconds == max(without, asked)


@given(max_retries=st.integers(0, 255), failures=st.integers(1, 300))
def test_there_are_as_many_retries_as_allowed_and_no_more(max_retries: int, failures: int) -> None:
    verdict = decide(["X"] * failures, max_retries=max_retries).verdict
    assert verdict == ("retry" if failures <= max_retries else "exhausted")


def test_a_failure_that_is_not_retried_ends_at_once() -> None:
    assert decide(["AI_TLS"], retry="no").verdict == "not_retryable"


def test_once_means_one_more_attempt_with_this_error() -> None:
    assert decide(["AI_BAD_RESPONSE"], retry="once").verdict == "retry"
    assert decide(["AI_BAD_RESPONSE", "AI_BAD_RESPONSE"], retry="once").verdict == "not_retryable"


def test_once_counts_each_error_for_itself() -> None:
    assert decide(["AI_UPSTREAM", "AI_BAD_RESPONSE"], retry="once").verdict == "retry"
    assert decide(["AI_BAD_RESPONSE", "AI_UPSTREAM", "AI_BAD_RESPONSE"], retry="once").verdict == "not_retryable"


def test_once_does_not_give_a_retry_to_a_task_that_has_none() -> None:
    assert decide(["AI_BAD_RESPONSE"], retry="once", max_retries=0).verdict == "exhausted"


@pytest.mark.parametrize(("asked", "verdict"), [(4.9, "retry"), (5.0, "past_deadline"), (3600.0, "past_deadline")])
def test_a_wait_that_reaches_the_deadline_ends_the_task_at_once(asked: float, verdict: str) -> None:
    decision = decide(["AI_RATE_LIMITED"], retry_after=asked, now=100.0, deadline=105.0)
    assert decision == RetryDecision(verdict, asked)  # type: ignore[arg-type]


@given(now=st.floats(0, 1e6), left=st.floats(0, 100), failures=st.integers(1, 9), seed=st.integers())
def test_no_retry_starts_at_or_after_the_deadline(now: float, left: float, failures: int, seed: int) -> None:
    decision = decide(["X"] * failures, max_retries=9, now=now, deadline=now + left, seed=seed)
    assert (decision.verdict == "retry") == (now + decision.wait_seconds < now + left)

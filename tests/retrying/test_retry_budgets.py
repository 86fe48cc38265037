"""The retry budget of a service: one that is down is not hammered by every task, one that is up again is found."""

from random import Random
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from altlas_runner.retrying import RetryBudget, RetryDecision, RetryPolicy, decide_retry

Retry = Literal["no", "once", "yes"]


def policy(*budgets: RetryBudget) -> RetryPolicy:
    return RetryPolicy(max_retries=3, budgets=budgets)


def decide(
    of: RetryPolicy,
    codes: list[str | None] | None = None,
    *,
    retry: Retry = "yes",
    retry_after: float | None = None,
    now: float = 0.0,
    deadline: float | None = None,
    alternative: int = 0,
) -> RetryDecision:
    return decide_retry(
        of,
        max_retries=of.max_retries,
        failed_codes=codes or ["AI_UPSTREAM"],
        retry=retry,
        retry_after=retry_after,
        now=now,
        deadline=deadline,
        random=Random(1),
        alternative=alternative,
    )


def test_a_service_gets_a_hundred_retries_at_once_and_no_more() -> None:
    budget = RetryBudget("api.example.com")
    verdicts = [decide(policy(budget)).verdict for _ in range(101)]
    assert verdicts == ["retry"] * 100 + ["budget_empty"]


def test_an_empty_budget_is_told_with_the_name_of_the_service() -> None:
    decision = decide(policy(RetryBudget("api.example.com", capacity=0)))
    assert decision.goes_on is False
    assert decision.remark == (
        "; not tried again, because api.example.com has failed too often (its retry budget is empty)"
    )


def test_time_puts_back_one_retry_in_five_seconds() -> None:
    budget = RetryBudget("s", capacity=5)
    assert budget.take(10.0)
    assert not budget.take(14.9)
    assert budget.take(15.0)


def test_a_retry_that_succeeds_costs_nothing_in_the_end() -> None:
    budget = RetryBudget("s", capacity=5, per_second=0)
    for _ in range(1000):
        assert budget.take(0.0)
        budget.note_success(2)


def test_first_attempts_that_succeed_earn_a_retry_for_every_five() -> None:
    budget = RetryBudget("s", capacity=5, per_second=0)
    assert budget.take(0.0)
    for _ in range(4):
        budget.note_success(1)
    assert not budget.take(0.0)
    budget.note_success(1)
    assert budget.take(0.0)


def test_a_retry_at_the_instant_that_the_service_asked_for_costs_nothing() -> None:
    empty = policy(RetryBudget("s", capacity=0))
    assert decide(empty, retry_after=2.0).verdict == "retry"
    assert decide(empty, retry_after=0.0).verdict == "budget_empty"


@given(st.lists(st.tuples(st.sampled_from(["take", "first", "later"]), st.floats(0, 30)), max_size=60))
def test_a_budget_never_gives_more_than_was_put_in(steps: list[tuple[str, float]]) -> None:
    budget = RetryBudget("s", capacity=20)
    now, put_in, taken = 0.0, 20.0, 0
    for step, pause in steps:
        now += pause
        put_in += pause  # one token a second
        if step == "take":
            taken += budget.take(now)
        else:
            budget.note_success(1 if step == "first" else 2)
            put_in += 1 if step == "first" else 5
        assert 5 * taken <= put_in + 1e-6


def test_when_the_retries_of_one_alternative_are_used_up_the_next_is_asked_at_once() -> None:
    decision = decide(policy(RetryBudget("a"), RetryBudget("b")), ["X"] * 4)
    assert (decision.verdict, decision.alternative, decision.wait_seconds) == ("fall_back", 1, 0.0)


def test_an_error_that_is_not_retried_falls_back() -> None:
    two = policy(RetryBudget("a"), RetryBudget("b"))
    assert decide(two, ["AI_HTTP_401"], retry="no").alternative == 1
    assert decide(two, ["AI_BAD_RESPONSE"] * 2, retry="once").alternative == 1


def test_the_last_alternative_has_nothing_to_fall_back_on() -> None:
    two = policy(RetryBudget("a"), RetryBudget("b"))
    assert decide(two, ["X"], retry="no", alternative=1).verdict == "not_retryable"
    assert decide(two, ["X"] * 4, alternative=1).verdict == "exhausted"


def test_an_alternative_that_has_failed_too_often_is_passed_over() -> None:
    three = policy(RetryBudget("a"), RetryBudget("b", capacity=0), RetryBudget("c"))
    assert decide(three, ["X"], retry="no").alternative == 2


def test_a_wait_past_the_deadline_falls_back_instead() -> None:
    two = policy(RetryBudget("a"), RetryBudget("b"))
    assert decide(two, retry_after=3600.0, deadline=60.0).alternative == 1
    assert decide(policy(RetryBudget("a")), retry_after=3600.0, deadline=60.0).verdict == "past_deadline"


def test_an_empty_budget_falls_back_to_another_service() -> None:
    assert decide(policy(RetryBudget("a", capacity=0), RetryBudget("b"))).alternative == 1

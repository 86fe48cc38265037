"""Requests and tokens a minute, decided without a clock: never more than the limit, in turn, no room unused."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altlas_runner.ai_service.limits import KEPT_SECONDS, Minute, RateLimits, Ticket
from altlas_runner.fair_queue import FairQueue


def yes() -> bool:
    return True


def ticket(task: str, run: str = "run", tokens: int = 0, wake: Callable[[], bool] = yes) -> Ticket:
    return Ticket(run, task, tokens, wake)


def admitted(answer: list[float] | float) -> bool:
    return isinstance(answer, list)


def test_the_runs_of_a_queue_are_served_in_turn() -> None:
    queue = FairQueue[str]()
    for run, count in (("a", 4), ("b", 1), ("c", 2)):
        for number in range(count):
            queue.push(run, f"{run}{number}")
    assert [queue.pop() for _ in range(len(queue))] == ["a0", "b0", "c0", "a1", "c1", "a2", "a3"]


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=20))
def test_the_place_in_the_queue_is_how_many_are_served_before(runs: list[str]) -> None:
    queue = FairQueue[int]()
    for number, run in enumerate(runs):
        queue.push(run, number)
    aheads = [queue.ahead(run, number) for number, run in enumerate(runs)]
    served = [queue.pop() for _ in range(len(queue))]
    assert [served.index(number) for number in range(len(runs))] == aheads


@given(
    limit=st.integers(1, 5),
    asks=st.lists(st.tuples(st.floats(0, 40), st.integers(1, 5)), min_size=1, max_size=40),
)
def test_no_minute_holds_more_than_the_limit(limit: int, asks: list[tuple[float, int]]) -> None:
    minute, now, taken = Minute(limit), 0.0, []
    for pause, wanted in asks:
        now += pause
        amount = min(wanted, limit)
        at = minute.room_at(amount, now)
        assert at >= now
        if at == now:
            minute.take(amount, now)
            taken.append((now, amount))
        else:  # there truly is room then, and not a moment sooner
            assert sum(each for moment, each in taken if moment + 60 > at) + amount <= limit
            just_before = at - 0.001
            assert just_before < now or sum(n for t, n in taken if t + 60 > just_before) + amount > limit
    for moment, _ in taken:
        assert sum(amount for other, amount in taken if moment <= other < moment + 60) <= limit


def test_an_amount_of_several_minutes_waits_for_as_many() -> None:
    minute = Minute(10)
    assert [minute.room_at(amount, 100.0) for amount in (10, 11, 20, 21)] == [100.0, 160.0, 160.0, 220.0]


def test_who_finds_no_room_is_told_when_its_turn_is() -> None:
    limits = RateLimits(2, None)
    assert admitted(limits.ask(ticket("a"), 0.0))
    assert admitted(limits.ask(ticket("b"), 10.0))
    assert [limits.ask(ticket(name), 20.0) for name in "cdef"] == [60.0, 70.0, 120.0, 130.0]


def test_who_comes_when_its_turn_is_told_gets_in() -> None:
    limits = RateLimits(1, None)
    limits.ask(ticket("a"), 0.0)
    assert limits.ask(ticket("b"), 5.0) == 60.0
    assert limits.ask(ticket("c"), 6.0) == 120.0
    assert admitted(limits.ask(ticket("b"), 60.0))
    assert not admitted(limits.ask(ticket("c"), 61.0))


def test_who_asks_too_early_is_told_its_own_turn_again() -> None:
    limits = RateLimits(1, None)
    for name in "abcd":
        limits.ask(ticket(name), 0.0)
    assert [limits.ask(ticket(name), 30.0) for name in "bcd"] == [60.0, 120.0, 180.0]


def test_nobody_overtakes_who_waits() -> None:
    limits = RateLimits(1, None)
    limits.ask(ticket("a"), 0.0)
    limits.ask(ticket("b"), 5.0)
    assert not admitted(limits.ask(ticket("late"), 60.0))
    assert admitted(limits.ask(ticket("b"), 60.0))


def test_a_small_run_does_not_wait_for_a_large_one() -> None:
    limits = RateLimits(1, None)
    limits.ask(ticket("first", "large"), 0.0)
    for number in range(100):
        limits.ask(ticket(f"t{number}", "large"), 1.0)
    assert limits.ask(ticket("only", "small"), 2.0) == 120.0


def test_who_is_called_is_kept_room_for_a_moment() -> None:
    limits = RateLimits(1, None)
    limits.ask(ticket("a"), 0.0)
    limits.ask(ticket("b"), 1.0)
    called = limits.call(60.0)
    assert called is not None
    assert called.task == "b"
    assert not admitted(limits.ask(ticket("quick"), 60.1))
    assert admitted(limits.ask(ticket("b"), 60.2))


def test_room_that_was_kept_in_vain_goes_to_the_next() -> None:
    limits = RateLimits(1, None)
    for name in "abc":
        limits.ask(ticket(name), 0.0)
    assert limits.call(60.0) is not None
    assert limits.next_call(60.0) == 60.0 + KEPT_SECONDS
    called = limits.call(60.0 + KEPT_SECONDS)
    assert called is not None
    assert called.task == "c"


def test_who_waits_no_longer_is_passed_over_at_once() -> None:
    limits = RateLimits(1, None)
    for name in "abc":
        limits.ask(ticket(name), 0.0)
    gone = limits.call(60.0)
    assert gone is not None
    limits.not_coming(gone)
    called = limits.call(60.0)
    assert called is not None
    assert called.task == "c"


def test_tokens_count_as_estimated_until_the_service_says_how_many() -> None:
    limits = RateLimits(None, 100)
    entry = limits.ask(ticket("a", tokens=90), 0.0)
    assert isinstance(entry, list)
    assert limits.ask(ticket("b", tokens=20), 1.0) == 60.0
    assert limits.reason == "TOKENS_PER_MINUTE"
    limits.settle(entry, 30)
    called = limits.call(2.0)  # fewer than estimated: there is room sooner than was said
    assert called is not None
    assert admitted(limits.ask(ticket("b", tokens=20), 2.0))


def test_a_request_over_the_whole_limit_goes_alone() -> None:
    limits = RateLimits(None, 100)
    assert admitted(limits.ask(ticket("huge", tokens=5000), 0.0))
    assert limits.ask(ticket("small", tokens=1), 1.0) == 60.0


@pytest.mark.parametrize("requests", [1, 3, 7])
@given(arrivals=st.lists(st.tuples(st.floats(0, 5), st.sampled_from(["a", "b"])), min_size=1, max_size=30))
def test_all_get_in_as_soon_as_the_limit_allows(requests: int, arrivals: list[tuple[float, str]]) -> None:
    """A simulation: everybody asks once, and again when told or called; the times are those that a minute allows."""
    limits, now = RateLimits(requests, None), 0.0
    comes: list[tuple[float, str, str]] = []  # instants at which tasks ask
    for number, (pause, run) in enumerate(arrivals):
        now += pause
        comes.append((now, run, f"t{number}"))
    arrived = [instant for instant, _, _ in comes]
    entered: list[float] = []
    asked = 0
    while comes:
        comes.sort()
        timer = limits.next_call(now)
        if timer is not None and timer < comes[0][0]:
            now = timer
            while (called := limits.call(now)) is not None:
                comes = [each for each in comes if each[2] != called.task] + [(now, called.run, called.task)]
            continue
        now, run, task = comes.pop(0)
        answer = limits.ask(ticket(task, run), now)
        asked += 1
        if isinstance(answer, list):
            entered.append(now)
        else:
            assert answer > now
            comes.append((answer, run, task))
    for earlier, later in zip(entered, entered[requests:], strict=False):
        assert later >= earlier + 60
    ideal: list[float] = []
    for instant in arrived:
        ideal.append(max(instant, ideal[-requests] + 60 if len(ideal) >= requests else instant))
    assert entered == pytest.approx(ideal, abs=0.2)
    assert asked <= 3 * len(arrivals)  # no crowd that asks again and again

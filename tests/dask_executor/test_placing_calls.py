"""Which call goes to which worker: decided without a clock, a socket or Dask."""

from hypothesis import given
from hypothesis import strategies as st

from altlas_runner.dask_executor.placement import Placement


def placement(**threads: int) -> Placement:
    made = Placement()
    for address, count in threads.items():
        made.set_worker(address, count)
    return made


def test_a_worker_gets_as_many_calls_as_it_has_threads() -> None:
    calls = placement(a=2)
    for key in "wxyz":
        calls.add(key)
    assert calls.place() == [("w", "a"), ("x", "a")]
    assert calls.waiting == ["y", "z"]
    calls.end("w")
    assert calls.place() == [("y", "a")]


def test_the_least_busy_worker_is_next() -> None:
    calls = placement(small=1, large=3)
    for key in "wxyz":
        calls.add(key)
    assert sorted(address for _, address in calls.place()) == ["large", "large", "large", "small"]


def test_short_calls_are_given_ahead_of_time() -> None:
    """A worker with nothing to do while word travels would be idle most of the time."""
    calls = placement(a=2)
    calls.add("first")
    calls.place()
    calls.end("first", seconds=0.05)
    for number in range(10):
        calls.add(str(number))
    assert len(calls.place()) == 4


def test_long_calls_are_not() -> None:
    """They would wait behind another one while some worker has a thread free."""
    calls = placement(a=2)
    calls.add("first")
    calls.place()
    calls.end("first", seconds=5)
    for number in range(10):
        calls.add(str(number))
    assert len(calls.place()) == 2


def test_of_a_lost_worker_only_what_may_have_begun_is_lost() -> None:
    calls = placement(a=1)
    calls.add("first")
    calls.place()
    calls.end("first", seconds=0.02)
    for key in ("begun", "second", "third", "later"):
        calls.add(key)
    assert [key for key, _ in calls.place()] == ["begun", "second", "third"]
    assert calls.remove_worker("a") == ["begun"]
    assert calls.waiting == ["second", "third", "later"]
    assert calls.worker_of("second") is None


def test_a_paused_worker_keeps_its_calls_and_gets_no_other() -> None:
    calls = placement(a=2)
    calls.add("first")
    calls.place()
    calls.set_worker("a", 2, takes_calls=False)
    calls.add("second")
    assert calls.place() == []
    assert calls.remove_worker("a") == ["first"]


def test_an_unknown_worker_and_an_unknown_call_are_nothing() -> None:
    calls = placement(a=1)
    assert calls.remove_worker("gone") == []
    calls.end("never asked")
    assert calls.place() == []


@given(st.lists(st.tuples(st.sampled_from(["add", "end", "come", "go", "place"]), st.integers(0, 3)), max_size=60))
def test_no_call_is_ever_with_two_workers_or_forgotten(steps: list[tuple[str, int]]) -> None:
    """Whatever comes and goes: each call waits, is with one worker, was lost with it, or has ended."""
    calls, number, alive = Placement(), 0, dict[str, str | None]()
    for what, which in steps:
        if what == "add":
            calls.add(str(number))
            alive[str(number)] = None
            number += 1
        elif what == "come":
            calls.set_worker(f"w{which}", which + 1)
        elif what == "go":
            lost = calls.remove_worker(f"w{which}")
            assert all(alive.pop(key) == f"w{which}" for key in lost)
            assert len(lost) <= which + 1
            alive |= {key: None for key, address in alive.items() if address == f"w{which}"}
        elif what == "end" and alive:
            key = list(alive)[which % len(alive)]
            calls.end(key, seconds=0.01)
            del alive[key]
        else:
            for key, address in calls.place():
                assert alive[key] is None
                alive[key] = address
        assert sorted(calls.waiting) == sorted(key for key, address in alive.items() if address is None)
        assert all(calls.worker_of(key) == address for key, address in alive.items())

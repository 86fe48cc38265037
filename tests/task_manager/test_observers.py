"""Observers share the run's thread, so their telling has order, a budget and an end."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial, wraps

import pytest

from altlas_runner.task_manager import Event, TaskManager, TaskReady
from altlas_runner.task_manager.observing import Observers
from altlas_runner.testing import FakeExecutor, alt_file_of, run_in_virtual_time

AT = datetime(2026, 3, 1, tzinfo=UTC)


def ready(*names: str) -> list[Event]:
    return [TaskReady(AT, name) for name in names]


def name_of(event: Event) -> str:
    assert isinstance(event, TaskReady)
    return event.task_id


class Clock:
    """Stands still unless somebody takes time."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def taking(self, seconds: float, heard: list[Event]) -> Callable[[Event], None]:
        def slow_one(event: Event) -> None:
            heard.append(event)
            self.now += seconds

        return slow_one


def test_several_observers_hear_the_same_stream() -> None:
    """A display and a journal follow one run without knowing of each other."""
    first: list[Event] = []
    second: list[Event] = []
    alt = alt_file_of({"id": "a"}, {"id": "b", "dependencies": ["a"]})
    run_in_virtual_time(lambda: TaskManager(alt, FakeExecutor(), on_event=[first.append, second.append]).run())
    assert first == second
    assert len(first) == 8


def test_events_caused_while_telling_come_after_in_order_for_every_observer() -> None:
    """An observer that cancels a task causes events; nobody may hear the effect before its cause."""
    heard: list[Event] = []

    def causing(event: Event) -> None:
        if name_of(event) in ("a", "b"):
            observers.tell(ready(f"caused by {name_of(event)}"))

    observers = Observers([causing, heard.append])
    observers.tell(ready("a", "b", "c"))
    observers.tell(ready("d"))
    assert [name_of(event) for event in heard] == ["a", "b", "c", "caused by a", "caused by b", "d"]


@pytest.mark.parametrize("error", [ValueError("broken"), asyncio.CancelledError()])
def test_one_that_raises_is_removed_and_the_others_miss_nothing(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    """A cancellation raised by an observer must not reach the worker that happened to tell it."""
    heard: list[Event] = []
    calls: list[Event] = []

    def broken(event: Event) -> None:
        calls.append(event)
        raise error

    observers = Observers([broken, heard.append])
    observers.tell(ready("a", "b"))
    observers.tell(ready("c"))
    assert (len(calls), len(heard)) == (1, 3)
    assert "broken of the run raised and was removed" in caplog.text


def test_one_that_takes_more_than_its_share_is_removed_by_name_with_what_it_used(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """1 s and a fifth of the run: 0.4 s of every second is too much after the sixth."""
    clock = Clock()
    heard: list[Event] = []
    others: list[Event] = []
    observers = Observers([clock.taking(0.4, heard), others.append], clock)
    with caplog.at_level(logging.ERROR, "altlas_runner"):
        for number in range(20):
            observers.tell(ready(str(number)))
            clock.now += 0.6
    assert len(others) == 20
    # used 0.4 n against 1 + 0.2 (n - 0.6): passed at the fifth call
    assert len(heard) == 5
    assert "slow_one of the run was removed: it took 2.00 s in all, 0.40 s" in caplog.text


def test_one_that_keeps_within_its_share_stays_for_ever() -> None:
    """A tenth of a long run is a hundred seconds, and nothing to complain of."""
    clock = Clock()
    heard: list[Event] = []
    observers = Observers(clock.taking(0.1, heard), clock)
    for number in range(1000):
        observers.tell(ready(str(number)))
        clock.now += 0.9
    assert len(heard) == 1000


def test_a_single_call_of_more_than_a_second_is_too_long_however_long_the_run_is() -> None:
    """Every task of the run waits meanwhile."""
    clock = Clock()
    heard: list[Event] = []
    observers = Observers(clock.taking(1.1, heard), clock)
    observers.tell([])
    clock.now += 3600
    observers.tell(ready("a"))
    observers.tell(ready("b"))
    assert len(heard) == 1
    assert not observers


def test_a_burst_of_events_at_one_instant_is_no_single_long_call() -> None:
    """100,000 tasks become ready at once; an observer that takes 10 µs for each is a quick one."""
    clock = Clock()
    heard: list[Event] = []
    observers = Observers(clock.taking(10e-6, heard), clock)
    observers.tell([])
    clock.now += 10
    observers.tell(ready("a") * 100_000)
    assert len(heard) == 100_000


def test_observers_are_named_as_their_author_named_them(caplog: pytest.LogCaptureFixture) -> None:
    """Wrappers of ours around an observer are nobody's fault."""

    class Watcher:
        def __call__(self, event: Event) -> None:
            raise ValueError

    @wraps(Watcher())
    def wrapper(event: Event) -> None:
        raise ValueError

    Observers([wrapper, partial(wrapper)]).tell(ready("a"))
    assert caplog.text.count("the observer Watcher of the run raised") == 2


def test_what_is_no_plain_function_is_refused_before_the_run() -> None:
    """A coroutine would be made and never awaited: silence where the caller expects events."""

    async def later(event: Event) -> None: ...

    for wrong in (later, "print", [later], [3]):
        with pytest.raises(TypeError, match=r"plain function|cannot be called"):
            TaskManager(alt_file_of({"id": "a"}), FakeExecutor(), on_event=wrong)  # type: ignore[arg-type]

"""Observers: who is told the events of a run, and what their telling may cost it.

Observers are called on the event loop's thread, so the time they take is the run's. One that raises, or takes more than
its share, is removed and logged; the run and the other observers go on. An observer that never returns cannot be
stopped by anybody: one that waits for a disk or a network should put the events into a queue and do so elsewhere.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

from altlas_runner.task_manager.events import Event

__all__ = ["Observer", "Observers", "observers_of"]

_log = logging.getLogger("altlas_runner")

Observer = Callable[[Event], None]
"""Called with each event, in order; it must return quickly, and is removed when it does not (see `Observers`)."""

_ALLOWANCE_SECONDS = 1.0
_SHARE = 0.2
_MOST_AT_ONCE = 64


def observers_of(on_event: Observer | Sequence[Observer] | None) -> tuple[Observer, ...]:
    """The observers that were given: none, one, or several.

    Raises:
        TypeError: one of them is no plain function; what a coroutine function returns would never be awaited.
    """
    given = () if on_event is None else tuple(on_event) if isinstance(on_event, Sequence) else (on_event,)
    for observer in given:
        if not callable(observer):
            raise TypeError(f"an observer is called with each event; {type(observer).__name__} cannot be called")
        if inspect.iscoroutinefunction(observer) or inspect.iscoroutinefunction(type(observer).__call__):
            raise TypeError(f"the observer {_name_of(observer)} must be a plain function, not a coroutine function")
    return given


class Observers:
    """Tells every observer every event, in the order in which they happened.

    An observer is removed, and logged by name, when it raises, when all its calls together have taken more than 1 s
    plus a fifth of the time since the run began, or when it kept the run waiting for more than 1 s at a stretch. A
    stretch is one call, or the calls for up to 64 events that happened at one instant.

    Args:
        on_event: the observers.
        clock: a clock in seconds that only goes forward.

    Raises:
        TypeError: one of the observers is no plain function.
    """

    def __init__(
        self, on_event: Observer | Sequence[Observer] | None, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._clock = clock
        self._began: float | None = None
        self._observers = tuple(_Observed(observer) for observer in observers_of(on_event))
        self._untold: deque[list[Event]] = deque()
        self._telling = False

    def __bool__(self) -> bool:
        """Whether anybody listens."""
        return bool(self._observers)

    def tell(self, events: list[Event]) -> None:
        """Tell these events. Those that observers cause meanwhile come after them, in order; nothing is raised."""
        untold, clock = self._untold, self._clock
        if self._telling or len(events) > _MOST_AT_ONCE:
            untold.extend(events[first : first + _MOST_AT_ONCE] for first in range(0, len(events), _MOST_AT_ONCE))
            if self._telling:
                return
            events = untold.popleft()
        if self._began is None:
            self._began = clock()
        self._telling = True
        try:
            while True:
                for observed in self._observers:
                    call = observed.call
                    before = clock()
                    try:
                        for event in events:
                            call(event)
                    except (Exception, asyncio.CancelledError):  # neither may reach the worker that told the event
                        self._remove(observed)
                        _log.exception("the observer %s of the run raised and was removed", observed.name)
                        continue
                    now = clock()
                    observed.used += now - before
                    if observed.used > _ALLOWANCE_SECONDS:
                        self._consider_removing(observed, now - before, now - self._began)
                if not untold:
                    return
                events = untold.popleft()
        finally:
            self._telling = False

    def _consider_removing(self, observed: _Observed, taken: float, elapsed: float) -> None:
        if observed.used > _ALLOWANCE_SECONDS + _SHARE * elapsed or taken > _ALLOWANCE_SECONDS:
            self._remove(observed)
            _log.error(
                "the observer %s of the run was removed: it took %.2f s in all, %.2f s of it at a stretch, in the "
                "first %.2f s of the run; it may take %g s and a fifth of the run's time, and %g s at a stretch",
                observed.name,
                observed.used,
                taken,
                elapsed,
                _ALLOWANCE_SECONDS,
                _ALLOWANCE_SECONDS,
            )

    def _remove(self, observed: _Observed) -> None:
        self._observers = tuple(other for other in self._observers if other is not observed)


class _Observed:
    """An observer and the seconds that it has taken so far."""

    __slots__ = ("call", "name", "used")

    def __init__(self, observer: Observer) -> None:
        self.call = observer
        self.name = _name_of(observer)
        self.used = 0.0


def _name_of(observer: object) -> str:
    """What the observer is called in the code of who wrote it, below the wrappers around it."""
    while True:
        if isinstance(observer, partial):
            observer = observer.func
        elif hasattr(observer, "__wrapped__"):
            observer = observer.__wrapped__
        else:
            return str(getattr(observer, "__qualname__", type(observer).__name__))

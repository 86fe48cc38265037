"""The events of one run, numbered, for everybody who follows it: those who come late, and those who come again."""

from __future__ import annotations

import asyncio
from collections import deque

__all__ = ["EventLog"]

_MOST_BYTES = 4 << 20
"""Of the events that are kept of one run; a streamed answer can have any number."""


class EventLog:
    """Events as JSON, numbered from 1 or as `before` says. The oldest go when there are too many.

    Args:
        most_bytes: of the events that are kept.
        before: the number before that of the first event.

    Attributes:
        last: the number of the last event; `before` where there was none yet.
        ended: whether no further one will come.
        size: the bytes of the events that are kept.
    """

    def __init__(self, most_bytes: int = _MOST_BYTES, before: int = 0) -> None:
        self.last = before
        self.ended = False
        self._events: deque[str] = deque()
        self.size = 0
        self._most_bytes = most_bytes
        self._waiters: list[asyncio.Future[None]] = []

    @property
    def first(self) -> int:
        """The number of the oldest event that is kept; that of the next one when there is none."""
        return self.last - len(self._events) + 1

    def add(self, event: str) -> None:
        """Note an event and wake whoever waits."""
        self._events.append(event)
        self.last += 1
        self.size += len(event)
        while self.size > self._most_bytes and len(self._events) > 1:
            self.size -= len(self._events.popleft())
        self._wake()

    def end(self) -> None:
        """No further event will come."""
        self.ended = True
        self._wake()

    def since(self, number: int, most: int) -> tuple[int, list[str]]:
        """At most so many events after this number, as far as they are kept; before them the number of the first."""
        first = max(number + 1, self.first)
        skip = first - self.first
        return first, [self._events[index] for index in range(skip, min(skip + most, len(self._events)))]

    async def changed(self, number: int) -> None:
        """Wait until there is an event after this number, or none will come."""
        if self.last > number or self.ended:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        finally:
            if not waiter.done() or waiter.cancelled():
                self._waiters = [other for other in self._waiters if other is not waiter]

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

"""A queue that serves several runs in turn. Pure."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

__all__ = ["FairQueue"]

T = TypeVar("T")


class FairQueue(Generic[T]):
    """Serves the runs in turn, and within a run who came first: a large run keeps no small one waiting.

    Example:
        >>> queue = FairQueue[str]()
        >>> for run, name in (("large", "a"), ("large", "b"), ("large", "c"), ("small", "d")):
        ...     queue.push(run, name)
        >>> [queue.pop() for _ in range(len(queue))]
        ['a', 'd', 'b', 'c']
    """

    def __init__(self) -> None:
        self._lanes: dict[str, deque[T]] = {}  # by run; the first one's turn is next
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def __contains__(self, item: T) -> bool:
        return any(item in lane for lane in self._lanes.values())

    def push(self, run: str, item: T, *, first: bool = False) -> None:
        """Let an item wait behind those of its run, or before them."""
        lane = self._lanes.setdefault(run, deque())
        (lane.appendleft if first else lane.append)(item)
        self._length += 1

    def head(self) -> T:
        """The item whose turn is next; there must be one."""
        return next(iter(self._lanes.values()))[0]

    def pop(self) -> T:
        """Serve the item whose turn is next; there must be one."""
        run, lane = next(iter(self._lanes.items()))
        item = lane.popleft()
        del self._lanes[run]
        if lane:  # behind all others
            self._lanes[run] = lane
        self._length -= 1
        return item

    def remove(self, run: str, item: T) -> None:
        """Let an item go that waits no longer."""
        lane = self._lanes[run]
        lane.remove(item)
        if not lane:
            del self._lanes[run]
        self._length -= 1

    def ahead(self, run: str, item: T) -> int:
        """How many are served before this item of a run, if nobody else comes."""
        lane = self._lanes[run]
        place = len(lane) - 1 if lane[-1] is item else lane.index(item)
        turn = list(self._lanes).index(run)
        others = (
            min(len(lane), place + (1 if number < turn else 0))
            for number, lane in enumerate(self._lanes.values())
            if number != turn
        )
        return place + sum(others)

"""Stops attempts that take too long. One timer serves all of them: a timer for each would cost more than it guards."""

from __future__ import annotations

import asyncio
from math import inf

__all__ = ["Overdue"]


class Overdue:
    """Cancels the asyncio tasks that are in it when their time is over.

    Args:
        loop: gives the time.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._until: dict[asyncio.Task[object], float] = {}
        self._cancelled: dict[asyncio.Task[object], int] = {}  # how often others had cancelled it before
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = inf

    def enter(self, task: asyncio.Task[object], until: float) -> None:
        """Cancel this task at an instant, unless it leaves before. It must leave, whatever happens."""
        self._until[task] = until
        if until < self._timer_at:
            self._look_at(until)

    def leave(self, task: asyncio.Task[object]) -> bool:
        """Let it go; whether it was cancelled here, and by nobody else. If so, its CancelledError is dealt with."""
        del self._until[task]
        before = self._cancelled.pop(task, None)
        return before is not None and task.uncancel() <= before

    def close(self) -> None:
        """Cancel nobody any more."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_at = None, inf

    def _look_at(self, instant: float) -> None:
        self.close()
        self._timer, self._timer_at = self._loop.call_at(instant, self._look), instant

    def _look(self) -> None:
        now = self._loop.time()
        self._timer, self._timer_at = None, inf
        following = inf
        for task, until in self._until.items():
            if task in self._cancelled:
                continue
            if until <= now:
                self._cancelled[task] = task.cancelling()
                task.cancel()
            elif until < following:
                following = until
        if following < inf:
            self._look_at(following)

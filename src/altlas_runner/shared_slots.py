"""Slots that several runs share: how many attempts may be under way at one time, and whose turn it is."""

from __future__ import annotations

import asyncio

from altlas_runner.execution import DEADLINE_PASSED, Executor, Outcome, TaskAttempt, deadline_text
from altlas_runner.fair_queue import FairQueue

__all__ = ["SharedSlots", "SlottedExecutor"]


class SharedSlots:
    """How many attempts may be under way at one time. Those beyond wait in a fair queue; nobody can say how long.

    Args:
        most: how many.
        reason: what those who watch are told that an attempt waits for.
    """

    def __init__(self, most: int, reason: str) -> None:
        self._free = most
        self._reason = reason
        self._queue = FairQueue[asyncio.Future[None]]()

    def try_enter(self) -> bool:
        """Enter if that is possible at once."""
        if not self._free:
            return False
        self._free -= 1
        return True

    async def enter(self, attempt: TaskAttempt) -> None:
        """Wait for one's turn, which is told as progress.

        Raises:
            TimeoutError: the attempt's deadline passed before.
        """
        attempt.emit("waits_for_room", {"reason": self._reason})
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        run = attempt.run.run_id
        self._queue.push(run, turn)
        try:
            async with asyncio.timeout_at(attempt.deadline):
                await turn
        except BaseException:
            if turn.done() and not turn.cancelled():  # its turn came in the same moment
                self.leave()
            elif turn in self._queue:
                self._queue.remove(run, turn)
            raise
        attempt.emit("has_room", {})

    def leave(self) -> None:
        """Let the next one in."""
        while self._queue:
            turn = self._queue.pop()
            if not turn.done():  # else it was cancelled, and has not noticed yet
                turn.set_result(None)
                return
        self._free += 1


class SlottedExecutor:
    """An executor each of whose attempts needs a slot of those that several runs share.

    Args:
        executor: makes the attempts.
        slots: shared with other runs in the same event loop.
    """

    def __init__(self, executor: Executor, slots: SharedSlots) -> None:
        self._executor = executor
        self._slots = slots

    async def attempt(self, attempt: TaskAttempt) -> Outcome:
        """Wait for a slot, then make the attempt."""
        if not self._slots.try_enter():
            try:
                await self._slots.enter(attempt)
            except TimeoutError:
                return Outcome.failed(DEADLINE_PASSED, deadline_text(attempt))
        try:
            return await self._executor.attempt(attempt)
        finally:
            self._slots.leave()

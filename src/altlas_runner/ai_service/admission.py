"""Who may ask a service now: its limits, obeyed by everybody who shares one client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from altlas_runner.ai_service.fair_queue import FairQueue
from altlas_runner.ai_service.limits import RateLimits, Ticket
from altlas_runner.execution import Outcome, TaskAttempt

__all__ = ["Admission", "InFlight"]

IN_FLIGHT = "IN_FLIGHT"


class InFlight:
    """How many attempts may be under way at one time. Those beyond wait in a fair queue; nobody can say how long.

    Args:
        most: how many.
    """

    def __init__(self, most: int) -> None:
        self._free = most
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
        attempt.emit("waits_for_room", {"reason": IN_FLIGHT})
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


class Admission:
    """The requests and tokens a minute of one service, in an event loop.

    Args:
        limits: decides.
        estimate: how many tokens an attempt will take, as far as one can tell before.
    """

    def __init__(self, limits: RateLimits, estimate: Callable[[TaskAttempt], int]) -> None:
        self._limits = limits
        self._estimate = estimate
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def ask(self, attempt: TaskAttempt) -> list[float] | Outcome:
        """Take room for a request, or be held: the outcome says until when. The entry is for `settle`."""
        ticket = Ticket(attempt.run.run_id, attempt.task.id, self._estimate(attempt), attempt.wake)
        answer = self._limits.ask(ticket, self._loop.time())
        if isinstance(answer, list):
            return answer
        self._call_later()  # not now: the task waits only when it has been told to
        return Outcome.held(answer, self._limits.reason)

    def settle(self, entry: list[float], outcome: Outcome | None) -> None:
        """The request has ended; None when it was stopped."""
        usage = outcome.usage if outcome is not None else None
        self._limits.settle(entry, None if usage is None else usage.input_tokens + usage.output_tokens)
        self._call()

    def close(self) -> None:
        """Call nobody any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _call(self) -> None:
        """Wake everybody for whom there is room, and come back when there is room for the next."""
        while (ticket := self._limits.call(self._loop.time())) is not None:
            if not ticket.wake():
                self._limits.not_coming(ticket)
        self._call_later()

    def _call_later(self) -> None:
        self.close()
        at = self._limits.next_call(self._loop.time())
        if at is not None:
            self._timer = self._loop.call_at(at, self._call)

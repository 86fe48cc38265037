"""Who may ask a service in this minute: its limits, obeyed by everybody who shares one client."""

from __future__ import annotations

import asyncio

from altlas_runner.ai_service.limits import RateLimits, Ticket
from altlas_runner.execution import Outcome, TaskAttempt

__all__ = ["Admission"]


class Admission:
    """The requests and tokens a minute of one service, in an event loop.

    Args:
        limits: decides.
    """

    def __init__(self, limits: RateLimits) -> None:
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def ask(self, attempt: TaskAttempt, tokens: int) -> list[float] | Outcome:
        """Take room for a request, or be held: the outcome says until when. The entry is for `settle`.

        Args:
            attempt: asks.
            tokens: that it will take, as far as one can tell before.
        """
        ticket = Ticket(attempt.run.run_id, attempt.task.id, tokens, attempt.wake)
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

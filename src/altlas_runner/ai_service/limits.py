"""Requests and tokens a minute: who may ask now, and when the others may. Pure: instants come in, instants go out.

No span of 60 s ever holds more than the limit, wherever it begins. Who finds no room stands in a fair queue; when there
is room it is called, and what it needs is kept for it for a moment until it comes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, inf

from altlas_runner.fair_queue import FairQueue

__all__ = ["Minute", "RateLimits", "Ticket"]

WINDOW_SECONDS = 60.0
KEPT_SECONDS = 1.0
"""How long room is kept for who was called: it may still have to wait for a slot of its run."""
_SHORTEST_WAIT_SECONDS = 0.05


class Minute:
    """How much was taken in the last 60 s, of so much that may be.

    Args:
        limit: most in any 60 s; None for no limit.
    """

    def __init__(self, limit: int | None) -> None:
        self._limit: float = inf if limit is None else limit
        self._taken: deque[list[float]] = deque()  # [instant, amount], the oldest first
        self._used = 0.0

    def room_at(self, amount: float, now: float) -> float:
        """The first instant at which there is room for this amount: `now` when there is."""
        while self._taken and self._taken[0][0] + WINDOW_SECONDS <= now:
            self._used -= self._taken.popleft()[1]
        rounds = ceil(amount / self._limit) - 1 if amount > self._limit else 0  # full minutes before the last one
        missing = amount - rounds * self._limit + self._used - self._limit
        instant = now
        for taken_at, taken in self._taken:
            if missing <= 0:
                break
            missing -= taken
            instant = taken_at + WINDOW_SECONDS
        return instant + rounds * WINDOW_SECONDS

    def take(self, amount: float, now: float) -> list[float]:
        """Take it, and return the entry for `correct`."""
        entry = [now, amount]
        if self._limit < inf:
            self._taken.append(entry)
            self._used += entry[1]
        return entry

    def correct(self, entry: list[float], amount: float) -> None:
        """It was another amount, as is known now."""
        if self._taken and entry[0] >= self._taken[0][0]:  # else it counts no more
            self._used += amount - entry[1]
            entry[1] = amount


@dataclass(slots=True, eq=False)
class Ticket:
    """Somebody who wants to ask.

    Attributes:
        run: the run it belongs to.
        task: its task; one task asks once at a time.
        tokens: how many it will take, as far as one can tell before.
        wake: tells it that there is room; False when it will not come.
    """

    run: str
    task: str
    tokens: int
    wake: Callable[[], bool]


class RateLimits:
    """Requests and tokens a minute of one service.

    Args:
        requests: most requests in any 60 s; None for no limit.
        tokens: most tokens in any 60 s; None for no limit. A request that needs more goes alone.

    Attributes:
        reason: the code of the limit that keeps the next one waiting longest.
    """

    def __init__(self, requests: int | None, tokens: int | None) -> None:
        self._requests = Minute(requests)
        self._tokens = Minute(tokens)
        self._most_tokens = tokens
        self._queue = FairQueue[Ticket]()
        self._waiting: dict[tuple[str, str], Ticket] = {}
        self._called: dict[tuple[str, str], tuple[float, int]] = {}  # (kept until, tokens)
        self._queued_tokens = 0
        self.reason = "REQUESTS_PER_MINUTE"

    def ask(self, ticket: Ticket, now: float) -> list[float] | float:
        """Take room for a request, or stand in the queue.

        Returns:
            An entry for `settle`: there was room, and it is taken. Or the instant at which, by what is known now, it is
            the ticket's turn; it may ask again then, and is called when there is room sooner.
        """
        key = (ticket.run, ticket.task)
        if self._most_tokens is not None:
            ticket.tokens = min(ticket.tokens, self._most_tokens)
        self._let_go(now)
        was_called = self._called.pop(key, None) is not None
        before = self._waiting.get(key)
        is_next = was_called or not self._queue or self._queue.head() is before
        if is_next and self._room_at(1, ticket.tokens, now) <= now:
            if before is not None:
                self._remove(before)
            self._requests.take(1, now)
            return self._tokens.take(ticket.tokens, now)
        if before is not None:
            before.wake = ticket.wake
            ticket = before
        else:
            self._queue.push(ticket.run, ticket, first=was_called)
            self._waiting[key] = ticket
            self._queued_tokens += ticket.tokens
        ahead = self._queue.ahead(ticket.run, ticket)
        mean_tokens = self._queued_tokens / len(self._queue)
        return max(self._room_at(ahead + 1, ahead * mean_tokens + ticket.tokens, now), now + _SHORTEST_WAIT_SECONDS)

    def settle(self, entry: list[float], tokens: int | None) -> None:
        """The request has ended; so many tokens it took, or nobody said how many."""
        if tokens is not None and self._most_tokens is not None:
            self._tokens.correct(entry, tokens)

    def call(self, now: float) -> Ticket | None:
        """Call the one whose turn it is, if there is room; it has to be woken, and then asks again."""
        self._let_go(now)
        if not self._queue:
            return None
        ticket = self._queue.head()
        if self._room_at(1, ticket.tokens, now) > now:
            return None
        self._remove(ticket)
        self._called[ticket.run, ticket.task] = (now + KEPT_SECONDS, ticket.tokens)
        return ticket

    def not_coming(self, ticket: Ticket) -> None:
        """Who was called will not come: what was kept for it is free."""
        self._called.pop((ticket.run, ticket.task), None)

    def next_call(self, now: float) -> float | None:
        """When to call again; None when nobody waits."""
        if not self._queue:
            return None
        at = self._room_at(1, self._queue.head().tokens, now)
        return min([at, *(until for until, _ in self._called.values())]) if self._called else at

    def _room_at(self, requests: float, tokens: float, now: float) -> float:
        """The first instant at which there is room for this beside what is kept for others."""
        kept_tokens = sum(kept for _, kept in self._called.values())
        by_requests = self._requests.room_at(requests + len(self._called), now)
        by_tokens = self._tokens.room_at(tokens + kept_tokens, now)
        self.reason = "TOKENS_PER_MINUTE" if by_tokens > by_requests else "REQUESTS_PER_MINUTE"
        return max(by_requests, by_tokens)

    def _remove(self, ticket: Ticket) -> None:
        if self._queue.head() is ticket:
            self._queue.pop()
        else:
            self._queue.remove(ticket.run, ticket)
        del self._waiting[ticket.run, ticket.task]
        self._queued_tokens -= ticket.tokens

    def _let_go(self, now: float) -> None:
        for key in [key for key, (until, _) in self._called.items() if until <= now]:
            del self._called[key]

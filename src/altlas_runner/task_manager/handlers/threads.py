"""Plain functions in threads: one thread for each attempt, gone when it ends.

A thread cannot be stopped from outside. One whose attempt was given up runs on by itself; it is a daemon, so that it
does not keep the program from ending.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from contextlib import suppress

from altlas_runner.errors import HandlerError
from altlas_runner.execution import Outcome

__all__ = ["Threads"]

_MOST_GIVEN_UP = 64
_MOST_ENDING = 256


class Threads:
    """Runs functions in threads, as many as are asked for; the caller's slots bound them.

    After 64 threads were given up and still run, it starts no more: such handlers would fill the memory.
    """

    def __init__(self) -> None:
        self._ending: list[threading.Thread] = []  # have told their outcome, and are about to end
        self._given_up: set[threading.Thread] = set()

    async def run(self, name: str, work: Callable[[], Outcome], stop: threading.Event) -> Outcome:
        """Do the work in a thread.

        When this is cancelled, `stop` is set and the thread is waited for; a second cancel gives it up.

        Args:
            name: of the thread.
            work: must not raise.
            stop: how the thread is told to stop.

        Raises:
            HandlerError: too many threads that were given up still run.
        """
        self._given_up = {thread for thread in self._given_up if thread.is_alive()}
        if len(self._given_up) >= _MOST_GIVEN_UP:
            raise HandlerError(
                f"{_MOST_GIVEN_UP} threads of handlers that did not stop still run; let handlers look at "
                "context.cancelled, or run them in a process",
                error_code="HANDLER_THREADS",
            )
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[Outcome] = loop.create_future()
        context = contextvars.copy_context()

        def in_thread() -> None:
            outcome = context.run(work)
            with suppress(RuntimeError):  # the loop is gone: nobody waits any more
                loop.call_soon_threadsafe(_settle, ended, outcome)

        thread = threading.Thread(target=in_thread, name=name, daemon=True)
        thread.start()
        try:
            await asyncio.wait([ended])
        except asyncio.CancelledError:
            stop.set()
            self._given_up.add(thread)
            await asyncio.wait([ended])
            self._given_up.discard(thread)
            raise
        finally:
            if ended.done():
                self._ending.append(thread)
        if len(self._ending) > _MOST_ENDING:
            self._ending = [each for each in self._ending if each.is_alive()]
        return ended.result()

    def close(self) -> None:
        """Wait for the threads that have said their last word, and forget the others."""
        for thread in self._ending:
            thread.join()
        self._ending.clear()


def _settle(ended: asyncio.Future[Outcome], outcome: Outcome) -> None:
    if not ended.done():
        ended.set_result(outcome)

"""Plain functions in threads, which are kept for the next function and end with the run.

A thread cannot be stopped from outside. One whose attempt was given up runs on by itself; it is a daemon, so that it
does not keep the program from ending.
"""

from __future__ import annotations

import asyncio
import contextvars
import queue
import threading
from collections.abc import Callable
from contextlib import suppress

from altlas_runner.errors import HandlerError
from altlas_runner.execution import Outcome

__all__ = ["Threads"]

_MOST_GIVEN_UP = 64

_Work = tuple[Callable[[], Outcome], "asyncio.Future[Outcome]"]


class _Thread(threading.Thread):
    """Does one piece of work after another, until it is told to end."""

    def __init__(self, number: int) -> None:
        super().__init__(name=f"handler {number}", daemon=True)
        self.work: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()

    def run(self) -> None:
        while (given := self.work.get()) is not None:
            work, ended = given
            outcome = work()
            with suppress(RuntimeError):  # the loop is gone: nobody waits any more
                ended.get_loop().call_soon_threadsafe(_settle, ended, outcome)
            del given, work, ended, outcome  # keep nothing alive while idle


class Threads:
    """Runs functions in threads, as many as are asked for at one time; the caller's slots bound them.

    After 64 threads were given up and still run, it starts no more: such handlers would fill the memory.
    """

    def __init__(self) -> None:
        self._idle: list[_Thread] = []
        self._given_up: set[_Thread] = set()
        self._started = 0
        self._closed = False

    async def run(self, work: Callable[[], Outcome], stop: threading.Event) -> Outcome:
        """Do the work in a thread.

        When this is cancelled, `stop` is set and the thread is waited for; a second cancel gives it up.

        Args:
            work: must not raise.
            stop: how the thread is told to stop.

        Raises:
            HandlerError: too many threads that were given up still run.
        """
        thread = self._idle.pop() if self._idle else self._start()
        ended: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        context = contextvars.copy_context()
        thread.work.put((lambda: context.run(work), ended))
        try:
            await asyncio.wait([ended])
        except asyncio.CancelledError:
            stop.set()
            self._given_up.add(thread)
            await asyncio.wait([ended])
            self._given_up.discard(thread)
            raise
        finally:
            if ended.done() and not self._closed:
                self._idle.append(thread)
            else:
                thread.work.put(None)  # it ends as soon as it has done what it does
        return ended.result()

    def close(self) -> None:
        """End the threads that have nothing to do, and wait for that."""
        self._closed = True
        for thread in self._idle:
            thread.work.put(None)
        for thread in self._idle:
            thread.join()
        self._idle.clear()

    def _start(self) -> _Thread:
        self._given_up = {thread for thread in self._given_up if thread.is_alive()}
        if len(self._given_up) >= _MOST_GIVEN_UP:
            raise HandlerError(
                f"{_MOST_GIVEN_UP} threads of handlers that did not stop still run; let handlers look at "
                "context.cancelled, or run them in a process",
                error_code="HANDLER_THREADS",
            )
        self._started += 1
        thread = _Thread(self._started)
        thread.start()
        return thread


def _settle(ended: asyncio.Future[Outcome], outcome: Outcome) -> None:
    if not ended.done():
        ended.set_result(outcome)

"""The progress callback of a C program: told on a thread of its own, so that a slow one keeps no task waiting."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Self

from altlas_runner.event_json import event_to_json

if TYPE_CHECKING:
    from altlas_runner.task_manager import Event

__all__ = ["HostProgress", "HostProgressCall"]

HostProgressCall = Callable[[bytes], bool]
"""Called with each event as JSON; whether the run shall go on."""


class HostProgress:
    """An observer of a run that hands its events to the host, in order, one at a time.

    As a context manager: at the end of the block the host has heard everything, and hears nothing more.

    Args:
        call: the host's callback.
        cancel: ends the run with a reason; called on the event loop's thread.
    """

    def __init__(self, call: HostProgressCall, cancel: Callable[[str], None]) -> None:
        self._call = call
        self._cancel = cancel
        self._untold: SimpleQueue[bytes | None] = SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = Thread(target=self._tell, name="altlas_runner progress", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._untold.put(None)
        self._thread.join()

    def __call__(self, event: Event) -> None:
        """Take an event; on the event loop's thread."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        self._untold.put(event_to_json(event).encode())

    def _tell(self) -> None:
        going_on = True
        while (event_json := self._untold.get()) is not None:
            if not self._call(event_json) and going_on:
                going_on = False
                assert self._loop is not None  # it was there before the first event
                with contextlib.suppress(RuntimeError):  # the run has ended, and its loop is closed
                    self._loop.call_soon_threadsafe(self._cancel, "the host program cancelled the run")

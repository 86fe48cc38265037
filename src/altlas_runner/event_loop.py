"""The event loop of programs that have none: uvloop's where it is installed, else the one of asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

__all__ = ["run_to_end"]

T = TypeVar("T")


def run_to_end(main: Coroutine[Any, Any, T]) -> T:
    """Like `asyncio.run`, on uvloop when it can be imported: the same tasks for less CPU.

    Raises:
        RuntimeError: an event loop is running in this thread.
    """
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(main)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop

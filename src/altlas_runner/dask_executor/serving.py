"""The worker's side of every call: it runs in the worker's event loop, can be stopped, and its reply is pushed.

Dask keeps a result on the worker that made it, and runs the task again when that worker dies before somebody fetched
it. So the reply is also sent to the driver at once, as an event of its topic; what Dask keeps is the second way.

Dask does not stop what runs when its key is cancelled, or its driver is gone. A plugin of the worker sees that the key
is released and does so.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from distributed import Worker, get_worker
from distributed.diagnostics.plugin import WorkerPlugin

from altlas_runner.dask_executor.envelope import Call, MismatchError, Reply, open_call, seal_reply
from altlas_runner.handlers import HandlerHost

__all__ = ["Service", "serve"]

_NAME = "altlas_runner"
_STARTED = ("executing", "long-running")

_log = logging.getLogger("altlas_runner")

Say = Callable[[Any], None]
"""Tells the driver how a call is getting on: any JSON."""


class Service(WorkerPlugin):
    """What one worker keeps for all calls.

    Attributes:
        host: runs handlers.
        kept: what calls leave there for later ones, by name; each is closed with the worker (`aclose`).
    """

    def __init__(self) -> None:
        self.host = HandlerHost()
        self.kept: dict[str, Any] = {}
        self._running: dict[str, asyncio.Future[Any]] = {}

    def transition(self, key: Any, start: str, finish: str, **kwargs: Any) -> None:
        """Dask says that nobody wants a key any more: stop what runs for it."""
        if start in _STARTED and finish == "released" and (work := self._running.get(key)) is not None:
            work.cancel()

    async def teardown(self, worker: Worker) -> None:
        """The worker closes: leave no process behind."""
        for work in list(self._running.values()):
            work.cancel()
        for kept in self.kept.values():
            await kept.aclose()
        await self.host.aclose()

    async def run(self, key: str, work: Awaitable[Any]) -> Any:
        """Run something that `transition` can stop.

        Raises:
            CancelledError: it was stopped.
        """
        task = asyncio.ensure_future(work)
        self._running[key] = task
        try:
            return await task
        finally:
            del self._running[key]


async def serve(content: bytes, do: Callable[[Any, Service, Say], Awaitable[Any]]) -> bytes:
    """Answer a call.

    It never raises but when it is stopped: Dask would write the arguments, and what is secret in them, into its log.

    Args:
        content: what `seal_call` made.
        do: what to do with the body of the call; returns the body of the reply.

    Returns:
        What `seal_reply` made; nothing when the call was stopped.
    """
    worker = get_worker()
    call, refusal = open_call(content)
    began = time.monotonic()

    def reply(kind: Any, body: Any) -> bytes:
        return seal_reply(Reply(call.key, kind, worker.address, time.monotonic() - began, body))

    def say(body: Any) -> None:
        worker.log_event(call.topic, reply("progress", body))

    if refusal is not None:
        return _push(worker, call, reply("refused", refusal))
    service = await _service_of(worker)
    try:
        answer = reply("done", await service.run(call.key, do(call.body, service, say)))
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():  # the worker itself closes
            raise
        return b""
    except MismatchError as error:
        answer = reply("refused", str(error))
    except Exception as error:
        _log.debug("a call from a driver failed", exc_info=True)
        answer = reply("refused", f"{type(error).__name__}: {error}")
    return _push(worker, call, answer)


def _push(worker: Worker, call: Call, reply: bytes) -> bytes:
    worker.log_event(call.topic, reply)
    return reply


async def _service_of(worker: Worker) -> Service:
    """The service of this worker, made by its first call."""
    service = worker.plugins.get(_NAME)
    if service is None:
        service = Service()
        await worker.plugin_add(service, name=_NAME)
    assert isinstance(service, Service)
    return service

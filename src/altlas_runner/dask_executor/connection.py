"""The driver's side of a Dask cluster: calls go out, replies come back, and no call waits for ever.

Every call ends in one of these ways, and what comes later is dropped: its reply arrives as an event; the future of
Dask has it, should the event have been lost; its worker is gone or silent, or the scheduler is (`LostError`); the
caller does not want it any more.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import distributed
from distributed import Client

from altlas_runner.dask_executor.envelope import Call, Reply, open_reply, seal_call
from altlas_runner.dask_executor.opening import Where, address_of, open_client
from altlas_runner.dask_executor.placement import Placement
from altlas_runner.errors import AltlasRunnerError, ConfigurationError

__all__ = ["DaskConnection", "LostError", "Where"]

_log = logging.getLogger("altlas_runner")

_CLOSE_SECONDS = 3.0
_REOPEN_PAUSE_SECONDS = 0.5
_LARGEST_BATCH_BYTES = 4 << 20
_HISTORY_BYTES = 16 << 20

Function = Callable[[bytes], Awaitable[bytes]]


class LostError(AltlasRunnerError):
    """A call whose end will not be known: it may have run, wholly, in part or not at all.

    Attributes:
        code: WORKER_LOST.
        worker: the address of its worker, or None when it had none.
    """

    code = "WORKER_LOST"

    def __init__(self, reason: str, worker: str | None) -> None:
        self.worker = worker
        super().__init__(reason)


@dataclass(slots=True, eq=False)
class _Call:
    """A call that has not ended."""

    key: str
    function: Function
    content: bytes
    ended: asyncio.Future[Reply]
    on_progress: Callable[[Any], None] | None
    asked_at: float
    future: Any = None
    watching: asyncio.Task[None] | None = None


@dataclass(slots=True)
class _Heard:
    """When a worker was last heard of: at an instant here, with this time on the scheduler's clock."""

    at: float
    last_seen: float


@dataclass(slots=True)
class _Session:
    """One client, from its opening to its loss."""

    client: Client
    comm: Any
    heard: dict[str, _Heard] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Whether it is still the connection that was opened: a client opens another one by itself."""
        return self.client.status == "running" and self.client.scheduler_comm is self.comm


class DaskConnection:
    """Calls functions on the workers of a cluster, each once. Use it as an async context manager.

    When the scheduler is lost, the calls that may have begun are lost, and it is looked for at its address until the
    connection is closed.

    Args:
        where: the address of a scheduler, a client, or a cluster.
        silence_seconds: how long nothing may be heard of a worker, or of the scheduler, before it counts as lost.

    Raises:
        ConfigurationError: on entering: there is no scheduler at the address.
    """

    def __init__(self, where: Where, *, security: Any = None, silence_seconds: float = 20.0) -> None:
        self._address, self._security = address_of(where, security)
        self._silence_seconds = silence_seconds
        self._placement = Placement()
        self._calls: dict[str, _Call] = {}
        self._topic = f"altlas-runner-{uuid4().hex}"
        self._number = 0
        self._placing: asyncio.Handle | None = None
        self._history_bytes = 0
        self._session: _Session | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._background: set[asyncio.Task[Any]] = set()

    @property
    def threads(self) -> int:
        """How many calls the cluster can run at one time, as far as is known now."""
        return self._placement.threads

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        await self._open(self._silence_seconds)
        self._keeping = self._loop.create_task(self._keep())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait([self._keeping])
        self._lose(list(self._calls), "the connection was closed")
        for task in self._background:
            task.cancel()
        await self._close()

    async def call(self, function: Function, body: Any, on_progress: Callable[[Any], None] | None = None) -> Reply:
        """Have a function called on a worker, as soon as one has room. When this is cancelled, it is stopped there.

        Args:
            function: of `bytes -> bytes`, at the top level of a module: it answers with `serve`.
            body: what it is asked, any JSON.
            on_progress: told what it says before it ends.

        Raises:
            LostError: its end will not be known.
        """
        self._number += 1
        key = f"{self._topic}-{self._number:09d}"
        content = seal_call(Call(key, self._topic, body))
        call = _Call(key, function, content, self._loop.create_future(), on_progress, self._loop.time())
        self._calls[key] = call
        self._placement.add(key)
        self._place_soon()
        try:
            return await call.ended
        finally:
            self._forget(call, None)

    # -- calls -------------------------------------------------------------------------------------------------------

    def _place_soon(self) -> None:
        """Place the waiting calls when everything that happens now has happened: many go in one message."""
        if self._placing is None and self._session is not None:
            self._placing = self._loop.call_soon(self._place)

    def _place(self) -> None:
        self._placing = None
        session = self._session
        if session is None:
            return
        batches: dict[tuple[str, Function], list[_Call]] = {}
        for key, address in self._placement.place():
            call = self._calls[key]
            batches.setdefault((address, call.function), []).append(call)
        for (address, function), calls in batches.items():
            for batch in _parted(calls):
                self._submit(session, address, function, batch)

    def _submit(self, session: _Session, address: str, function: Function, calls: list[_Call]) -> None:
        futures = session.client.map(
            function,
            [call.content for call in calls],
            key=[call.key for call in calls],
            workers=[address],
            allow_other_workers=False,
            retries=0,
            priority=-self._number,  # a worker begins what it was given first
            pure=False,
        )
        for call, future in zip(calls, futures, strict=True):
            call.future = future
            call.watching = self._loop.create_task(self._watch(call, future))

    async def _watch(self, call: _Call, future: Any) -> None:
        """Wait for the future of Dask: the second way for a reply, and the only one for what goes wrong in Dask."""
        try:
            await distributed.wait([future])
            if future.status == "finished":
                content = await future
                self._end(call, open_reply(content)) if content else self._lose([call.key], "it was stopped")
            elif future.status == "error":
                error = await future.exception()
                text = f"Dask could not run it: {type(error).__name__}: {error}"
                self._end(call, Reply(call.key, "refused", self._placement.worker_of(call.key) or "", 0.0, text))
        except (asyncio.CancelledError, OSError, RuntimeError, TimeoutError) as error:
            if isinstance(error, asyncio.CancelledError) and not future.cancelled():
                raise
            self._lose([call.key], "Dask lost it")

    def _end(self, call: _Call, reply: Reply) -> None:
        """The first end counts."""
        if not call.ended.done():
            call.ended.set_result(reply)
            self._forget(call, reply.seconds)

    def _lose(self, keys: list[str], reason: str, worker: str | None = None) -> None:
        for key in keys:
            call = self._calls.get(key)
            if call is not None and not call.ended.done():
                call.ended.set_exception(LostError(reason, worker or self._placement.worker_of(key)))
                self._forget(call, None)

    def _forget(self, call: _Call, seconds: float | None) -> None:
        """Nobody waits for a call any more: Dask is told, and stops it if it still runs."""
        if self._calls.pop(call.key, None) is None:
            return
        self._placement.end(call.key, seconds)
        self._release(call)
        self._place_soon()

    def _release(self, call: _Call) -> None:
        if call.watching is not None:
            call.watching.cancel()
        if call.future is not None:
            call.future.release()
        call.watching = call.future = None

    # -- what Dask says ----------------------------------------------------------------------------------------------

    def _on_event(self, event: tuple[float, Any]) -> None:
        content = event[1]
        self._history_bytes += len(content)
        if self._history_bytes > _HISTORY_BYTES:
            self._forget_history()
        reply = open_reply(content)
        call = self._calls.get(reply.key)
        if call is None:  # it ended otherwise before
            return
        if reply.kind != "progress":
            self._end(call, reply)
        elif call.on_progress is not None:
            call.on_progress(reply.body)

    def _on_cluster_event(self, event: tuple[float, Any]) -> None:
        said = event[1]
        if said.get("action") == "remove-worker":
            self._remove_worker(said["worker"], "the worker is gone")
        elif said.get("action") == "add-worker":
            self._in_background(self._look())

    def _remove_worker(self, address: str, reason: str) -> None:
        if self._session is not None:
            self._session.heard.pop(address, None)
        given = [key for key in self._calls if self._placement.worker_of(key) == address]
        lost = self._placement.remove_worker(address)
        for key in set(given) - set(lost):  # they have not begun, and go to another worker
            self._release(self._calls[key])
        if lost:
            _log.warning("%s: %s; %d calls are lost with it", address, reason, len(lost))
        self._lose(lost, f"{address}: {reason}", address)
        self._place_soon()

    def _forget_history(self) -> None:
        """The scheduler keeps the events of a topic; nobody needs those that have been told."""
        self._history_bytes = 0
        if self._session is not None:
            self._in_background(self._session.client.run_on_scheduler(_truncate, self._topic))

    # -- the connection ----------------------------------------------------------------------------------------------

    async def _open(self, within_seconds: float) -> None:
        client = await open_client(self._address, self._security, within_seconds)
        self._session = _Session(client, client.scheduler_comm)
        client.subscribe_topic(self._topic, self._on_event)
        client.subscribe_topic("all", self._on_cluster_event)
        await self._look()

    async def _close(self) -> None:
        session, self._session = self._session, None
        if session is None:
            return
        for address in self._placement.workers:
            self._remove_worker(address, "the connection to the scheduler was lost")
        session.client.unsubscribe_topic("all")  # else the scheduler tells us that we are gone, and complains
        try:
            await asyncio.wait_for(session.client.close(), _CLOSE_SECONDS)
        except (Exception, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and _is_cancelled():
                raise
            _log.debug("the Dask client did not close in time", exc_info=True)

    async def _keep(self) -> None:
        """Look at the scheduler and its workers now and then; open another connection when this one is lost."""
        heard_at = self._loop.time()
        while True:
            await asyncio.sleep(min(1.0, self._silence_seconds / 8))
            now = self._loop.time()
            session = self._session
            if (
                session is not None
                and session.client.status == "running"
                and session.client.scheduler_comm is session.comm
            ):
                if await self._look():
                    heard_at = self._loop.time()
                if now - heard_at < self._silence_seconds:
                    self._give_up_waiting(now)
                    continue
            _log.warning("the connection to the Dask scheduler at %s was lost", self._address)
            await self._close()
            while self._session is None:
                self._give_up_waiting(self._loop.time())
                try:
                    await self._open(self._silence_seconds / 4)
                except ConfigurationError:
                    await asyncio.sleep(_REOPEN_PAUSE_SECONDS)
            heard_at = self._loop.time()

    async def _look(self) -> bool:
        """Ask the scheduler for its workers; a worker that it has not heard of for too long is lost."""
        session = self._session
        if session is None or session.client.scheduler is None:
            return False
        try:
            found = await asyncio.wait_for(session.client.scheduler.identity(n_workers=-1), self._silence_seconds / 4)
        except (OSError, TimeoutError):
            return False
        if self._session is not session:
            return False
        now = self._loop.time()
        for address in [each for each in self._placement.workers if each not in found["workers"]]:
            self._remove_worker(address, "the worker is gone")
        for address, worker in found["workers"].items():
            heard = session.heard.setdefault(address, _Heard(now, worker["last_seen"]))
            if worker["last_seen"] != heard.last_seen:
                heard.at, heard.last_seen = now, worker["last_seen"]
            if now - heard.at > self._silence_seconds:
                self._remove_worker(address, f"nothing was heard of the worker for {self._silence_seconds:g} s")
                session.heard[address] = heard  # until it is heard of again
            elif worker["status"] == "running":
                self._placement.add_worker(address, worker["nthreads"])
        self._place_soon()
        return True

    def _give_up_waiting(self, now: float) -> None:
        """Calls wait for a worker with room, but not for a cluster without workers."""
        if self._placement.workers:
            return
        waiting = [self._calls[key] for key in self._placement.waiting]
        lost = [call.key for call in waiting if now - call.asked_at > self._silence_seconds]
        self._lose(lost, f"the Dask cluster at {self._address} has no worker that can be reached")

    def _in_background(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._on_background_done)

    def _on_background_done(self, task: asyncio.Task[Any]) -> None:
        self._background.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.debug("asking the Dask scheduler failed", exc_info=task.exception())


def _truncate(topic: str, dask_scheduler: Any = None) -> None:
    """Run by the scheduler: forget the events of a topic."""
    dask_scheduler._broker.truncate(topic)


def _parted(calls: list[_Call]) -> list[list[_Call]]:
    """The calls in batches that are not too large for one message."""
    batches: list[list[_Call]] = [[]]
    size = 0
    for call in calls:
        size += len(call.content)
        if size > _LARGEST_BATCH_BYTES and batches[-1]:
            batches.append([])
            size = len(call.content)
        batches[-1].append(call)
    return batches


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0

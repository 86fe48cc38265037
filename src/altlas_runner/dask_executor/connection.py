"""The driver's side of a Dask cluster: calls go out, replies come back, and no call waits for ever.

Every call ends in one of these ways, and what comes later is dropped: its reply arrives as an event; the future of
Dask has it, should the event have been lost; its worker is gone or silent, or the scheduler is (`LostError`); the
caller does not want it any more.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from altlas_runner.dask_executor.envelope import Call, Reply, open_reply, seal_call
from altlas_runner.dask_executor.opening import Where, address_of
from altlas_runner.dask_executor.placement import Placement
from altlas_runner.dask_executor.session import CLUSTER_TOPIC, Session
from altlas_runner.errors import AltlasRunnerError

__all__ = ["DaskConnection", "LostError", "Where"]

_log = logging.getLogger("altlas_runner")

_REOPEN_PAUSE_SECONDS = 0.5
_GIVE_UP_SECONDS = 5.0
_PATIENCE = 3
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
    given_at: float = 0.0
    future: Any = None
    watching: asyncio.Task[None] | None = None


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
        self._session: Session | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._given_up: list[str] = []
        self._giving_up: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[bool] | None = None

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
        for task in (self._keeping, self._looking):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
        self._lose(list(self._calls), "the connection was closed")
        if self._giving_up is not None:
            await asyncio.wait([self._giving_up], timeout=_GIVE_UP_SECONDS)
        if self._session is not None:
            await self._session.close(at_once=False)
            self._session = None

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

    async def until_deserted(self) -> str:
        """Wait until no worker could be reached for three times as long as makes a call lost; returns the reason."""
        patience = _PATIENCE * self._silence_seconds
        seen_at = self._loop.time()
        told = False
        while (missing := self._loop.time() - seen_at) < patience:
            await asyncio.sleep(min(1.0, self._silence_seconds / 8))
            if self._placement.workers:
                seen_at, told = self._loop.time(), False
            elif missing > self._silence_seconds / 8 and not told:
                told = True
                _log.warning("%s; waiting for one for %g s", self._no_worker(), patience)
        return f"{self._no_worker()}, and had none for {patience:g} s"

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

    def _submit(self, session: Session, address: str, function: Function, calls: list[_Call]) -> None:
        contents, keys = [call.content for call in calls], [call.key for call in calls]
        futures = session.submit(function, contents, keys, address, -self._number)  # what came first is begun first
        for call, future in zip(calls, futures, strict=True):
            call.future = future
            call.given_at = self._loop.time()
            call.watching = self._loop.create_task(self._watch(call, future))

    async def _watch(self, call: _Call, future: Any) -> None:
        """Wait for the future of Dask: the second way for a reply, and the only one for what goes wrong in Dask."""
        while future.status == "pending":
            await future._state.wait()  # `distributed.wait` asks for a client that is everybody's
        try:
            if future.status == "finished":
                content = await future
                self._end(call, open_reply(content)) if content else self._lose([call.key], "it was stopped")
            elif future.status == "error":
                error = await future.exception()
                text = f"Dask could not run it: {type(error).__name__}: {error}"
                self._end(call, Reply(call.key, "refused", self._placement.worker_of(call.key) or "", 0.0, text))
            else:
                self._lose([call.key], "Dask lost it")
        except Exception as error:  # its worker is gone, the connection is broken: each raises something else
            self._lose([call.key], f"Dask lost it: {type(error).__name__}: {error}")

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
        if call.future is not None and seconds is None and self._loop.time() - call.given_at < _GIVE_UP_SECONDS:
            self._given_up.append(call.key)
            self._giving_up = self._giving_up or self._loop.create_task(self._give_up())
        self._release(call)
        self._place_soon()

    async def _give_up(self) -> None:
        """See to it that what was given up at once does not begin: the scheduler may not have known it yet."""
        while self._given_up and self._session is not None:
            keys, self._given_up = self._given_up, []
            await self._session.release_again(keys)
        self._giving_up = None

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
        if self._history_bytes > _HISTORY_BYTES and self._session is not None:
            self._history_bytes = 0
            self._session.forget_events(self._topic)
        reply = open_reply(content)
        call = self._calls.get(reply.key)
        if call is None:  # it ended otherwise before
            return
        if reply.kind != "progress":
            self._end(call, reply)
        elif call.on_progress is not None:
            call.on_progress(reply.body)

    def _on_cluster_event(self, event: tuple[float, Any]) -> None:
        said = event[1] if isinstance(event[1], dict) else {}  # anybody may say anything there
        if said.get("action") == "remove-worker":
            self._remove_worker(said["worker"], "the worker is gone")
        elif said.get("action") == "add-worker" and (self._looking is None or self._looking.done()):
            self._looking = self._loop.create_task(self._look())

    def _remove_worker(self, address: str, reason: str) -> None:
        given = [key for key in self._calls if self._placement.worker_of(key) == address]
        lost = self._placement.remove_worker(address)
        for key in set(given) - set(lost):  # they have not begun, and go to another worker
            self._release(self._calls[key])
        if lost:
            _log.warning("%s: %s; %d calls are lost with it", address, reason, len(lost))
        self._lose(lost, f"{address}: {reason}", address)
        self._place_soon()

    # -- the connection ----------------------------------------------------------------------------------------------

    async def _open(self, within_seconds: float) -> None:
        listeners = {self._topic: self._on_event, CLUSTER_TOPIC: self._on_cluster_event}
        self._session = await Session.open(self._address, self._security, within_seconds, listeners)
        await self._look()

    async def _keep(self) -> None:
        """Look at the scheduler and its workers now and then; open another connection when this one is lost."""
        heard_at = self._loop.time()
        while True:
            await asyncio.sleep(min(1.0, self._silence_seconds / 8))
            if self._session is not None and self._session.is_open:
                if await self._look():
                    heard_at = self._loop.time()
                if self._loop.time() - heard_at < self._silence_seconds:
                    self._give_up_waiting()
                    continue
            await self._open_again()
            heard_at = self._loop.time()

    async def _open_again(self) -> None:
        _log.warning("the connection to the Dask scheduler at %s was lost", self._address)
        session, self._session = self._session, None
        for address in self._placement.workers:
            self._remove_worker(address, "the connection to the scheduler was lost")
        if session is not None:
            await session.close(at_once=True)
        while self._session is None:
            self._give_up_waiting()
            try:
                await self._open(self._silence_seconds / 4)
            except Exception:  # whatever is wrong there: as long as somebody looks, no call waits for ever
                _log.debug("no way to the Dask scheduler yet", exc_info=True)
                await asyncio.sleep(_REOPEN_PAUSE_SECONDS)

    async def _look(self) -> bool:
        """Ask the scheduler for its workers; a worker that it has not heard of for too long is lost."""
        session = self._session
        seen = None if session is None else await session.workers(self._silence_seconds / 4)
        if seen is None or self._session is not session:
            return False
        for address in [each for each in self._placement.workers if each not in seen]:
            self._remove_worker(address, "the worker is gone")
        for address, worker in seen.items():
            if worker.silent_seconds > self._silence_seconds:
                self._remove_worker(address, f"nothing was heard of the worker for {self._silence_seconds:g} s")
            else:
                self._placement.set_worker(address, worker.threads, takes_calls=worker.is_running)
        self._place_soon()
        return True

    def _give_up_waiting(self) -> None:
        """Calls wait for a worker with room, but not for a cluster without workers."""
        if self._placement.workers:
            return
        now = self._loop.time()
        waiting = [self._calls[key] for key in self._placement.waiting]
        lost = [call.key for call in waiting if now - call.asked_at > self._silence_seconds]
        self._lose(lost, self._no_worker())

    def _no_worker(self) -> str:
        return f"the Dask cluster at {self._address} has no worker that can be reached"


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

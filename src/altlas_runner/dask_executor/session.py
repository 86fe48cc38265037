"""One Dask client, from its opening to its loss: what is asked of the cluster, and what it says by itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from distributed import Client
from distributed.security import Security

from altlas_runner.dask_executor.opening import open_client

__all__ = ["CLUSTER_TOPIC", "Seen", "Session"]

CLUSTER_TOPIC = "all"
"""Where the scheduler says which workers come and go."""

_CLOSE_SECONDS = 3.0
_BATCH_SECONDS = 0.05
"""Longer than Dask gathers messages before it sends them."""

_log = logging.getLogger("altlas_runner")


@dataclass(frozen=True, slots=True)
class Seen:
    """A worker, as the scheduler sees it.

    Attributes:
        threads: how many calls it runs at one time.
        is_running: whether it takes calls; else it is paused, or about to leave.
        silent_seconds: how long the scheduler has not heard of it.
    """

    threads: int
    is_running: bool
    silent_seconds: float


class Session:
    """An open client. Made by `open`.

    Args:
        client: open, on the running event loop.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._comm = client.scheduler_comm
        self._heard: dict[str, tuple[float, float]] = {}
        self._background: set[asyncio.Task[Any]] = set()

    @classmethod
    async def open(
        cls,
        address: str,
        security: Security | None,
        within_seconds: float,
        listeners: Mapping[str, Callable[[tuple[float, Any]], None]],
    ) -> Session:
        """Open a client and listen to topics.

        Raises:
            ConfigurationError: there is no scheduler at the address, or it does not let us in.
        """
        client = await open_client(address, security, within_seconds)
        for topic, listener in listeners.items():
            client.subscribe_topic(topic, listener)
        return cls(client)

    @property
    def is_open(self) -> bool:
        """Whether the connection is still the one that was opened: a client opens another one by itself."""
        return self._client.status == "running" and self._client.scheduler_comm is self._comm

    async def workers(self, within_seconds: float) -> dict[str, Seen] | None:
        """The workers by their addresses; None when the scheduler does not answer in time."""
        if self._client.scheduler is None:
            return None
        try:
            found = await asyncio.wait_for(self._client.scheduler.identity(n_workers=-1), within_seconds)
        except Exception:  # each kind of broken connection raises something else
            _log.debug("the Dask scheduler does not answer", exc_info=True)
            return None
        now = asyncio.get_running_loop().time()
        seen = {}
        for address, worker in found["workers"].items():
            at, stamp = self._heard.get(address, (now, None))
            if worker["last_seen"] != stamp:  # on the clock of the scheduler, which need not be ours
                at = now
            self._heard[address] = at, worker["last_seen"]
            seen[address] = Seen(worker["nthreads"], worker["status"] == "running", now - at)
        return seen

    def submit(
        self, function: Callable[..., Any], contents: Sequence[bytes], keys: Sequence[str], address: str, priority: int
    ) -> list[Any]:
        """Have a worker, and no other, call the function with each content; returns the futures of Dask."""
        futures: list[Any] = self._client.map(
            function,
            list(contents),
            key=list(keys),
            workers=[address],
            allow_other_workers=False,
            retries=0,
            priority=priority,
            pure=False,
        )
        return futures

    async def release_again(self, keys: Sequence[str]) -> None:
        """Release keys once more when the scheduler surely knows them: a release that overtakes its key is lost."""
        with suppress(Exception):  # each kind of broken connection raises something else
            async with asyncio.timeout(_CLOSE_SECONDS):
                await asyncio.sleep(_BATCH_SECONDS)
                await self._client.run_on_scheduler(_until_settled)
            self._client._send_to_scheduler(
                {"op": "client-releases-keys", "keys": list(keys), "client": self._client.id}
            )

    def forget_events(self, topic: str) -> None:
        """Have the scheduler forget the events of a topic, which it keeps for whoever asks later."""
        task = asyncio.ensure_future(self._client.run_on_scheduler(_truncate, topic))
        self._background.add(task)
        task.add_done_callback(self._on_background_done)

    async def close(self, *, at_once: bool) -> None:
        """Close the client within a few seconds.

        Args:
            at_once: the scheduler may not answer any more: do not wait for it.
        """
        for task in self._background:
            task.cancel()
        with _untold(), suppress(Exception):  # each kind of broken connection raises something else
            async with asyncio.timeout(_CLOSE_SECONDS):
                if not at_once:  # else the scheduler tells us that we are gone, and complains that it cannot
                    self._client.unsubscribe_topic(CLUSTER_TOPIC)
                await self._client._close(fast=at_once)
        self._client.status = "closed"  # also where it did not: it would try once more, when nobody can wait for it

    def _on_background_done(self, task: asyncio.Task[Any]) -> None:
        self._background.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.debug("asking the Dask scheduler failed", exc_info=task.exception())


@contextmanager
def _untold() -> Iterator[None]:
    """The block during which Dask's client logs nothing: that we end its look for a scheduler is no error."""

    def is_told(record: logging.LogRecord) -> bool:
        return False

    logger = logging.getLogger("distributed.client")
    logger.addFilter(is_told)
    try:
        yield
    finally:
        logger.removeFilter(is_told)


def _truncate(topic: str, dask_scheduler: Any = None) -> None:
    """Run by the scheduler: forget the events of a topic."""
    dask_scheduler._broker.truncate(topic)


async def _until_settled(dask_scheduler: Any = None) -> None:
    """Run by the scheduler: wait until it knows everything that it was sent."""
    while getattr(dask_scheduler, "_active_graph_updates", 0):  # noqa: ASYNC110  it is a number of Dask's
        await asyncio.sleep(_BATCH_SECONDS / 5)

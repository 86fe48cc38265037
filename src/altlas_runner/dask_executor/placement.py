"""Which call goes to which worker, and what a lost worker means for its calls. Pure.

The driver chooses the worker of every call itself and never lets Dask choose another one: a task that kills its worker
would be handed from one to the next. A worker is given as many calls as it has threads, and as many more as it takes to
keep it busy while word of an ended one travels to the driver and the next one back.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from math import ceil

__all__ = ["Placement"]

_TRAVEL_SECONDS = 0.05
_MOST_AHEAD = 64
_WEIGHT = 0.05


@dataclass(slots=True)
class _Worker:
    """One worker.

    Attributes:
        threads: how many calls it runs at one time.
        takes_calls: whether it is given more.
        calls: those that it was given and that have not ended, in the order in which it begins them.
    """

    threads: int
    takes_calls: bool
    calls: dict[str, None] = field(default_factory=dict)


class Placement:
    """Calls on their way to workers. They are known by their keys, workers by their addresses."""

    def __init__(self) -> None:
        self._workers: dict[str, _Worker] = {}
        self._waiting: deque[str] = deque()
        self._worker_of: dict[str, str] = {}
        self._mean_seconds: float | None = None

    @property
    def workers(self) -> list[str]:
        """The addresses of the workers."""
        return list(self._workers)

    @property
    def threads(self) -> int:
        """How many calls can run at one time."""
        return sum(worker.threads for worker in self._workers.values())

    @property
    def waiting(self) -> list[str]:
        """The calls that no worker has room for."""
        return list(self._waiting)

    def set_worker(self, address: str, threads: int, *, takes_calls: bool = True) -> None:
        """A worker came, or is another than before.

        Args:
            address: of the worker.
            threads: how many calls it runs at one time.
            takes_calls: False for one that is paused or about to leave: it keeps what it has.
        """
        worker = self._workers.setdefault(address, _Worker(threads, takes_calls))
        worker.threads, worker.takes_calls = threads, takes_calls

    def remove_worker(self, address: str) -> list[str]:
        """A worker is gone. Returns the calls that may have begun there, which are lost.

        A worker begins its calls in the order in which it was given them, and as many at one time as it has threads. So
        all others have not begun: they go to the front of those that wait.
        """
        worker = self._workers.pop(address, None)
        if worker is None:
            return []
        calls = list(worker.calls)
        for key in calls:
            del self._worker_of[key]
        self._waiting.extendleft(reversed(calls[worker.threads :]))
        return calls[: worker.threads]

    def add(self, key: str) -> None:
        """A call waits for a worker."""
        self._waiting.append(key)

    def end(self, key: str, seconds: float | None = None) -> None:
        """A call has ended, or is not wanted any more.

        Args:
            key: of the call.
            seconds: how long it ran, if it did.
        """
        address = self._worker_of.pop(key, None)
        if address is not None:
            del self._workers[address].calls[key]
        elif key in self._waiting:
            self._waiting.remove(key)
        if seconds is not None:
            mean = self._mean_seconds
            self._mean_seconds = seconds if mean is None else mean + _WEIGHT * (seconds - mean)

    def place(self) -> list[tuple[str, str]]:
        """Give workers as many of the waiting calls as they have room for; the least busy first.

        Returns:
            The calls and the addresses of their workers, each worker's in the order in which it must begin them.
        """
        placed = []
        while self._waiting:
            free = [(len(worker.calls) / worker.threads, address) for address, worker in self._with_room()]
            if not free:
                break
            address = min(free)[1]
            key = self._waiting.popleft()
            self._workers[address].calls[key] = None
            self._worker_of[key] = address
            placed.append((key, address))
        return placed

    def worker_of(self, key: str) -> str | None:
        """The address of the worker that a call was given to."""
        return self._worker_of.get(key)

    def _with_room(self) -> list[tuple[str, _Worker]]:
        return [
            (address, worker)
            for address, worker in self._workers.items()
            if worker.takes_calls and len(worker.calls) < worker.threads + self._ahead(worker.threads)
        ]

    def _ahead(self, threads: int) -> int:
        """How many calls a worker has beyond its threads: none as long as nobody knows how long they take."""
        if self._mean_seconds is None:
            return 0
        if self._mean_seconds * _MOST_AHEAD <= threads * _TRAVEL_SECONDS:
            return _MOST_AHEAD
        return min(_MOST_AHEAD, ceil(threads * _TRAVEL_SECONDS / self._mean_seconds - 0.5))

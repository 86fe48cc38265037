"""The shape of a run before it runs: order, waves, the longest chain, the critical path, how much can go on at once.

Pure, and in time proportional to tasks and dependencies, but for sorting.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any

from altlas_runner.alt_file.graph import TaskGraph
from altlas_runner.alt_file.models import AltFile, Priority

__all__ = ["Estimate", "RunShape", "estimate_run", "shape_of", "starting_order", "stated_seconds"]

_MOST_SECONDS = 1e12
_RANKS = {priority: rank for rank, priority in enumerate(reversed(Priority))}


@dataclass(frozen=True, slots=True)
class RunShape:
    """What follows from the dependencies and priorities alone. A task is its index in the file.

    Attributes:
        order: the tasks in the order in which they start when one runs at a time.
        waves: the tasks by the length of the longest chain before them, each wave in starting order. The largest wave
            is also the most that runs at once when every task takes the same time and nothing limits the number.
        longest_chain: most tasks of which each waits for the one before; the critical path by number of tasks.
        dependency_count: how many edges there are.
    """

    order: list[int]
    waves: list[list[int]]
    longest_chain: list[int]
    dependency_count: int

    @property
    def largest_wave(self) -> int:
        """The number of tasks in the largest wave."""
        return max(map(len, self.waves), default=0)


@dataclass(frozen=True, slots=True)
class Estimate:
    """How long a run takes when every task starts the moment its dependencies have completed.

    Attributes:
        critical_path: the chain that takes longest.
        critical_seconds: how long it takes; no run is shorter, whatever runs at once.
        total_seconds: all tasks one after the other.
        most_at_once: the greatest number of tasks that run at one instant.
        known: how many tasks have an estimate; the others count as 0 s.
    """

    critical_path: list[int]
    critical_seconds: float
    total_seconds: float
    most_at_once: int
    known: int


def starting_order(alt_file: AltFile, graph: TaskGraph | None = None) -> list[int]:
    """The tasks by priority (their own, else the file's, else medium), then by their place in the file.

    Args:
        alt_file: a valid file.
        graph: given, equals in priority are ordered by the longest chain of tasks that begins with them, the longest
            first: in seconds where `parameters.runtime_seconds` says any, else by the number of tasks.
    """
    default = alt_file.priority or Priority.MEDIUM
    ranks = [_RANKS[task.priority or default] for task in alt_file.tasks]
    if graph is None:
        return sorted(range(len(ranks)), key=ranks.__getitem__)
    ahead = _seconds_ahead(graph, stated_seconds(alt_file))
    return sorted(range(len(ranks)), key=lambda task: (ranks[task], -ahead[task]))


def _seconds_ahead(graph: TaskGraph, seconds: Sequence[float | None]) -> list[float]:
    """For each task how long the longest chain takes that begins with it; a task of unknown length takes their mean."""
    known = [each for each in seconds if each is not None]
    mean = math.fsum(known) / len(known) if any(known) else 1.0
    ahead = [mean if each is None else each for each in seconds]
    for task in reversed(graph.order):
        ahead[task] += max((ahead[dependent] for dependent in graph.dependents[task]), default=0.0)
    return ahead


def shape_of(alt_file: AltFile, graph: TaskGraph) -> RunShape:
    """The shape of a valid file.

    Args:
        alt_file: gives the priorities.
        graph: its graph.
    """
    by_place = starting_order(alt_file)
    wave_of = [0] * len(by_place)
    for task in graph.order:
        wave_of[task] = max((wave_of[dependency] + 1 for dependency in graph.dependencies[task]), default=0)
    waves: list[list[int]] = [[] for _ in range(max(wave_of, default=-1) + 1)]
    for task in by_place:
        waves[wave_of[task]].append(task)
    chain = _times(graph, [1.0] * len(by_place)).longest_chain()
    return RunShape(_one_by_one(graph, by_place), waves, chain, sum(map(len, graph.dependencies)))


def stated_seconds(alt_file: AltFile) -> list[float | None]:
    """For every task the seconds in its `parameters.runtime_seconds`, or None where there is no sensible number."""
    return [_as_seconds((task.parameters or {}).get("runtime_seconds")) for task in alt_file.tasks]


def estimate_run(graph: TaskGraph, seconds: Sequence[float | None]) -> Estimate | None:
    """What a run takes when its tasks take so long; None when nothing is known.

    Args:
        graph: of a valid file.
        seconds: of each task, finite and 0 or more; None where it is not known.
    """
    known = sum(each is not None for each in seconds)
    lengths = [each or 0.0 for each in seconds]
    if not any(lengths):
        return None
    times = _times(graph, lengths)
    return Estimate(times.longest_chain(), max(times.ends), math.fsum(lengths), times.most_at_once(), known)


def _as_seconds(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 <= value <= _MOST_SECONDS else None


def _one_by_one(graph: TaskGraph, by_place: Sequence[int]) -> list[int]:
    place = [0] * len(by_place)
    for where, task in enumerate(by_place):
        place[task] = where
    missing = graph.dependency_counts
    ready = [place[task] for task in by_place if not missing[task]]  # sorted, so a heap
    order = []
    while ready:
        task = by_place[heappop(ready)]
        order.append(task)
        for dependent in graph.dependents[task]:
            missing[dependent] -= 1
            if not missing[dependent]:
                heappush(ready, place[dependent])
    return order


@dataclass(frozen=True, slots=True)
class _Times:
    """When each task runs if it starts the moment its dependencies have completed, and whom it waited for last."""

    starts: list[float]
    ends: list[float]
    waited_for: list[int | None]

    def longest_chain(self) -> list[int]:
        """The chain that ends last; of equals the first in the file."""
        task = max(range(len(self.ends)), key=lambda task: (self.ends[task], -task), default=None)
        chain = []
        while task is not None:
            chain.append(task)
            task = self.waited_for[task]
        chain.reverse()
        return chain

    def most_at_once(self) -> int:
        """Who ends at an instant makes room for who starts at it; who takes no time needs none."""
        lasting = [(start, end) for start, end in zip(self.starts, self.ends, strict=True) if end > start]
        changes = sorted([(start, 1) for start, _ in lasting] + [(end, -1) for _, end in lasting])
        most = running = 0
        for _, change in changes:
            running += change
            most = max(most, running)
        return most


def _times(graph: TaskGraph, lengths: Sequence[float]) -> _Times:
    starts = [0.0] * len(lengths)
    ends = list(lengths)
    waited_for: list[int | None] = [None] * len(lengths)
    for task in graph.order:
        row = graph.dependencies[task]
        if row:
            last = max(row, key=lambda dependency: (ends[dependency], -dependency))
            waited_for[task] = last
            starts[task] = ends[last]
            ends[task] += ends[last]
    return _Times(starts, ends, waited_for)

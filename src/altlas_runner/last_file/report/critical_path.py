"""The critical path: which chain of tasks decided how long the run took, and how much room the others had."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from altlas_runner.last_file.graph import RunGraph

__all__ = ["CriticalPath", "critical_path_of"]


@dataclass(frozen=True, slots=True)
class CriticalPath:
    """The longest chain of tasks by their durations; with slots for everybody the run could not have been shorter.

    Attributes:
        tasks: the chain, in order.
        length_ms: the sum of their durations.
        slack: of each task of the run how much longer it could have taken without making the longest chain longer.
    """

    tasks: list[int]
    length_ms: int
    slack: list[int]


def critical_path_of(graph: RunGraph, order: Sequence[int], durations: Sequence[int]) -> CriticalPath:
    """Find the critical path; dependencies that close a cycle do not count.

    Args:
        graph: of the run.
        order: its tasks with dependencies first.
        durations: of each task in milliseconds; 0 when it did not run.
    """
    count = len(durations)
    rank = [0] * count
    for position, task in enumerate(order):
        rank[task] = position
    finish, before = [0] * count, [-1] * count
    for task in order:
        start = 0
        for dependency in graph.dependencies[task]:
            if rank[dependency] < rank[task] and (finish[dependency] > start or before[task] < 0):
                start, before[task] = finish[dependency], dependency
        finish[task] = start + durations[task]
    length = max(finish, default=0)
    latest = [length] * count
    for task in reversed(order):
        start = latest[task] - durations[task]
        for dependency in graph.dependencies[task]:
            if rank[dependency] < rank[task] and start < latest[dependency]:
                latest[dependency] = start
    path = []
    task = finish.index(length) if length else -1
    while task >= 0:
        if durations[task]:
            path.append(task)
        task = before[task]
    slack = [late - early for late, early in zip(latest, finish, strict=True)]
    return CriticalPath(path[::-1], length, slack)

"""Which tasks wait for each other? Knots of them, and one circle to show for each knot.

A task is its index in the file. Everything here takes time in proportion to tasks and edges and never recurses.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence

__all__ = ["circles", "knots"]


def circles(dependencies: Mapping[int, Sequence[int]]) -> list[list[int]]:
    """One circle for every knot of tasks that wait for each other, in the order of the file.

    A circle is a shortest one through the first task of its knot. It starts there, each task depends on the one after
    it, and the last depends on the first. That a task depends on itself is not looked at.

    Example:
        >>> circles({0: [1], 1: [2, 0], 2: [0], 3: [0]})
        [[0, 1]]
    """
    return sorted(_circle_through(min(knot), set(knot), dependencies) for knot in knots(dependencies))


def _circle_through(start: int, knot: set[int], dependencies: Mapping[int, Sequence[int]]) -> list[int]:
    """A shortest walk along dependencies, within the knot, from `start` back to it."""
    came_from: dict[int, int] = {}
    waiting = deque([start])
    while start not in came_from:
        task = waiting.popleft()
        for dependency in dependencies[task]:
            if dependency in knot and dependency not in came_from and dependency != task:
                came_from[dependency] = task
                waiting.append(dependency)
    circle = [came_from[start]]
    while circle[-1] != start:
        circle.append(came_from[circle[-1]])
    circle.reverse()
    return circle


def knots(dependencies: Mapping[int, Sequence[int]]) -> list[list[int]]:
    """The strongly connected components of two or more tasks (Tarjan, SIAM J. Comput. 1972, without recursion).

    Dependencies that are no keys are passed over, so one may ask about those tasks only that cannot run.
    """
    low: dict[int, int] = {}  # the number of the earliest task reachable; 0 when already in a knot
    found: list[list[int]] = []
    path: list[int] = []
    for root in dependencies:
        if root in low:
            continue
        numbered = low[root] = 1
        path.append(root)
        walk: list[tuple[int, int, Iterator[int]]] = [(root, 1, iter(dependencies[root]))]
        while walk:
            task, number, rest = walk[-1]
            for dependency in rest:
                reached = low.get(dependency)
                if reached is None:
                    row = dependencies.get(dependency)
                    if row is not None:
                        numbered += 1
                        low[dependency] = numbered
                        path.append(dependency)
                        walk.append((dependency, numbered, iter(row)))
                        break
                elif 0 < reached < low[task]:
                    low[task] = reached
            else:
                walk.pop()
                if low[task] < number:
                    above = walk[-1][0]
                    low[above] = min(low[above], low[task])
                    continue
                knot: list[int] = []
                while not knot or knot[-1] != task:
                    knot.append(path.pop())
                    low[knot[-1]] = 0
                if len(knot) > 1:
                    found.append(knot)
    return found

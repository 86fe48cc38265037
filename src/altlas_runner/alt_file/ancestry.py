"""Does one task depend on another, be it through others? Asked for many pairs at once.

Each target gets a bit, and the bits travel from task to task along the order of the graph, only as far as somebody asks
for them. So many questions about one task cost one walk, and questions about near tasks cost short walks.
"""

from __future__ import annotations

from collections.abc import Iterable

from altlas_runner.alt_file.circles import knots
from altlas_runner.alt_file.graph import TaskGraph

__all__ = ["independent_pairs"]

_TARGETS_A_WALK = 2048  # 256 bytes a task while a walk lasts


def independent_pairs(graph: TaskGraph, pairs: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
    """Those of the pairs (task, other task) where the first does not depend on the second in any way.

    In a circle every task depends on every other. At worst it takes a walk through the graph for every 2,048 different
    others.

    Example:
        >>> graph = TaskGraph.from_names(["a", "b", "c"], [None, ["a"], ["b"]])
        >>> independent_pairs(graph, [(2, 0), (0, 2)])
        {(0, 2)}
    """
    far = {(task, other) for task, other in pairs if other not in graph.dependencies[task]}
    if not far:
        return far
    home, graph = _circles_as_one(graph)
    order = graph.order
    place = [0] * len(order)
    for where, index in enumerate(order):
        place[index] = where
    asking: dict[int, list[tuple[int, int]]] = {}  # by the place of the other task
    independent = set()
    for pair in far:
        task, other = home[pair[0]], home[pair[1]]
        if place[other] < place[task]:
            asking.setdefault(place[other], []).append(pair)
        elif task != other:
            independent.add(pair)
    targets = sorted(asking)
    for start in range(0, len(targets), _TARGETS_A_WALK):
        bit_of = {order[target]: 1 << bit for bit, target in enumerate(targets[start : start + _TARGETS_A_WALK])}
        questions: dict[int, list[tuple[int, int]]] = {}
        for target in targets[start : start + _TARGETS_A_WALK]:
            for pair in asking[target]:
                questions.setdefault(place[home[pair[0]]], []).append(pair)
        reached: dict[int, int] = {}
        for where in range(targets[start], max(questions) + 1):
            index = order[where]
            bits = bit_of.get(index, 0)
            for dependency in graph.dependencies[index]:
                bits |= reached.get(dependency, 0)
            if bits:
                reached[index] = bits
            if where in questions:
                independent.update(pair for pair in questions[where] if not bits & bit_of[home[pair[1]]])
    return independent


def _circles_as_one(graph: TaskGraph) -> tuple[list[int], TaskGraph]:
    """For each task the one that stands for it, and a graph without circles: one task stands for all of its knot."""
    home = list(range(len(graph.dependencies)))
    if len(graph.order) == len(home):
        return home, graph
    rows = list(graph.dependencies)
    entangled = set(home).difference(graph.order)
    for knot in knots({index: graph.dependencies[index] for index in entangled}):
        for index in knot:
            home[index] = knot[0]
        rows[knot[0]] = tuple({dependency for index in knot for dependency in graph.dependencies[index]})
        for index in knot[1:]:
            rows[index] = ()
    rows = [
        tuple({home[dependency] for dependency in row if home[dependency] != index}) for index, row in enumerate(rows)
    ]
    return home, TaskGraph(graph.ids, graph.index_of, rows, in_file_order=False)

"""The graph of a file: edges, orders, circles."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altlas_runner.alt_file.circles import circles
from altlas_runner.alt_file.graph import TaskGraph, add_late
from altlas_runner.alt_file.models import AltFile, Task

Edges = list[list[int]]


@st.composite
def edge_lists(draw: st.DrawFn) -> Edges:
    size = draw(st.integers(0, 8))
    targets = st.integers(0, size)  # one past the end: a dependency that is not in the file
    return [draw(st.lists(targets, max_size=4)) for _ in range(size)]


def graph_of(edges: Edges) -> TaskGraph:
    return TaskGraph.from_names([f"t{i}" for i in range(len(edges))], [[f"t{j}" for j in row] for row in edges])


def reachable(edges: Edges, start: int) -> set[int]:
    """Everything that a task waits for, directly or not; slow and obvious."""
    found: set[int] = set()
    todo = list(edges[start])
    while todo:
        index = todo.pop()
        if index < len(edges) and index not in found:
            found.add(index)
            todo.extend(edges[index])
    return found


def test_a_file_becomes_a_graph_on_indices() -> None:
    alt_file = AltFile(
        id="f",
        title="t",
        tasks=[
            Task(id="a", description="d"),
            Task(id="b", description="d", dependencies=["a", "a"]),
            Task(id="c", description="d", dependencies=["b", "a", "nowhere", "c"]),
        ],
    )
    graph = TaskGraph.from_alt_file(alt_file)
    assert graph.index_of == {"a": 0, "b": 1, "c": 2}
    assert graph.dependencies == [(), (0,), (1, 0)]
    assert graph.dependents == [[1, 2], [2], []]
    assert graph.dependency_counts == [0, 1, 2]
    assert graph.in_file_order


def test_of_two_tasks_with_one_id_the_first_is_meant() -> None:
    graph = TaskGraph.from_names(["a", "b", "a"], [None, ["a"], ["b"]])
    assert graph.index_of == {"a": 0, "b": 1}
    assert graph.dependencies == [(), (0,), (1,)]


@given(edge_lists())
def test_edges_are_those_that_exist_once_each(edges: Edges) -> None:
    graph = graph_of(edges)
    for index, row in enumerate(edges):
        assert sorted(graph.dependencies[index]) == sorted({j for j in row if j < len(edges) and j != index})
    assert sorted((j, i) for i, row in enumerate(graph.dependencies) for j in row) == sorted(
        (i, j) for i, row in enumerate(graph.dependents) for j in row
    )


@given(edge_lists())
def test_the_order_holds_every_task_that_waits_for_no_circle(edges: Edges) -> None:
    edges = [[j for j in row if j != i] for i, row in enumerate(edges)]
    graph = graph_of(edges)
    order = graph.order
    in_circles = {i for i in range(len(edges)) if i in reachable(edges, i)}
    blocked = in_circles | {i for i in range(len(edges)) if in_circles & reachable(edges, i)}
    assert set(order) == set(range(len(edges))) - blocked
    assert len(order) == len(set(order))
    place = {index: at for at, index in enumerate(order)}
    assert all(place[j] < place[i] for i in order for j in graph.dependencies[i])


@given(edge_lists())
def test_each_knot_of_tasks_gives_one_true_circle(edges: Edges) -> None:
    edges = [[j for j in row if j != i] for i, row in enumerate(edges)]
    cycles = circles(dict(enumerate(edges)))
    waits_for = [reachable(edges, i) for i in range(len(edges))]
    knots = {frozenset(j for j in waits_for[i] if i in waits_for[j]) for i in range(len(edges)) if i in waits_for[i]}
    assert len(cycles) == len(knots)
    assert cycles == sorted(cycles)
    for cycle in cycles:
        assert cycle[0] == min(next(knot for knot in knots if cycle[0] in knot))
        assert len(set(cycle)) == len(cycle) >= 2
        assert all(b in edges[a] for a, b in zip(cycle, cycle[1:] + cycle[:1], strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("closed", [False, True])
def test_a_long_chain_needs_no_recursion(closed: bool) -> None:
    size = 100_000
    edges = [[i + 1] for i in range(size - 1)] + [[0] if closed else []]
    graph = graph_of(edges)
    assert len(graph.order) == (0 if closed else size)
    assert circles(dict(enumerate(edges))) == ([list(range(size))] if closed else [])


@given(edge_lists())
def test_late_tasks_are_done_unless_they_wait_for_what_never_runs(edges: Edges) -> None:
    """The quick answer that a parse relies on is the one that the slow, obvious look gives."""
    size = len(edges)
    needed = [reachable(edges, index) for index in range(size)]
    sound = {
        index
        for index in range(size)
        if all(size not in edges[task] and task not in needed[task] for task in needed[index] | {index})
    }
    done: set[str] = set()
    add_late(done, [(f"t{index}", [f"t{target}" for target in row]) for index, row in enumerate(edges)])
    assert done == {f"t{index}" for index in sound}


def test_tasks_with_one_id_are_done_once() -> None:
    """Which of the two a dependency means would be a guess, so a file with them has fewer done ids than tasks."""
    done: set[str] = set()
    add_late(done, [("a", []), ("a", ["a"])])
    assert done == {"a"}

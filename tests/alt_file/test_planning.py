"""The shape of a run: its order, waves, longest chain, critical path, and how much goes on at once."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altlas_runner import AltFile, TaskManager, validate_execution_sequence
from altlas_runner.alt_file import TaskGraph
from altlas_runner.alt_file.planning import Estimate, RunShape, estimate_run, shape_of, starting_order, stated_seconds
from altlas_runner.testing import FakeExecutor, alt_file_of, run_in_virtual_time

DIAMOND: tuple[dict[str, Any], ...] = (
    {"id": "join", "dependencies": ["left", "right"]},
    {"id": "left", "dependencies": ["top"]},
    {"id": "right", "dependencies": ["middle"], "priority": "high"},
    {"id": "middle", "dependencies": ["top"]},
    {"id": "top"},
)


def shape(file: AltFile) -> RunShape:
    return shape_of(file, TaskGraph.from_alt_file(file))


def estimate(file: AltFile, seconds: list[float | None]) -> Estimate:
    found = estimate_run(TaskGraph.from_alt_file(file), seconds)
    assert found is not None
    return found


def test_the_shape_of_a_diamond() -> None:
    found = shape(alt_file_of(*DIAMOND))
    assert found.order == [4, 1, 3, 2, 0]
    assert found.waves == [[4], [1, 3], [2], [0]]
    assert found.longest_chain == [4, 3, 2, 0]
    assert (found.largest_wave, found.dependency_count) == (2, 5)


def test_a_file_without_tasks_has_no_shape() -> None:
    found = shape(alt_file_of())
    assert (found.order, found.waves, found.longest_chain, found.largest_wave) == ([], [], [], 0)
    assert estimate_run(TaskGraph.from_alt_file(alt_file_of()), []) is None


def test_higher_priorities_start_first_and_then_the_order_of_the_file() -> None:
    file = alt_file_of(
        {"id": "a", "priority": "low"}, {"id": "b"}, {"id": "c", "priority": "critical"}, {"id": "d"}, priority="high"
    )
    assert starting_order(file) == [2, 1, 3, 0]
    assert shape(file).waves == [[2, 1, 3, 0]]


def test_the_critical_path_is_the_chain_that_takes_longest() -> None:
    file = alt_file_of(*DIAMOND)
    found = estimate(file, [1.0, 10.0, 2.0, 3.0, 4.0])
    assert found.critical_path == [4, 1, 0]
    assert (found.critical_seconds, found.total_seconds, found.most_at_once, found.known) == (15.0, 20.0, 2, 5)


def test_of_equal_chains_the_first_in_the_file_is_named() -> None:
    file = alt_file_of(
        {"id": "a"}, {"id": "b"}, {"id": "c", "dependencies": ["b", "a"]}, {"id": "d", "dependencies": ["b"]}
    )
    assert shape(file).longest_chain == [0, 2]


def test_what_is_not_known_takes_no_time() -> None:
    found = estimate(alt_file_of(*DIAMOND), [None, None, None, 3.0, None])
    assert (found.critical_seconds, found.known, found.most_at_once) == (3.0, 1, 1)
    assert 3 in found.critical_path


def test_who_ends_makes_room_for_who_starts() -> None:
    file = alt_file_of({"id": "a"}, {"id": "b", "dependencies": ["a"]}, {"id": "c", "dependencies": ["b"]}, {"id": "d"})
    assert estimate(file, [0.1, 0.2, 0.3, 0.7]).most_at_once == 2


def test_times_stated_in_the_file_are_sensible_numbers_only() -> None:
    stated = [1, 2.5, 0, -1, True, "3", math.inf, math.nan, 10**400, None]
    file = alt_file_of(
        {"id": "none"}, *({"id": str(i), "parameters": {"runtime_seconds": s}} for i, s in enumerate(stated))
    )
    assert stated_seconds(file) == [None, 1.0, 2.5, 0.0, *[None] * 7]


@pytest.mark.slow
@pytest.mark.parametrize("count", [100_000])
def test_a_long_chain_is_as_good_as_any(count: int) -> None:
    graph = TaskGraph.from_names(list(map(str, range(count))), [[str(i - 1)] if i else None for i in range(count)])
    found = estimate_run(graph, [1.0] * count)
    assert found is not None
    assert (found.critical_seconds, found.most_at_once) == (float(count), 1)


@st.composite
def files(draw: st.DrawFn) -> AltFile:
    size = draw(st.integers(1, 8))
    tasks: list[dict[str, Any]] = []
    for index in range(size):
        found = draw(st.lists(st.integers(0, index - 1), max_size=3, unique=True)) if index else []
        priority = draw(st.sampled_from(["low", "medium", "high", "critical", None]))
        tasks.append({"id": f"t{index}", "dependencies": [f"t{i}" for i in found], "priority": priority})
    return alt_file_of(*draw(st.permutations(tasks)))


@given(files())
def test_the_shape_agrees_with_what_a_run_does(file: AltFile) -> None:
    graph, found = TaskGraph.from_alt_file(file), shape(file)
    one_by_one, unlimited = FakeExecutor(), FakeExecutor()
    run_in_virtual_time(lambda: TaskManager(file, one_by_one, 1).run())
    run_in_virtual_time(lambda: TaskManager(file, unlimited, 100).run())
    assert one_by_one.started() == [graph.ids[task] for task in found.order]
    assert unlimited.peak == found.largest_wave
    assert not validate_execution_sequence(file, one_by_one.started())
    assert sorted(task for wave in found.waves for task in wave) == list(range(len(graph.ids)))
    assert all(earlier in graph.dependencies[later] for earlier, later in pairwise(found.longest_chain))
    assert len(found.longest_chain) == len(found.waves)


@given(files(), st.data())
def test_the_estimate_agrees_with_what_a_run_takes(file: AltFile, data: st.DataObject) -> None:
    graph = TaskGraph.from_alt_file(file)
    seconds = data.draw(st.lists(st.integers(1, 9).map(float), min_size=len(graph.ids), max_size=len(graph.ids)))
    found = estimate(file, list(seconds))
    executor = FakeExecutor(dict(zip(graph.ids, seconds, strict=True)))
    results = run_in_virtual_time(lambda: TaskManager(file, executor, 100).run())
    ends = [call.started_at + seconds[graph.index_of[call.task_id]] for call in executor.calls]
    assert len(results) == len(ends)
    assert max(ends) == pytest.approx(found.critical_seconds)
    assert executor.peak == found.most_at_once
    assert sum(seconds[task] for task in found.critical_path) == found.critical_seconds


def test_with_the_graph_the_longest_chain_ahead_starts_first_among_equals() -> None:
    file = alt_file_of(
        {"id": "alone"},
        {"id": "first"},
        {"id": "second", "dependencies": ["first"]},
        {"id": "urgent", "priority": "high"},
    )
    assert starting_order(file, TaskGraph.from_alt_file(file)) == [3, 1, 0, 2]


def test_stated_seconds_weigh_more_than_the_number_of_tasks() -> None:
    file = alt_file_of(
        {"id": "first", "parameters": {"runtime_seconds": 1}},
        {"id": "second", "dependencies": ["first"], "parameters": {"runtime_seconds": 1}},
        {"id": "long", "parameters": {"runtime_seconds": 10}},
    )
    assert starting_order(file, TaskGraph.from_alt_file(file)) == [2, 0, 1]

"""The drawing inside the report: every task has its place, no two boxes touch, no line is lost."""

import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from altlas_runner.last_file.graph import RunGraph, collapse, render_svg
from altlas_runner.last_file.graph.layout import lay_out, layers_of
from altlas_runner.statuses import TaskStatus
from tests.last_file.fabricate import broken_diamond, gathered

BOX, LANE, GAP = 40.0, 10.0, 8.0


def graph_of(dependencies: list[list[int]]) -> RunGraph:
    names = [f"t{i}" for i in range(len(dependencies))]
    return RunGraph(names, [TaskStatus.COMPLETED] * len(names), dependencies, [""] * len(names))


def drawn(graph: RunGraph) -> ET.Element:
    count = len(graph.task_ids)
    svg = render_svg(graph, captions=["completed"] * count, links=[f"#t{i}" for i in range(count)])
    assert svg is not None
    return ET.fromstring(svg)


acyclic = st.integers(1, 24).flatmap(
    lambda count: st.tuples(*[st.sets(st.integers(0, max(0, task - 1)), max_size=4) for task in range(count)])
)


@given(acyclic)
@settings(max_examples=80, deadline=None)
def test_dependencies_point_to_later_layers_and_boxes_keep_their_distance(found: tuple[set[int], ...]) -> None:
    graph = graph_of([sorted(d) if task else [] for task, d in enumerate(found)])
    layout = lay_out(graph, box=BOX, lane=LANE, gap=GAP)
    for task, dependencies in enumerate(graph.dependencies):
        for dependency in dependencies:
            passed = layout.layer[task] - layout.layer[dependency] - 1
            assert passed >= 0
            assert len(layout.bends.get((dependency, task), [])) == passed, "one lane for each layer that is passed"
    for layer in set(layout.layer):
        boxes = sorted(layout.across[task] for task in range(len(found)) if layout.layer[task] == layer)
        assert all(right - left >= BOX + GAP - 1e-6 for left, right in pairwise(boxes))
        lanes = {
            across[layer - layout.layer[edge[0]] - 1]
            for edge, across in layout.bends.items()
            if layout.layer[edge[0]] < layer < layout.layer[edge[1]]
        }
        for lane in lanes:
            assert all(abs(lane - box) >= (BOX + LANE) / 2 + GAP - 1e-6 for box in boxes), "no line passes behind a box"
    assert min(layout.across) >= BOX / 2 - 1e-6
    assert max(layout.across) <= layout.extent - BOX / 2 + 1e-6


def test_the_layer_is_the_longest_path() -> None:
    assert layers_of(graph_of([[], [0], [1], [0, 2], []])) == [0, 1, 2, 3, 0]


def test_a_single_dependent_stands_in_the_middle_of_its_dependencies() -> None:
    layout = lay_out(graph_of([[], [], [], [0, 1, 2]]), box=BOX, lane=LANE, gap=GAP)
    assert layout.across[3] == pytest.approx(layout.across[1])


def test_a_cycle_in_a_file_that_nobody_checked_is_drawn_all_the_same() -> None:
    graph = graph_of([[2], [0], [1], [2]])
    assert len(drawn(graph).findall("g")) == 4


@pytest.mark.slow
def test_a_chain_of_100000_tasks_gets_its_layers() -> None:
    count = 100_000
    assert layers_of(graph_of([[i - 1] if i else [] for i in range(count)])) == list(range(count))


def test_the_drawing_has_a_linked_box_for_each_task_and_a_line_for_each_dependency() -> None:
    svg = drawn(RunGraph.from_last_file(gathered(*broken_diamond())))
    assert [a.get("href") for a in svg.iter("a")] == [f"#t{i}" for i in range(5)]
    assert [g.get("class") for g in svg.findall("g")][:2] == ["box completed", "box failed"]
    edges = [path.get("class") for path in svg.findall("path")]
    assert edges.count("edge") == 3
    assert edges.count("edge blocked") == 2, "lines from tasks that did not complete look different"
    assert all("style" not in element.attrib for element in svg.iter())


def test_everything_is_inside_the_drawing() -> None:
    svg = drawn(graph_of([[], [0], [1], [0, 2], [0], [0, 3], [], [6, 0]]))
    width, height = float(svg.attrib["width"]), float(svg.attrib["height"])
    for group in svg.findall("g"):
        x, y = map(float, re.findall(r"[-\d.]+", group.attrib["transform"]))
        assert 0 <= x <= width - 176
        assert 0 <= y <= height - 46
    for path in svg.findall("path"):
        numbers = [float(n) for n in re.findall(r"-?[\d.]+", path.attrib["d"])]
        assert all(0 <= x <= width for x in numbers[::2])
        assert all(0 <= y <= height for y in numbers[1::2])


def test_a_chain_is_drawn_downwards_and_a_fan_to_the_right() -> None:
    chain, fan = drawn(graph_of([[], [0], [1], [2]])), drawn(graph_of([[], *[[0]] * 12]))
    assert float(chain.attrib["width"]) < float(chain.attrib["height"])
    assert float(fan.attrib["width"]) < float(fan.attrib["height"])
    assert float(fan.attrib["width"]) < 700, "on a page it is easier to scroll down than to the side"


def test_long_and_wide_names_are_cut_to_fit_and_told_in_full() -> None:
    graph = RunGraph(["x" * 100, "漢字" * 30], [TaskStatus.COMPLETED] * 2, [[], []], ["", ""])
    groups = drawn(graph).findall("g")
    names = [group.find("a/text") for group in groups]
    titles = [group.find("a/title") for group in groups]
    assert [name is not None and name.text for name in names] == ["x" * 18 + "…", "漢字" * 4 + "漢…"]
    assert [title is not None and title.text for title in titles] == [
        f"{'x' * 100}: completed",
        f"{'漢字' * 30}: completed",
    ]


def test_a_graph_that_is_too_large_is_not_drawn() -> None:
    assert render_svg(graph_of([[]] * 1501), captions=[""] * 1501, links=[None] * 1501) is None
    dense = graph_of([list(range(max(0, i - 60), i)) for i in range(120)])
    assert dense.dependency_count > 5000
    assert render_svg(dense, captions=[""] * 120, links=[None] * 120) is None
    assert render_svg(graph_of([]), captions=[], links=[]) is None


def test_the_largest_drawing_is_made() -> None:
    wide = graph_of([[i - 50, (i * 7) % (i - i % 50)] if i >= 50 else [] for i in range(1500)])
    assert len(drawn(wide).findall("g")) == 1500


def test_a_large_graph_collapses_by_kind_and_layer() -> None:
    count = 4_000
    kinds = [("fetch", "embed")[i % 2] for i in range(count)]
    statuses = [TaskStatus.FAILED if i == 7 else TaskStatus.COMPLETED for i in range(count)]
    dependencies = [[i - 100] if i >= 100 else [] for i in range(count)]
    collapsed = collapse(RunGraph([f"t{i}" for i in range(count)], statuses, dependencies, kinds))
    assert len(collapsed.graph.task_ids) == 40, "forty layers in bands of two, with two kinds each"
    assert collapsed.graph.task_ids[0] == "fetch (100)"
    assert collapsed.captions[1] == "1 failed, 99 completed"
    assert collapsed.graph.statuses[1] is TaskStatus.FAILED, "the worst status is what must be seen"
    assert [collapsed.group_of[task] for task in (0, 1, 198, 199, 200)] == [0, 1, 0, 1, 2]
    assert drawn(collapsed.graph).findall("g")


def test_a_chain_of_many_kinds_collapses_to_a_few_boxes() -> None:
    count = 3_000
    graph = RunGraph(
        [f"t{i}" for i in range(count)],
        [TaskStatus.COMPLETED] * count,
        [[i - 1] if i else [] for i in range(count)],
        [f"kind {i % 50}" for i in range(count)],
    )
    collapsed = collapse(graph)
    assert len(collapsed.graph.task_ids) <= 120
    assert sum(int(name.rsplit("(")[1].strip(")").replace(",", "")) for name in collapsed.graph.task_ids) == count

"""Where the boxes go: a layered layout in O(tasks + edges) and a little sorting, without recursion.

Layers come from the longest path; dependencies that span several layers get a lane in each layer between, so that no
line passes behind a box; barycentre sweeps order each layer; isotonic regression then moves every box as near to its
neighbours as the order allows (Sugiyama, Tagawa and Toda, 1981, in a short form).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from altlas_runner.last_file.graph.run_graph import RunGraph

__all__ = ["Layout", "lay_out", "layers_of"]

_ORDER_SWEEPS = 4
_PLACE_SWEEPS = 6
_MAX_LANES = 20_000  # a dense graph could need one for each pair of task and layer


@dataclass(frozen=True, slots=True)
class Layout:
    """Positions in units of the caller: `across` runs along a layer.

    Attributes:
        layer: of each task, from 0.
        across: the centre of each task within its layer; the smallest box edge is at 0.
        bends: of a dependency and its dependent the lanes between them, one `across` for each layer that is passed.
        layer_count: how many layers there are.
        extent: the length of the longest layer.
    """

    layer: list[int]
    across: list[float]
    bends: dict[tuple[int, int], list[float]]
    layer_count: int
    extent: float


def layers_of(graph: RunGraph) -> list[int]:
    """Of each task the length of the longest path that leads to it; edges that close a cycle do not count."""
    layer = [0] * len(graph.task_ids)
    placed = [False] * len(graph.task_ids)
    for task in graph.in_order():
        layer[task] = max((layer[d] + 1 for d in graph.dependencies[task] if placed[d]), default=0)
        placed[task] = True
    return layer


def lay_out(graph: RunGraph, *, box: float, lane: float, gap: float) -> Layout:
    """Place the tasks of a graph.

    Args:
        graph: what to place.
        box: the length of a task's box along its layer.
        lane: the length that a passing line takes.
        gap: the free space between neighbours.
    """
    count = len(graph.task_ids)
    rows = _Rows(layers_of(graph))
    chains: list[list[int]] = [[] for _ in range(count)]
    bends: dict[tuple[int, int], list[int]] = {}
    for task, dependencies in enumerate(graph.dependencies):
        for dependency in dependencies:
            passed = rows.layer[task] - rows.layer[dependency] - 1
            if passed < 0 or rows.lane_count(count) + passed > _MAX_LANES:
                continue  # closes a cycle, or one line too many: drawn straight
            chain = chains[dependency]  # the lines of one dependency share their lanes
            while len(chain) < passed:
                chain.append(rows.add_lane(chain[-1] if chain else dependency))
            rows.connect(chain[passed - 1] if passed else dependency, task)
            if passed:
                bends[dependency, task] = chain[:passed]
    rows.order()
    half = [box / 2] * count + [lane / 2] * rows.lane_count(count)
    across = rows.place(half, gap)
    start = min((a - h for a, h in zip(across, half, strict=True)), default=0.0)
    end = max((a + h for a, h in zip(across, half, strict=True)), default=0.0)
    return Layout(
        layer=rows.layer[:count],
        across=[a - start for a in across[:count]],
        bends={edge: [across[place] - start for place in places] for edge, places in bends.items()},
        layer_count=len(rows.rows),
        extent=end - start,
    )


class _Rows:
    """The layers with their places: tasks first (0 to n - 1), lanes after them."""

    def __init__(self, layer: list[int]) -> None:
        self.layer = layer
        self.rows: list[list[int]] = [[] for _ in range(max(layer, default=-1) + 1)]
        for task, row in enumerate(layer):
            self.rows[row].append(task)
        self.before: list[list[int]] = [[] for _ in layer]
        self.after: list[list[int]] = [[] for _ in layer]

    def lane_count(self, tasks: int) -> int:
        return len(self.layer) - tasks

    def add_lane(self, previous: int) -> int:
        place = len(self.layer)
        self.layer.append(self.layer[previous] + 1)
        self.rows[self.layer[place]].append(place)
        self.before.append([])
        self.after.append([])
        self.connect(previous, place)
        return place

    def connect(self, previous: int, place: int) -> None:
        self.after[previous].append(place)
        self.before[place].append(previous)

    def order(self) -> None:
        """Sort each row by the mean position of its neighbours, downwards and upwards in turn."""
        position = [0.0] * len(self.layer)
        for row in self.rows:
            for index, place in enumerate(row):
                position[place] = index
        for sweep in range(_ORDER_SWEEPS):
            neighbours = self.after if sweep % 2 else self.before
            for row in self._swept(sweep):
                row.sort(key=lambda place: _mean(position, neighbours[place], position[place]))
                for index, place in enumerate(row):
                    position[place] = index

    def place(self, half: Sequence[float], gap: float) -> list[float]:
        """The centre of each place along its row."""
        across = [0.0] * len(self.layer)
        for row in self.rows:
            offsets = _offsets(row, half, gap)
            for place, offset in zip(row, offsets, strict=True):
                across[place] = offset - offsets[-1] / 2
        for sweep in range(_PLACE_SWEEPS):
            neighbours = self.after if sweep % 2 else self.before
            for row in self._swept(sweep):
                wanted = [_mean(across, neighbours[place], across[place]) for place in row]
                for place, centre in zip(row, _nearest(wanted, _offsets(row, half, gap)), strict=True):
                    across[place] = centre
        return across

    def _swept(self, sweep: int) -> list[list[int]]:
        return self.rows[::-1] if sweep % 2 else self.rows


def _mean(values: Sequence[float], places: Sequence[int], otherwise: float) -> float:
    return sum(values[place] for place in places) / len(places) if places else otherwise


def _offsets(row: Sequence[int], half: Sequence[float], gap: float) -> list[float]:
    """How far each centre lies at least behind the first of its row."""
    offsets = [0.0]
    for left, right in pairwise(row):
        offsets.append(offsets[-1] + half[left] + gap + half[right])
    return offsets


def _nearest(wanted: Sequence[float], offsets: Sequence[float]) -> list[float]:
    """The centres nearest to the wanted ones (least squares) that keep the order and the distances.

    Without their offsets the centres need only be non-decreasing: pool adjacent violators.
    """
    blocks: list[tuple[float, int]] = []
    for want, offset in zip(wanted, offsets, strict=True):
        total, size = want - offset, 1
        while blocks and blocks[-1][0] * size > total * blocks[-1][1]:
            before_total, before_size = blocks.pop()
            total, size = total + before_total, size + before_size
        blocks.append((total, size))
    levels = [total / size for total, size in blocks for _ in range(size)]
    return [level + offset for level, offset in zip(levels, offsets, strict=True)]

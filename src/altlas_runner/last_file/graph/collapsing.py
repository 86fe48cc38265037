"""A graph that is too large to be drawn, as one of groups: tasks of one kind and one layer become one box."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from altlas_runner.last_file.graph.layout import layers_of
from altlas_runner.last_file.graph.run_graph import RunGraph
from altlas_runner.last_file.visible_text import shortened
from altlas_runner.statuses import TaskStatus

__all__ = ["CollapsedGraph", "collapse"]

_MAX_KINDS = 6
_MAX_LAYERS = 20
_KIND_LENGTH = 24

_WORST_FIRST = (
    TaskStatus.FAILED,
    TaskStatus.TIMEOUT,
    TaskStatus.CANCELLED,
    TaskStatus.SKIPPED,
    TaskStatus.RUNNING,
    TaskStatus.PENDING,
    TaskStatus.COMPLETED,
)


@dataclass(frozen=True, slots=True)
class CollapsedGraph:
    """The groups of a graph.

    Attributes:
        graph: one "task" for each group, named after its kind and its number of tasks, with the worst of its statuses.
        captions: of each group how many of its tasks ended how.
        group_of: of each task of the whole graph the index of its group.
    """

    graph: RunGraph
    captions: list[str]
    group_of: list[int]


def collapse(graph: RunGraph) -> CollapsedGraph:
    """Collapse a graph by kind and layer, so that at most 120 groups remain.

    The commonest kinds keep their names and the others become one; of more than 20 layers neighbours are put together.
    Dependencies of two groups on each other, which one such band may have, are left out.
    """
    layers = layers_of(graph)
    per_band = max(layers, default=0) // _MAX_LAYERS + 1
    common = [kind for kind, _ in Counter(graph.kinds).most_common(_MAX_KINDS)]
    keep = set(common if len(set(graph.kinds)) <= _MAX_KINDS else common[:-1])
    keys = [
        (layer // per_band, kind if kind in keep else None) for layer, kind in zip(layers, graph.kinds, strict=True)
    ]
    first: dict[tuple[int, str | None], int] = {}
    for key in keys:
        first.setdefault(key, len(first))
    group_of = [first[key] for key in keys]
    counts = [Counter[TaskStatus]() for _ in first]
    edges: list[dict[int, None]] = [{} for _ in first]
    for task, (group, status) in enumerate(zip(group_of, graph.statuses, strict=True)):
        counts[group][status] += 1
        for dependency in graph.dependencies[task]:
            edges[group][group_of[dependency]] = None
    names = [
        f"{shortened(_name(kind), _KIND_LENGTH)} ({counts[group].total():,})" for (_, kind), group in first.items()
    ]
    return CollapsedGraph(
        RunGraph(
            names,
            [next(status for status in _WORST_FIRST if count[status]) for count in counts],
            [[g for g in found if group not in edges[g]] for group, found in enumerate(edges)],
            [kind or "" for _, kind in first],
        ),
        [", ".join(f"{count[status]:,} {status}" for status in _WORST_FIRST if count[status]) for count in counts],
        group_of,
    )


def _name(kind: str | None) -> str:
    return "other kinds" if kind is None else kind or "tasks"

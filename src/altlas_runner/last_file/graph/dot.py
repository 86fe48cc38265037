"""The graph as DOT text: whole whatever its size, or collapsed for a picture.

Every text of a stranger is quoted here, by one function.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from altlas_runner.last_file.graph.collapsing import collapse
from altlas_runner.last_file.graph.run_graph import RunGraph
from altlas_runner.last_file.visible_text import shortened, visible
from altlas_runner.statuses import TaskStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from altlas_runner.last_file.models import LastFile

__all__ = ["MAX_DRAWN", "dot_text", "dot_text_of_plan"]

MAX_DRAWN = 300
"""A picture of more tasks would take `dot` minutes, and nobody could read it."""

_LABEL_LENGTH = 48
_TITLE_LENGTH = 120
_TOOLTIP_LENGTH = 400

# Fill, border, and a way of drawing that tells the statuses apart without colour.
_LOOKS = {
    TaskStatus.COMPLETED: ("#dcf3e3", "#1a7f42", "rounded,filled", 1),
    TaskStatus.FAILED: ("#fde3e1", "#b3261e", "filled,bold", 2),
    TaskStatus.TIMEOUT: ("#fdebd3", "#97540a", "filled,bold", 2),
    TaskStatus.CANCELLED: ("#ebe6f5", "#5f4a94", "rounded,filled,dotted", 1),
    TaskStatus.SKIPPED: ("#eceef1", "#5a6472", "rounded,filled,dashed", 1),
    TaskStatus.RUNNING: ("#deebfb", "#1f5fae", "rounded,filled", 1),
    TaskStatus.PENDING: ("#ffffff", "#5a6472", "rounded,filled,dotted", 1),
}


def dot_text(last_file: LastFile, *, for_picture: bool = False) -> str:
    """The graph of a run in the DOT language, with a legend.

    Tasks are named n0, n1, … in file order; their ids stand in labels and tooltips. Each label says the status in
    words, and the border shows it too.

    Args:
        last_file: of the run.
        for_picture: whether a graph of more than MAX_DRAWN tasks is collapsed by kind and layer, and says so.
    """
    graph = RunGraph.from_last_file(last_file)
    words: Sequence[str] = graph.statuses
    title = shortened(last_file.title, _TITLE_LENGTH)
    counts = Counter(graph.statuses)
    legend = ["  subgraph cluster_legend {", '    label="legend"; fontsize=10; color="#c5ccd5"; style=rounded;']
    legend += [
        f"    legend_{status} [{_look(status)}, fontsize=10, label={_quoted(f'{status}: {counts[status]}')}];"
        for status in _LOOKS
        if counts[status]
    ]
    if for_picture and len(graph.task_ids) > MAX_DRAWN:
        title = _collapsed_title(title, graph)
        collapsed = collapse(graph)
        graph, words = collapsed.graph, collapsed.captions
    tasks = []
    for task, (task_id, status, word) in enumerate(zip(graph.task_ids, graph.statuses, words, strict=True)):
        label = _quoted(shortened(task_id, _LABEL_LENGTH) + "\n" + word)
        tooltip = _quoted(f"{shortened(task_id, _TOOLTIP_LENGTH)}: {word}")
        tasks.append(f"  n{task} [{_look(status)}, label={label}, tooltip={tooltip}];")
    return _digraph(graph, title, [*legend, "  }", *tasks])


def dot_text_of_plan(graph: RunGraph, title: str, *, for_picture: bool = False) -> str:
    """The graph of a file that has not run: the same without statuses and legend."""
    if for_picture and len(graph.task_ids) > MAX_DRAWN:
        title, graph = _collapsed_title(title, graph), collapse(graph).graph
    else:
        title = shortened(title, _TITLE_LENGTH)
    tasks = ['  node [fillcolor="#eef3fa", color="#1f5fae", style="rounded,filled"];']
    for task, task_id in enumerate(graph.task_ids):
        label, tooltip = (_quoted(shortened(task_id, length)) for length in (_LABEL_LENGTH, _TOOLTIP_LENGTH))
        tasks.append(f"  n{task} [label={label}, tooltip={tooltip}];")
    return _digraph(graph, title, tasks)


def _collapsed_title(title: str, graph: RunGraph) -> str:
    note = f"collapsed view: {len(graph.task_ids):,} tasks by kind and layer; the .dot text has all"
    return f"{shortened(title, _TITLE_LENGTH)}\n{note}"


def _digraph(graph: RunGraph, title: str, tasks: list[str]) -> str:
    lines = [
        "digraph run {",
        '  graph [rankdir=TB, size="60,60", nodesep=0.35, ranksep=0.5, fontname="Helvetica", fontsize=14, labelloc=t,',
        f"         label={_quoted(title)}];",
        '  node [shape=box, fontname="Helvetica", fontsize=11, margin="0.16,0.08", fontcolor="#1b1f24"];',
        '  edge [color="#7a8594", arrowsize=0.7];',
        *tasks,
    ]
    for task, dependencies in enumerate(graph.dependencies):
        lines += [f"  n{dependency} -> n{task};" for dependency in dependencies]
    lines.append("}\n")
    return "\n".join(lines)


def _look(status: TaskStatus) -> str:
    fill, border, style, peripheries = _LOOKS[status]
    return f'fillcolor="{fill}", color="{border}", style="{style}", peripheries={peripheries}'


def _quoted(text: str) -> str:
    r"""A text as a DOT string that shows exactly this text.

    Graphviz understands escapes (`\N`, `\l`) and HTML entities inside quotes, so backslashes and ampersands are
    escaped; a text in quotes is never an HTML-like label.
    """
    text = visible(text).replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;").replace("\n", "\\n")
    return f'"{text}"'

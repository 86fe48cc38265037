"""The graph as inline SVG for the report: boxes that link to the task sections, no style attributes, no script."""

from __future__ import annotations

from collections import Counter
from html import escape
from typing import TYPE_CHECKING

from altlas_runner.last_file.graph.layout import Layout, lay_out, layers_of
from altlas_runner.last_file.visible_text import text_width, visible
from altlas_runner.statuses import TaskStatus

if TYPE_CHECKING:
    from collections.abc import Sequence, Set

    from altlas_runner.last_file.graph.run_graph import RunGraph

__all__ = ["MAX_DEPENDENCIES", "MAX_TASKS", "can_be_drawn", "render_svg"]

MAX_TASKS = 1_500
MAX_DEPENDENCIES = 5_000

_WIDTH, _HEIGHT = 176, 46
_LANE = 12
_GAP = 20
_LAYER_GAP_DOWN, _LAYER_GAP_RIGHT = 40, 56
_LAYER_GAP_MAX = 220
_SLOPE = 0.05  # the longer the layers, the more room their lines need between them
_MARGIN = 8
_MAX_SYMBOLS = 300  # more of them make a page slow to open; colour, frame and words say the status all the same
_LABEL_COLUMNS, _CAPTION_COLUMNS = 19, 24
_Point = tuple[float, float]

_STANDALONE_LOOK = """<style>
.graph { background: #ffffff; }
.edge { fill: none; stroke: #7a8594; stroke-width: 1.25; }
.graph marker path { fill: #7a8594; }
.box rect { fill: #eef3fa; stroke: #1f5fae; stroke-width: 1.25; }
.box use { fill: none; stroke: #1f5fae; stroke-width: 1.6; }
.box text { fill: #1b1f24; font: 12px/1 ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.box .caption { fill: #4b5563; font: 11px/1 system-ui, Helvetica, "DejaVu Sans", sans-serif; }
</style>
<symbol id="i-pending" viewBox="0 0 16 16"><circle cx="8" cy="8" r="6.6"/></symbol>"""


def can_be_drawn(graph: RunGraph) -> bool:
    """Whether the graph is small enough to be read when every task is a box of its own."""
    return len(graph.task_ids) <= MAX_TASKS and graph.dependency_count <= MAX_DEPENDENCIES


def render_svg(
    graph: RunGraph,
    *,
    captions: Sequence[str],
    links: Sequence[str | None],
    marked: Set[int] = frozenset(),
    standalone: bool = False,
) -> str | None:
    """Draw the graph, downwards or to the right, whichever is narrower.

    The look (colours, fonts) is that of the page's style sheet: each box has the class of its status, and the symbols
    `#i-<status>` are defined in the page.

    Args:
        graph: what to draw.
        captions: the second line of each box.
        links: what each box links to, or None.
        marked: the tasks of the critical path; they and the lines between them look stronger.
        standalone: whether the picture is a file of its own, of a run to come; it brings its own look then.

    Returns:
        An `<svg>` element, or None when the graph is empty, or too large to be read.
    """
    if not graph.task_ids or not can_be_drawn(graph):
        return None
    drawing = _Drawing(graph, marked)
    edges = [drawing.edge(dependency, task) for task, found in enumerate(graph.dependencies) for dependency in found]
    boxes = [drawing.box(task, captions[task], links[task]) for task in range(len(graph.task_ids))]
    label = f"Dependency graph of {len(graph.task_ids)} tasks"
    namespace = 'xmlns="http://www.w3.org/2000/svg" ' if standalone else ""
    size = f'width="{_number(drawing.width)}" height="{_number(drawing.height)}"'
    view_box = f'viewBox="0 0 {_number(drawing.width)} {_number(drawing.height)}"'
    return "\n".join(
        [
            f'<svg {namespace}class="graph" role="group" aria-label="{label}" {size} {view_box}>',
            '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
            'orient="auto"><path d="M0 0.5 8 4 0 7.5z"/></marker></defs>',
            *([_STANDALONE_LOOK] if standalone else []),
            *edges,
            *boxes,
            "</svg>",
        ]
    )


class _Drawing:
    """One graph with its positions; `downwards` layers are rows, otherwise columns."""

    def __init__(self, graph: RunGraph, marked: Set[int]) -> None:
        self._graph = graph
        self._marked = marked
        self._with_symbols = len(graph.task_ids) <= _MAX_SYMBOLS
        layers = layers_of(graph)
        widest = max(Counter(layers).values())
        self._downwards = widest * (_WIDTH + _GAP) <= (max(layers) + 1) * (_WIDTH + _LAYER_GAP_RIGHT)
        box, self._depth, gap = (
            (_WIDTH, _HEIGHT, _LAYER_GAP_DOWN) if self._downwards else (_HEIGHT, _WIDTH, _LAYER_GAP_RIGHT)
        )
        self._layout: Layout = lay_out(graph, box=box, lane=_LANE, gap=_GAP)
        gap = min(max(gap, round(self._layout.extent * _SLOPE)), _LAYER_GAP_MAX)
        self._pitch = self._depth + gap
        along = self._layout.layer_count * self._pitch - gap + 2 * _MARGIN
        extent = self._layout.extent + 2 * _MARGIN
        self.width: float
        self.height: float
        self.width, self.height = (extent, along) if self._downwards else (along, extent)

    def box(self, task: int, caption: str, link: str | None) -> str:
        """One task: a frame, the symbol of its status, its id and its caption."""
        task_id, status = visible(self._graph.task_ids[task]), self._graph.statuses[task]
        x, y = self._point(self._layout.layer[task] * self._pitch + self._depth / 2, self._layout.across[task])
        left, top = x - _WIDTH / 2, y - _HEIGHT / 2
        name = _cut(task_id, _LABEL_COLUMNS)
        title = "" if name == task_id else f"<title>{escape(task_id)}: {status}</title>"
        symbol = f'<use href="#i-{status}" x="10" y="8" width="14" height="14"/>' if self._with_symbols else ""
        note = _cut(visible(caption), _CAPTION_COLUMNS)
        left_edge = 30 if symbol else 12
        content = (
            f'{title}<rect width="{_WIDTH}" height="{_HEIGHT}" rx="8"/>{symbol}'
            f'<text x="{left_edge}" y="20">{escape(name)}</text>'
            f'<text class="caption" x="{left_edge}" y="36">{escape(note)}</text>'
        )
        if link is not None:
            content = f'<a href="{escape(link)}">{content}</a>'
        mark = " critical" if task in self._marked else ""
        return f'<g class="box {status}{mark}" transform="translate({_number(left)} {_number(top)})">{content}</g>'

    def edge(self, dependency: int, task: int) -> str:
        """One dependency: a curve from box to box, straight through the lanes of the layers between."""
        layout = self._layout
        start, end = layout.layer[dependency] * self._pitch + self._depth, layout.layer[task] * self._pitch
        path = f"M{self._text(start, layout.across[dependency])}"
        at = (start, layout.across[dependency])
        for step, lane in enumerate(layout.bends.get((dependency, task), ())):
            top = (layout.layer[dependency] + step + 1) * self._pitch
            path += self._curve(at, (top, lane)) + f"L{self._text(top + self._depth, lane)}"
            at = (top + self._depth, lane)
        path += self._curve(at, (end, layout.across[task]))
        look = "" if self._graph.statuses[dependency] is TaskStatus.COMPLETED else " blocked"
        look += " critical" if dependency in self._marked and task in self._marked else ""
        return f'<path class="edge{look}" d="{path}" marker-end="url(#arrow)"/>'

    def _curve(self, start: _Point, end: _Point) -> str:
        middle = (start[0] + end[0]) / 2
        return f"C{self._text(middle, start[1])} {self._text(middle, end[1])} {self._text(*end)}"

    def _text(self, along: float, across: float) -> str:
        x, y = self._point(along, across)
        return f"{_number(x)} {_number(y)}"

    def _point(self, along: float, across: float) -> _Point:
        along, across = along + _MARGIN, across + _MARGIN
        return (across, along) if self._downwards else (along, across)


def _number(value: float) -> str:
    return f"{round(value, 1):g}" if abs(value) < 1e5 else f"{value:.0f}"


def _cut(text: str, columns: int) -> str:
    """The beginning of a text that fits into a box."""
    if len(text) <= columns and text_width(text) <= columns:
        return text
    kept = text[:columns]
    while text_width(kept) >= columns:
        kept = kept[:-1]
    return kept + "…"

"""The graph of a run: DOT text, a PNG made by Graphviz, SVG of our own for the report, and Mermaid text."""

from altlas_runner.last_file.graph.collapsing import collapse
from altlas_runner.last_file.graph.dot import dot_text, dot_text_of_plan
from altlas_runner.last_file.graph.mermaid import render_mermaid
from altlas_runner.last_file.graph.png import render_png
from altlas_runner.last_file.graph.run_graph import RunGraph, notes_by_id
from altlas_runner.last_file.graph.svg import render_svg

__all__ = [
    "RunGraph",
    "collapse",
    "dot_text",
    "dot_text_of_plan",
    "notes_by_id",
    "render_mermaid",
    "render_png",
    "render_svg",
]

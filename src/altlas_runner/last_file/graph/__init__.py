"""The graph of a run, drawn three ways: DOT text, a PNG made by Graphviz, and SVG of our own for the report."""

from altlas_runner.last_file.graph.dot import dot_text
from altlas_runner.last_file.graph.png import render_png
from altlas_runner.last_file.graph.run_graph import RunGraph
from altlas_runner.last_file.graph.svg import render_svg

__all__ = ["RunGraph", "dot_text", "render_png", "render_svg"]

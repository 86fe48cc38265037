"""The graph as Mermaid text, for pages in Markdown that draw it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from altlas_runner.last_file.visible_text import shortened, visible

if TYPE_CHECKING:
    from altlas_runner.last_file.graph.run_graph import RunGraph

__all__ = ["render_mermaid"]

_LABEL_LENGTH = 60
_PLAIN = re.compile(r"[A-Za-z0-9]+(?:[-_. ][A-Za-z0-9]+)*")


def render_mermaid(graph: RunGraph) -> str:
    """A flowchart in Mermaid's language, always whole.

    Tasks are named t0, t1, … in file order; their ids stand in quoted labels, where every character that could mean
    something to Mermaid, Markdown or HTML is written as its number.
    """
    lines = ["flowchart TD"]
    lines += [f'  t{task}["{_label(task_id)}"]' for task, task_id in enumerate(graph.task_ids)]
    for task, dependencies in enumerate(graph.dependencies):
        lines += [f"  t{dependency} --> t{task}" for dependency in dependencies]
    return "\n".join(lines) + "\n"


def _label(task_id: str) -> str:
    text = visible(shortened(task_id, _LABEL_LENGTH))
    if _PLAIN.fullmatch(text):
        return text
    return "".join(char if char.isalnum() or char == " " else f"#{ord(char)};" for char in text) or " "

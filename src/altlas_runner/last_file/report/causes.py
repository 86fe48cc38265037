"""Why tasks did not complete: each failure with the tasks that were skipped because of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from altlas_runner.statuses import TaskStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from altlas_runner.last_file.graph import RunGraph

__all__ = ["causes_of_skips"]


def causes_of_skips(graph: RunGraph, order: Sequence[int]) -> dict[int, int]:
    """Of each skipped task the task at which the trouble began.

    That is its first dependency that did not complete, or the cause of that one where it was skipped too.

    Args:
        graph: of the run.
        order: its tasks with dependencies first.
    """
    causes: dict[int, int] = {}
    for task in order:
        if graph.statuses[task] is not TaskStatus.SKIPPED:
            continue
        open_dependencies = (d for d in graph.dependencies[task] if graph.statuses[d] is not TaskStatus.COMPLETED)
        dependency = next(open_dependencies, None)
        if dependency is not None:
            causes[task] = causes.get(dependency, dependency)
    return causes

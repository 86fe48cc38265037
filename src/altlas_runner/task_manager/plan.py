"""What the scheduler needs to know of an ALT file, as arrays over task indices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from altlas_runner.alt_file import AltFile, TaskGraph
from altlas_runner.alt_file.planning import starting_order
from altlas_runner.retrying import LONGEST_SECONDS

__all__ = ["RunPlan", "plan_run"]


@dataclass(frozen=True, slots=True)
class RunPlan:
    """The tasks of a run.

    Attributes:
        ids: task ids in file order; the position is the task's index.
        dependencies: for each task the indices it depends on.
        dependents: for each task the indices that depend on it.
        timeouts: seconds from the first start to the deadline, or None.
        max_retries: extra attempts each task may have.
        order: for each task its place in the starting order; among ready tasks the lowest starts first.
        by_order: the task at each place (the inverse of `order`).
    """

    ids: Sequence[str]
    dependencies: Sequence[Sequence[int]]
    dependents: Sequence[Sequence[int]]
    timeouts: Sequence[float | None]
    max_retries: Sequence[int]
    order: Sequence[int]
    by_order: Sequence[int]


def plan_run(alt_file: AltFile, graph: TaskGraph, default_retries: int) -> RunPlan:
    """Lay out a valid ALT file for the scheduler.

    Args:
        alt_file: the file; validated before.
        graph: its dependency graph.
        default_retries: for tasks whose `retry_count` is null.
    """
    tasks = alt_file.tasks
    by_order = starting_order(alt_file)
    order = [0] * len(tasks)
    for place, index in enumerate(by_order):
        order[index] = place
    return RunPlan(
        ids=graph.ids,
        dependencies=graph.dependencies,
        dependents=graph.dependents,
        timeouts=[
            None if task.timeout_seconds is None else min(task.timeout_seconds, LONGEST_SECONDS) for task in tasks
        ],
        max_retries=[default_retries if task.retry_count is None else task.retry_count for task in tasks],
        order=order,
        by_order=by_order,
    )

"""What the scheduler needs to know of an ALT file, as arrays over task indices."""

from __future__ import annotations

import logging
from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from altlas_runner.alt_file import AltFile, Task, TaskGraph
from altlas_runner.alt_file.planning import starting_order
from altlas_runner.errors import ConfigurationError
from altlas_runner.results import Attempt, TaskResult
from altlas_runner.retrying import LONGEST_SECONDS

__all__ = ["Restored", "RunPlan", "Schedule", "plan_run"]

Schedule = Literal["file-order", "critical-path"]

_log = logging.getLogger("altlas_runner")


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
        group_of: for each task the number of its concurrency group, or -1.
        group_limits: for each group how many of its tasks may run at one time.
        handled: the tasks that have a handler; the executor's alternatives and retry budgets are not for them.
    """

    ids: Sequence[str]
    dependencies: Sequence[Sequence[int]]
    dependents: Sequence[Sequence[int]]
    timeouts: Sequence[float | None]
    max_retries: Sequence[int]
    order: Sequence[int]
    by_order: Sequence[int]
    group_of: Sequence[int] = ()
    group_limits: Sequence[int] = ()
    handled: Container[int] = ()


@dataclass(frozen=True, slots=True)
class Restored:
    """What is known of the tasks from before a run was resumed, by index.

    Attributes:
        results: of the tasks that have ended, and stay as they are.
        attempts: those that the other tasks have had.
        given_up: tasks whose last attempt is in doubt, and shall not be tried again: they fail.
    """

    results: Mapping[int, TaskResult]
    attempts: Mapping[int, list[Attempt]]
    given_up: Collection[int] = ()


def plan_run(
    alt_file: AltFile,
    graph: TaskGraph,
    default_retries: int,
    *,
    handled: Container[str] = (),
    schedule: Schedule = "file-order",
    concurrency_groups: Mapping[str, int] | None = None,
) -> RunPlan:
    """Lay out a valid ALT file for the scheduler.

    Args:
        alt_file: the file; validated before.
        graph: its dependency graph.
        default_retries: for tasks whose `retry_count` is null.
        handled: ids of tasks that have a handler; for them null means 0.
        schedule: who starts first among ready tasks of equal priority: the first in the file, or the one with the
            longest chain of tasks behind it.
        concurrency_groups: the limit of each named group; a group without one is not limited.

    Raises:
        ConfigurationError: a limit is below 1, or a task's group is no name.
    """
    tasks = alt_file.tasks
    numbers = list(range(len(tasks)))  # one object for each number, wherever it stands: memory near at hand
    by_order = [numbers[index] for index in starting_order(alt_file, graph if schedule == "critical-path" else None)]
    order = numbers.copy()
    for place, index in zip(numbers, by_order, strict=True):
        order[index] = place
    limits = dict(concurrency_groups or {})
    return RunPlan(
        ids=graph.ids,
        dependencies=graph.dependencies,
        dependents=[[numbers[dependent] for dependent in row] for row in graph.dependents],
        timeouts=[
            None if task.timeout_seconds is None else min(task.timeout_seconds, LONGEST_SECONDS) for task in tasks
        ],
        max_retries=[
            task.retry_count if task.retry_count is not None else 0 if task.id in handled else default_retries
            for task in tasks
        ],
        order=order,
        by_order=by_order,
        group_of=_group_numbers(tasks, limits),
        group_limits=list(limits.values()),
        handled=frozenset(index for index, task in enumerate(tasks) if task.id in handled),
    )


def _group_numbers(tasks: Sequence[Task], limits: Mapping[str, int]) -> list[int]:
    for group, limit in limits.items():
        if limit < 1:
            raise ConfigurationError(f'the limit of the concurrency group "{group}" must be 1 or more, not {limit}')
    number_of = {name: number for number, name in enumerate(limits)}
    unlimited: set[str] = set()
    numbers = [-1] * len(tasks)
    for index, task in enumerate(tasks):
        name: Any = task.parameters.get("concurrency_group") if task.parameters else None
        if name is None:
            continue
        if not isinstance(name, str):
            raise ConfigurationError(f'task "{task.id}": parameters.concurrency_group must be a string')
        numbers[index] = number_of.get(name, -1)
        if name not in number_of:
            unlimited.add(name)
    for name in sorted(unlimited):
        _log.warning('the concurrency group "%s" has no limit in the configuration; it is not limited', name)
    return numbers

"""What changed from one run to another. Pure but for outputs, which are read when they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from altlas_runner.last_file.artifacts.reading import output_artifact
from altlas_runner.last_file.comparison.differences import Difference, differences
from altlas_runner.statuses import TaskStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from altlas_runner.last_file.models import LastFile
    from altlas_runner.results import TaskResult

__all__ = ["Comparison", "TaskChange", "compare"]

_MOST_DIFFERENCES = 5
_NOTABLE_RATIO = 1.25
_NOTABLE_MS = 100


@dataclass(frozen=True, slots=True)
class TaskChange:
    """One task that is not the same in both runs.

    Attributes:
        task_id: the task.
        before: its status in the first run, or None when it was not part of it.
        after: likewise in the second.
        before_ms: milliseconds that it took in the first run.
        after_ms: likewise in the second.
        duration_changed: whether it completed in both, and took at least a quarter and 0.1 s more or less.
        output_changed: whether it completed in both, with other outputs.
        output_differences: the first places in which these differ.
        more_differences: whether there are more.
    """

    task_id: str
    before: TaskStatus | None
    after: TaskStatus | None
    before_ms: int = 0
    after_ms: int = 0
    duration_changed: bool = False
    output_changed: bool = False
    output_differences: tuple[Difference, ...] = ()
    more_differences: bool = False

    @property
    def status_changed(self) -> bool:
        """Whether it ended otherwise, or is part of one of the runs only."""
        return self.before is not self.after


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs.

    Attributes:
        before: the first.
        after: the second.
        changes: every task that is not the same, in the order of the first run, then of the second.
        task_count: how many tasks there are in either.
    """

    before: LastFile
    after: LastFile
    changes: list[TaskChange]
    task_count: int


def compare(
    before: LastFile,
    after: LastFile,
    *,
    read_before: Callable[[TaskResult], Any],
    read_after: Callable[[TaskResult], Any],
) -> Comparison:
    """Compare two runs, task by task.

    Args:
        before: the first.
        after: the second.
        read_before: gives the whole output of a result of the first run, also one that is an artifact.
        read_after: likewise for the second.

    Raises:
        BundleError: an output cannot be read.
    """
    ours = {result.task_id: result for result in before.task_results}
    theirs = {result.task_id: result for result in after.task_results}
    changes: list[TaskChange] = []
    for task_id in dict.fromkeys([*ours, *theirs]):
        one, other = ours.get(task_id), theirs.get(task_id)
        if one is None or other is None:
            changes.append(
                TaskChange(
                    task_id,
                    one.status if one else None,
                    other.status if other else None,
                    one.execution_time_ms if one else 0,
                    other.execution_time_ms if other else 0,
                )
            )
            continue
        duration_changed = False
        found: tuple[Difference, ...] = ()
        if one.status is other.status is TaskStatus.COMPLETED:
            duration_changed = _notable(one.execution_time_ms, other.execution_time_ms)
            found = _output_differences(one, other, read_before, read_after)
        if one.status is not other.status or duration_changed or found:
            changes.append(
                TaskChange(
                    task_id,
                    one.status,
                    other.status,
                    one.execution_time_ms,
                    other.execution_time_ms,
                    duration_changed,
                    bool(found),
                    found[:_MOST_DIFFERENCES],
                    len(found) > _MOST_DIFFERENCES,
                )
            )
    return Comparison(before, after, changes, len({*ours, *theirs}))


def _output_differences(
    one: TaskResult,
    other: TaskResult,
    read_one: Callable[[TaskResult], Any],
    read_other: Callable[[TaskResult], Any],
) -> tuple[Difference, ...]:
    ours, theirs = output_artifact(one), output_artifact(other)
    if ours is not None and theirs is not None and ours.sha256 == theirs.sha256:
        return ()
    found: Iterable[Difference] = differences(read_one(one), read_other(other))
    return tuple(islice(found, _MOST_DIFFERENCES + 1))


def _notable(before_ms: int, after_ms: int) -> bool:
    shorter, longer = sorted((before_ms, after_ms))
    return longer - shorter >= _NOTABLE_MS and longer >= _NOTABLE_RATIO * shorter

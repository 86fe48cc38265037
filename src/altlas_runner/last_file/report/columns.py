"""The index of the report: every task in columns, small enough to search, sort and draw 100,000 of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from altlas_runner.last_file.report.measures import concurrency_of
from altlas_runner.last_file.report.run_record import ID_LENGTH, NEVER
from altlas_runner.last_file.visible_text import shortened
from altlas_runner.statuses import TaskStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from altlas_runner.last_file.report.critical_path import CriticalPath
    from altlas_runner.last_file.report.failure_groups import FailureGroup
    from altlas_runner.last_file.report.run_record import RunRecord, Try

__all__ = ["index_of"]

_STATUSES = list(TaskStatus)
_DIGIT_OF = {status: str(digit) for digit, status in enumerate(_STATUSES)}
_TAG_LENGTH = 80
_MAX_TAGS = 500


def index_of(
    record: RunRecord,
    path: CriticalPath,
    groups: Sequence[FailureGroup],
    group_of: Mapping[int, int],
    box_of: Sequence[int] | None,
) -> dict[str, Any]:
    """The columns of all tasks as one JSON object.

    A column is a list with one entry a task; what few tasks have is an object by task index.

    Args:
        record: the run.
        path: its critical path.
        groups: its failures by cause.
        group_of: of each failed task its group.
        box_of: of each task the group of the collapsed graph, or None when the graph is drawn whole.
    """
    tags, tagged = _tags(record)
    usages = [None if result is None else result.usage for result in record.results]
    codes = {
        task: result.error_code[:_TAG_LENGTH]
        for task, result in enumerate(record.results)
        if result is not None and result.error_code
    }
    return {
        "run": record.last_file.id,
        "total": max(record.total_ms, max(record.ends, default=0)),
        "statuses": _STATUSES,
        "ids": [task_id if len(task_id) <= ID_LENGTH else task_id[:ID_LENGTH] for task_id in record.graph.task_ids],
        "cut": [task for task, task_id in enumerate(record.graph.task_ids) if len(task_id) > ID_LENGTH],
        "status": "".join(map(_DIGIT_OF.__getitem__, record.graph.statuses)),
        "ready": record.ready,
        "start": record.starts,
        "end": record.ends,
        "took": [record.duration(task) for task in range(len(record))],
        "tries": _tries(record),
        "tokens": [NEVER if usage is None else usage.input_tokens + usage.output_tokens for usage in usages],
        "cost": {task: usage.cost for task, usage in enumerate(usages) if usage and usage.cost is not None},
        "slack": path.slack,
        "critical": path.tasks,
        "code": codes,
        "group": group_of,
        "groups": [group.code or group.reason[:_TAG_LENGTH] for group in groups],
        "tags": tags,
        "tagged": tagged,
        "box": box_of,
        "concurrency": concurrency_of(record),
    }


def _tags(record: RunRecord) -> tuple[list[str], dict[int, list[int]]]:
    """The tags by name, and of each task that has any their indices; beyond 500 different ones they are left out."""
    names: dict[str, str] = {}
    index: dict[str, int] = {}
    tagged: dict[int, list[int]] = {}
    for task, note in enumerate(record.notes):
        found = []
        for tag in note.tags:
            if tag not in names:
                names[tag] = shortened(tag, _TAG_LENGTH)
            if names[tag] in index or len(index) < _MAX_TAGS:
                found.append(index.setdefault(names[tag], len(index)))
        if found:
            tagged[task] = found
    return list(index), tagged


def _tries(record: RunRecord) -> dict[int, list[tuple[int, int, int]]]:
    """The attempts of each task whose only attempt is not all of its time."""
    return {
        task: [(start, end, int(_DIGIT_OF[status])) for start, end, status in tries]
        for task, tries in enumerate(record.tries)
        if tries and not _is_all(tries, record, task)
    }


def _is_all(tries: Sequence[Try], record: RunRecord, task: int) -> bool:
    return tries == [(record.starts[task], record.ends[task], record.graph.statuses[task])]

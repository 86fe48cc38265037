"""Failures grouped by cause: 900 tasks that failed for one reason are one entry."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from altlas_runner.last_file.visible_text import shortened
from altlas_runner.statuses import TaskStatus

if TYPE_CHECKING:
    from altlas_runner.last_file.report.run_record import RunRecord

__all__ = ["FailureGroup", "failure_groups"]

_REASON_LENGTH = 800
_MAX_GROUPS = 1_000

_VARYING = re.compile(
    r"'[^'\n]{1,200}'|\"[^\"\n]{1,200}\"|\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b|\d+"
)


@dataclass(slots=True)
class FailureGroup:
    """Tasks that failed for what looks like one reason.

    Attributes:
        status: failed, timeout or cancelled.
        code: the typed reason, or empty.
        reason: the words of the first of them, shortened.
        tasks: in file order.
        attempts: of all of them together.
        skipped: how many tasks were skipped because of them.
        alike: whether all of them say the same words.
    """

    status: TaskStatus
    code: str
    reason: str
    tasks: list[int] = field(default_factory=list)
    attempts: int = 0
    skipped: int = 0
    alike: bool = True


def failure_groups(record: RunRecord) -> tuple[list[FailureGroup], dict[int, int]]:
    """Group what failed, timed out or was cancelled.

    Two failures are of one group when status and code are the same and their words differ in numbers, quoted texts and
    ids only. Groups come with failures first, the largest first.

    Returns:
        The groups, and of each of their tasks the index of its group.
    """
    found: dict[tuple[str, str, str], FailureGroup] = {}
    group_of: dict[int, FailureGroup] = {}
    words: dict[str, str] = {}
    for task, result in enumerate(record.results):
        if result is None or result.status not in (TaskStatus.FAILED, TaskStatus.TIMEOUT, TaskStatus.CANCELLED):
            continue
        error = result.error or "no reason given"
        pattern = words.get(error) or words.setdefault(error, _VARYING.sub("…", error[: 4 * _REASON_LENGTH]))
        key = (result.status, result.error_code or "", pattern)
        if len(found) >= _MAX_GROUPS and key not in found:
            key = (result.status, "", "")
        reason = shortened(error, _REASON_LENGTH) if key[2] else "other reasons"
        group = found.setdefault(key, FailureGroup(result.status, shortened(key[1], 80), reason))
        group.alike = group.alike and group.reason == reason
        group.tasks.append(task)
        group.attempts += len(record.tries[task])
        group_of[task] = group
    for cause in record.causes.values():
        if cause in group_of:
            group_of[cause].skipped += 1
    groups = sorted(found.values(), key=lambda g: (g.status is TaskStatus.CANCELLED, -len(g.tasks), g.tasks[0]))
    numbers = {id(group): number for number, group in enumerate(groups)}
    return groups, {task: numbers[id(group)] for task, group in group_of.items()}

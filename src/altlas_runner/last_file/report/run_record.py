"""The LAST file by task index: what every part of the report is computed from."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING
from urllib.parse import quote

from altlas_runner.last_file.graph import RunGraph, notes_by_id
from altlas_runner.last_file.models import as_utc
from altlas_runner.last_file.report.causes import causes_of_skips
from altlas_runner.last_file.task_notes import TaskNote
from altlas_runner.last_file.visible_text import shortened
from altlas_runner.statuses import TaskStatus

if TYPE_CHECKING:
    from datetime import datetime

    from altlas_runner.last_file.models import LastFile
    from altlas_runner.results import TaskResult, Usage

__all__ = ["ID_LENGTH", "NEVER", "RunRecord", "Try"]

ID_LENGTH = 200
"""Characters of a task id that are shown; a longer one is linked by its index."""

NEVER = -1
"""Stands for a time that was never reached."""

Try = tuple[int, int, TaskStatus]
"""An attempt: start, end and status."""

_MILLISECOND = timedelta(milliseconds=1)


class RunRecord:
    """A run in lists. A task is its index; times are milliseconds since the run began.

    Attributes:
        graph: ids, statuses and dependencies.
        order: the tasks with dependencies first.
        results: of each task, or None.
        positions: of each task the index of its result in the LAST file, or None.
        notes: of each task.
        causes: of each skipped task the one at which the trouble began.
        starts: when each task first got a slot, or NEVER.
        ends: when it ended, or NEVER.
        ready: when its last dependency had ended, or NEVER when it never started.
        tries: its attempts.
    """

    def __init__(self, last_file: LastFile) -> None:
        self.last_file = last_file
        note_of = notes_by_id(last_file)
        self.graph = RunGraph.from_last_file(last_file, note_of)
        self.order = self.graph.in_order()
        position_of = {result.task_id: index for index, result in enumerate(last_file.task_results)}
        self.positions = [position_of.get(task_id) for task_id in self.graph.task_ids]
        self.results = [None if p is None else last_file.task_results[p] for p in self.positions]
        self.notes = [note_of.get(task_id) or TaskNote(task_id) for task_id in self.graph.task_ids]
        self.causes = causes_of_skips(self.graph, self.order)
        self._began = as_utc(last_file.execution_started)
        self.total_ms = last_file.total_execution_time_ms
        self.tries = [self._tries(result) for result in self.results]
        self.starts = [NEVER if r is None else self._since(r.started_at) for r in self.results]
        self.ends = [
            NEVER if r is None or start == NEVER else max(start, self._since(r.completed_at))
            for r, start in zip(self.results, self.starts, strict=True)
        ]
        self.ready = [
            NEVER if start == NEVER else min(start, max((0, *(self.ends[d] for d in dependencies))))
            for start, dependencies in zip(self.starts, self.graph.dependencies, strict=True)
        ]

    def __len__(self) -> int:
        return len(self.graph.task_ids)

    def label(self, task: int) -> str:
        """The id of a task, as long as it can be shown."""
        return shortened(self.graph.task_ids[task], ID_LENGTH)

    def link(self, task: int) -> str:
        """The address of a task on the page, without `#`: `task=<id>`, or `task=@<index>` where the id is too long."""
        task_id = self.graph.task_ids[task]
        return f"task={quote(task_id, safe='')}" if len(task_id) <= ID_LENGTH else f"task=@{task}"

    def duration(self, task: int) -> int:
        """How long a task took, waits between attempts included; 0 when it never started."""
        result = self.results[task]
        return 0 if result is None or self.starts[task] == NEVER else result.execution_time_ms

    def wait_between(self, task: int) -> int:
        """How long a task waited between its attempts."""
        tries = self.tries[task]
        return sum(max(0, after[0] - before[1]) for before, after in pairwise(tries))

    def failed(self) -> list[int]:
        """The tasks that failed by themselves: failed and timeout."""
        return [t for t, s in enumerate(self.graph.statuses) if s in (TaskStatus.FAILED, TaskStatus.TIMEOUT)]

    def usages(self, task: int) -> list[Usage | None]:
        """What each try of a task used, where that was said; what an only one used is what its task did."""
        result, tries = self.results[task], self.tries[task]
        if result is None or len(tries) == 1:
            return [None if result is None else result.usage for _ in tries]
        return [attempt.usage for attempt in result.attempts[: len(tries)]]

    def _tries(self, result: TaskResult | None) -> list[Try]:
        if result is None or result.started_at is None:
            return []
        if result.attempts:
            return [(self._since(a.started_at), self._since(a.ended_at), a.status) for a in result.attempts]
        return [(self._since(result.started_at), self._since(result.completed_at or result.started_at), result.status)]

    def _since(self, moment: datetime | None) -> int:
        if moment is None:
            return NEVER
        return max(0, (as_utc(moment) - self._began) // _MILLISECOND)

"""Where the tasks of a run stand: kept up to date by the run's events, and put into words. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from altlas_runner.last_file.report.formats import format_duration
from altlas_runner.last_file.visible_text import shortened, visible
from altlas_runner.results import TaskResult
from altlas_runner.statuses import TaskStatus
from altlas_runner.task_manager import (
    Event,
    RunFinished,
    RunPaused,
    RunResumed,
    RunStarted,
    TaskFinished,
    TaskProgress,
    TaskReady,
    TaskStarted,
    TaskWaiting,
)

__all__ = ["COLOURS", "Line", "Standing", "cached_since", "end_line", "wait_line"]

COLOURS = {
    "completed": "green",
    "failed": "red",
    "timeout": "red",
    "cancelled": "magenta",
    "skipped": "yellow",
    "waiting": "yellow",
}
"""The colour of the word that a line begins with, for click and for rich."""

_MOST_RUNNING = 8
_MOST_WAITING = 4
_MOST_FAILURES = 3
_LONGEST_ID = 60
_LONGEST_REASON = 160

_ENOUGH_TASKS = 5
_ENOUGH_SECONDS = 2.0
_ENOUGH_OF_ALL = 0.02
_RAN = (TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.TIMEOUT)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of progress.

    Attributes:
        word: what the line says of its task (a key of `COLOURS`, or another word), or empty.
        text: the rest, safe for a terminal; it may be longer than the terminal is wide.
    """

    word: str
    text: str

    def __str__(self) -> str:
        return f"{self.word:<9}  {self.text}" if self.word else self.text


@dataclass
class Standing:
    """Counts of a run, and those of its tasks that are under way.

    Every task is in one place: blocked, ready, running, waiting or ended.

    Attributes:
        total: tasks of the run.
        ended: how many ended, by status.
        ready: ids of the tasks that may start and have no slot.
        running: the attempts that are under way, by task id, the longest first.
        waiting: the waits between attempts, by task id, the oldest first.
        queued: why, by task id, for those that are under way but wait for room at their service.
        cached: how many were answered from the cache.
        kept: how many had ended before the run was resumed.
        failures: the last few tasks that failed or passed their deadline.
        started_at: when the run began, or None.
        finished_at: when it ended, or None.
        paused_at: since when it is paused, or None.
    """

    total: int = 0
    ended: dict[TaskStatus, int] = field(default_factory=dict)
    done: int = 0
    ready: set[str] = field(default_factory=set)
    running: dict[str, TaskStarted] = field(default_factory=dict)
    waiting: dict[str, TaskWaiting] = field(default_factory=dict)
    queued: dict[str, str] = field(default_factory=dict)
    cached: int = 0
    kept: int = 0
    failures: deque[TaskResult] = field(default_factory=lambda: deque(maxlen=_MOST_FAILURES))
    started_at: datetime | None = None
    finished_at: datetime | None = None
    paused_at: datetime | None = None
    _paused_seconds: float = 0.0

    @property
    def blocked(self) -> int:
        """How many tasks wait for their dependencies."""
        return self.total - self.done - len(self.ready) - len(self.running) - len(self.waiting)

    def apply(self, event: Event) -> None:
        """Take the next event of the run into account."""
        kind = type(event)
        if kind is TaskFinished:
            self._end(event.result)  # type: ignore[union-attr]
        elif kind is TaskStarted:
            task_id = event.task_id  # type: ignore[union-attr]
            self.ready.discard(task_id)
            self.running[task_id] = event  # type: ignore[assignment]
        elif kind is TaskReady:
            task_id = event.task_id  # type: ignore[union-attr]
            self.waiting.pop(task_id, None)
            self.ready.add(task_id)
        else:
            self._apply_rare(event)

    def _end(self, result: TaskResult) -> None:
        task_id, status = result.task_id, result.status
        if self.running.pop(task_id, None) is None:
            self.ready.discard(task_id)
            self.waiting.pop(task_id, None)
        self.queued.pop(task_id, None)
        self.done += 1
        self.ended[status] = self.ended.get(status, 0) + 1
        if status is TaskStatus.FAILED or status is TaskStatus.TIMEOUT:
            self.failures.append(result)

    def _apply_rare(self, event: Event) -> None:
        match event:
            case TaskWaiting(task_id=task_id):
                self.running.pop(task_id, None)
                self.queued.pop(task_id, None)
                self.waiting[task_id] = event
            case TaskProgress(task_id=task_id, kind="waits_for_room", fields={"reason": str(reason)}):
                self.queued[task_id] = reason
            case TaskProgress(kind="cache_hit"):
                self.cached += 1
            case TaskProgress(task_id=task_id, kind="has_room"):
                self.queued.pop(task_id, None)
            case RunStarted():
                self.total, self.started_at = event.task_count, event.at
                self.kept = self.done = event.kept
            case RunPaused():
                self.paused_at = event.at
            case RunResumed() if self.paused_at is not None:
                self._paused_seconds += (event.at - self.paused_at).total_seconds()
                self.paused_at = None
            case RunFinished():
                self.finished_at = event.at

    def elapsed_seconds(self, now: datetime) -> float:
        """Seconds since the run began, until its end when it has ended."""
        if self.started_at is None:
            return 0.0
        return max(0.0, ((self.finished_at or now) - self.started_at).total_seconds())

    def remaining_seconds(self, now: datetime) -> float | None:
        """About how long the rest will take at the pace so far; None while nobody can know.

        The pace is that of the tasks that ran: skipped and cancelled ones say nothing about it. Nothing is said before
        five tasks and a fiftieth of all have run, in the first two seconds, and during a pause.
        """
        ran = sum(self.ended.get(status, 0) for status in _RAN)
        left = self.total - self.done
        active = self.elapsed_seconds(now) - self._paused_seconds
        if self.paused_at is not None or not left or active < _ENOUGH_SECONDS:
            return None
        if ran < _ENOUGH_TASKS or ran < _ENOUGH_OF_ALL * self.total:
            return None
        return active / ran * left

    def summary(self, now: datetime) -> str:
        """One line for everything: ` 60 %  3/5  3 completed  2 running  12.0 s  ETA 8.0 s`."""
        if self.started_at is None:
            return "starting"
        percent = 100 * self.done // self.total if self.total else 100
        parts = [f"{percent:3} %", f"{self.done:,}/{self.total:,}"]
        parts += [f"{self.ended[status]:,} {status}" for status in TaskStatus if status in self.ended]
        if self.kept:
            parts.append(f"{self.kept:,} from before")
        if self.cached:
            parts.append(f"{self.cached:,} from the cache")
        queued = len(self.queued)
        others = {
            "waiting": len(self.waiting) + queued,
            "ready": len(self.ready),
            "running": len(self.running) - queued,
        }
        parts += [f"{count:,} {word}" for word, count in others.items() if count]
        parts.append(format_duration(self.elapsed_seconds(now) * 1000))
        remaining = self.remaining_seconds(now)
        if self.paused_at is not None:
            parts.append("paused")
        elif remaining is not None:
            parts.append(f"ETA {format_duration(remaining * 1000)}")
        return "  ".join(parts)

    def view(self, now: datetime, most: int) -> list[Line]:
        """What a display shows: the summary, then waits, running tasks and the latest failures.

        Args:
            now: an instant on the clock of the events.
            most: no more lines than this, the summary among them; 1 or more.
        """
        lines = [Line("", self.summary(now))]
        if self.finished_at is not None:
            return [*lines, Line("", "writing the bundle")][:most]
        room = most - 1
        failures = list(self.failures)[-(room // 4) :] if room >= 4 else []
        room -= len(failures)
        waits = (wait_line(wait, now) for wait in self.waiting.values())
        lines += _section(waits, len(self.waiting), min(_MOST_WAITING, room // 2), "waiting")
        room = most - len(lines) - len(failures)
        running = (_running_line(start, self.queued.get(start.task_id), now) for start in self.running.values())
        lines += _section(running, len(self.running), min(_MOST_RUNNING, room), "running")
        return lines + [end_line(result) for result in failures]


def end_line(result: TaskResult) -> Line:
    """How a task ended, on one line."""
    reason = f"{result.error_code or 'FAILED'}: {result.error}" if result.error else result.error_code or ""
    took = "" if result.started_at is None else format_duration(result.execution_time_ms)
    origin = "from the cache" if cached_since(result) is not None else ""
    parts = [_id(result.task_id), took, visible(shortened(reason, _LONGEST_REASON)), origin]
    return Line(str(result.status), "  ".join(part for part in parts if part))


def cached_since(result: TaskResult) -> str | None:
    """Since when the output of a task has been in the cache that it comes from; None when it comes from none."""
    match result.metadata:
        case {"cache": {"hit": True, "stored_at": str(stored_at)}}:
            return stored_at
    return None


def wait_line(wait: TaskWaiting, now: datetime) -> Line:
    """A wait, how much is left of it, and its reason, on one line."""
    left = format_duration((wait.until - now).total_seconds() * 1000)
    reason = visible(shortened(wait.reason, _LONGEST_ID))
    return Line("waiting", f"{_id(wait.task_id)}  attempt {wait.number} in {left} ({reason})")


def _running_line(start: TaskStarted, waits_because: str | None, now: datetime) -> Line:
    since = format_duration((now - start.at).total_seconds() * 1000)
    again = f"  attempt {start.number}" if start.number > 1 else ""
    if waits_because is not None:
        return Line(
            "waiting",
            f"{_id(start.task_id)}  {since}{again} for room ({visible(shortened(waits_because, _LONGEST_ID))})",
        )
    return Line("running", f"{_id(start.task_id)}  {since}{again}")


def _section(lines: Iterable[Line], count: int, most: int, word: str) -> list[Line]:
    """The first of `count` lines, and how many more there are, on at most so many lines."""
    if most < 1:
        return []
    if count <= most:
        return list(lines)
    return [*islice(lines, most - 1), Line("", f"  +{count - most + 1:,} more {word}")]


def _id(task_id: str) -> str:
    return visible(shortened(task_id, _LONGEST_ID))

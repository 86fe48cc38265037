"""Live progress on stderr, drawn from the events of a run."""

from __future__ import annotations

import json
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Literal

import click
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from altlas_runner.results import TaskResult
from altlas_runner.statuses import TaskStatus
from altlas_runner.task_manager import (
    Event,
    RunStarted,
    TaskFinished,
    TaskReady,
    TaskStarted,
    TaskWaiting,
)

__all__ = ["Progress", "ProgressMode", "duration"]

ProgressMode = Literal["auto", "tty", "plain", "json", "none"]

_STYLES = {
    TaskStatus.COMPLETED: "green",
    TaskStatus.FAILED: "red",
    TaskStatus.TIMEOUT: "red",
    TaskStatus.CANCELLED: "magenta",
    TaskStatus.SKIPPED: "yellow",
}
_MOST_LINES = 8


@dataclass
class Counts:
    """Where the tasks of a run stand, kept up to date by its events."""

    total: int = 0
    finished: dict[TaskStatus, int] = field(default_factory=dict)
    running: dict[str, float] = field(default_factory=dict)
    waiting: dict[str, TaskWaiting] = field(default_factory=dict)

    def apply(self, event: Event, now: float) -> None:
        """Take one event into account; `now` is an instant of a clock that only goes forward."""
        match event:
            case RunStarted():
                self.total = event.task_count
            case TaskStarted():
                self.running[event.task_id] = now
            case TaskWaiting():
                self.running.pop(event.task_id, None)
                self.waiting[event.task_id] = event
            case TaskReady():
                self.waiting.pop(event.task_id, None)
            case TaskFinished():
                self.running.pop(event.task_id, None)
                self.waiting.pop(event.task_id, None)
                status = event.result.status
                self.finished[status] = self.finished.get(status, 0) + 1

    def line(self, elapsed: float) -> str:
        """One line for everything: `60 %  3/5  3 completed  2 running  12 s  ETA 8 s`."""
        done = sum(self.finished.values())
        parts = [f"{100 * done // max(self.total, 1):3} %", f"{done:,}/{self.total:,}"]
        parts += [f"{count:,} {status}" for status, count in self.finished.items()]
        parts += [f"{len(self.waiting):,} waiting"] if self.waiting else []
        parts += [f"{len(self.running):,} running", duration(elapsed)]
        if 0 < done < self.total:
            parts.append(f"ETA {duration(elapsed / done * (self.total - done))}")
        return "  ".join(parts)


class Progress:
    """Shows a run while it goes on; `on_event` takes its events.

    Args:
        mode: tty redraws a few lines at most ten times a second; plain writes a line per finished or waiting task;
            json writes each event as a line of JSON; none is silent; auto is tty on a terminal, else plain.
    """

    def __init__(self, mode: ProgressMode) -> None:
        if mode == "auto":
            mode = "tty" if sys.stderr.isatty() else "plain"
        self._mode = mode
        self._counts = Counts()
        self._began = time.monotonic()

    def showing(self) -> AbstractContextManager[object]:
        """The block during which progress is drawn."""
        if self._mode != "tty":
            return nullcontext()
        return Live(console=Console(stderr=True), get_renderable=self._draw, refresh_per_second=10, transient=True)

    def on_event(self, event: Event) -> None:
        """Take one event of the run."""
        self._counts.apply(event, time.monotonic())
        if self._mode == "json":
            click.echo(_as_json(event), err=True)
        elif self._mode == "plain":
            match event:
                case TaskFinished(result=result):
                    click.echo(_plain_end(result), err=True)
                case TaskWaiting():
                    wait = duration((event.until - event.at).total_seconds())
                    text = f"waiting    {event.task_id}  attempt {event.number} in {wait} ({event.reason})"
                    click.echo(_one_line(text), err=True)

    def _draw(self) -> Group:
        now = time.monotonic()
        lines = [Text(self._counts.line(now - self._began), no_wrap=True, overflow="ellipsis")]
        for task_id, wait in list(self._counts.waiting.items())[:_MOST_LINES]:
            lines.append(
                Text(f"  waiting  {_one_line(task_id)}  attempt {wait.number} ({wait.reason})", style="yellow")
            )
        for task_id, since in list(self._counts.running.items())[:_MOST_LINES]:
            lines.append(Text(f"  running  {_one_line(task_id)}  {duration(now - since)}", no_wrap=True))
        hidden = len(self._counts.running) - _MOST_LINES
        if hidden > 0:
            lines.append(Text(f"  … and {hidden:,} more running"))
        return Group(*lines)


def duration(seconds: float) -> str:
    """A duration as people say it.

    Example:
        >>> duration(0.04), duration(12.34), duration(64), duration(3700)
        ('40 ms', '12.3 s', '1m04', '1h01m')
    """
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m{rest:02}"
    return f"{minutes // 60}h{minutes % 60:02}m"


def _plain_end(result: TaskResult) -> str:
    status = click.style(f"{result.status:<10}", fg=_STYLES[result.status])
    reason = f"  {result.error_code}: {result.error}" if result.error else ""
    return f"{status} {_one_line(result.task_id)}  {duration(result.execution_time_ms / 1000)}{_one_line(reason)}"


def _one_line(text: str, most: int = 200) -> str:
    """Text from a file or a service, made safe for a terminal and short enough for a line."""
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return text if len(text) <= most else text[: most - 1] + "…"


def _as_json(event: Event) -> str:
    from pydantic_core import to_jsonable_python

    return json.dumps({"event": type(event).__name__, **to_jsonable_python(event)}, ensure_ascii=False)

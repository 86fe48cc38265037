"""Progress for logs: a line for each notable fact, and never a flood. Pure.

Its clock is that of the events, so the same run gives the same lines.
"""

from __future__ import annotations

from altlas_runner.cli.standing import Line, Standing, end_line, wait_line
from altlas_runner.statuses import TaskStatus
from altlas_runner.task_manager import (
    Event,
    RunFinished,
    RunPaused,
    RunResumed,
    RunStarted,
    TaskFinished,
    TaskWaiting,
)

__all__ = ["PlainLines"]

_SHORTEST_PERIOD_SECONDS = 5.0
_LONGEST_PERIOD_SECONDS = 60.0
_PERIOD_OF_ELAPSED = 0.1
_MOST_A_PERIOD = 20


class PlainLines:
    """Makes the lines that each event of a run is worth.

    Failures always get a line. Tasks that complete, wait, are skipped or cancelled share 20 lines a period; the summary
    that ends a period in which any task ended says how many lines were left out. A period is a tenth of the time since
    the run began, at least 5 s and at most a minute: a long run gives few lines an hour.
    """

    def __init__(self) -> None:
        self._standing = Standing()
        self._period_start: float | None = None
        self._shown = 0
        self._left_out = 0
        self._done_before = 0

    def lines(self, event: Event) -> list[Line]:
        """The lines for the next event, in order; mostly none."""
        standing = self._standing
        standing.apply(event)
        now, elapsed = event.at.timestamp(), standing.elapsed_seconds(event.at)
        if self._period_start is None:
            self._period_start = now
        lines: list[Line] = []
        match event:
            case TaskFinished(result=result):
                if result.status in (TaskStatus.FAILED, TaskStatus.TIMEOUT) or self._has_room():
                    lines.append(end_line(result))
            case TaskWaiting():
                if self._has_room():
                    lines.append(wait_line(event, event.at))
            case RunStarted():
                lines.append(Line("started", f"{event.run_id}  {event.kept:,}/{event.task_count:,}"))
            case RunPaused():
                lines.append(Line("paused", standing.summary(event.at)))
            case RunResumed():
                lines.append(Line("resumed", standing.summary(event.at)))
        period = min(max(_SHORTEST_PERIOD_SECONDS, _PERIOD_OF_ELAPSED * elapsed), _LONGEST_PERIOD_SECONDS)
        over = now - self._period_start >= period
        if isinstance(event, RunFinished) or (over and (self._left_out or standing.done > self._done_before)):
            left_out = f"  ({self._left_out:,} lines left out)" if self._left_out else ""
            lines.append(Line("", standing.summary(event.at) + left_out))
        if over:
            self._period_start, self._shown, self._left_out, self._done_before = now, 0, 0, standing.done
        return lines

    def _has_room(self) -> bool:
        """Whether one more ordinary line may be shown in this period; counts it."""
        self._shown += 1
        if self._shown <= _MOST_A_PERIOD:
            return True
        self._left_out += 1
        return False

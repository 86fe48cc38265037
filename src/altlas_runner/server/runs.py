"""The runs of the service: who waits, who runs, how each ended."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from altlas_runner.alt_file import AltFile, Diagnostic
from altlas_runner.errors import AltlasRunnerError, AltParseError, ConfigurationError
from altlas_runner.event_json import event_to_json
from altlas_runner.execution import Preferences
from altlas_runner.last_file import LastFile
from altlas_runner.last_file.bundle import REPORT_NAME
from altlas_runner.last_file.models import RESULT_NAME
from altlas_runner.runner import Runner
from altlas_runner.server.config import ServerConfig
from altlas_runner.server.event_log import EventLog
from altlas_runner.server.models import RunState, shown_title
from altlas_runner.statuses import TaskStatus
from altlas_runner.task_manager import Event, new_run_id
from altlas_runner.task_manager.events import RunFinished, RunStarted, TaskFinished, TaskStarted, TaskWaiting

__all__ = ["END_REASONS", "QueueFullError", "Run", "Runs", "StoppingError"]

_log = logging.getLogger("altlas_runner")

_MOST_EVENT_BYTES = 64 << 20
"""Of the events of all ended runs that are kept."""

END_REASONS = {
    "CANCELLED": "the run was cancelled",
    "RUN_DEADLINE": "the run's deadline passed",
    "FAIL_FAST": "a task failed, and the run was to end then",
    "BUDGET_EXCEEDED": "the budget of the run was used up",
    "JOURNAL_IO": "its journal could not be written; what is left can be resumed when there is room again",
}
"""Why a run ended early, in words, by the code that stands in its events and results."""


class QueueFullError(AltlasRunnerError):
    """As many runs wait as may."""


class StoppingError(AltlasRunnerError):
    """The service stops, and takes no further run."""


@dataclass(eq=False)
class Run:
    """One run, from its acceptance on.

    Attributes:
        id: the id of the run, and of its LAST file.
        title: of the ALT file, as far as it is shown.
        task_count: how many tasks it has.
        created_at: when it was accepted.
        state: where it stands.
        events: what happened so far.
        counts: how many tasks have each status.
        started_at: when it began.
        completed_at: when it had ended and its bundle was written.
        last_file_path: the LAST file, once it is there.
        report_path: the report, once it is there.
        error: why there is no LAST file, or why the run ended early.
        refusal: the problems of a file that could not be run; empty when `error` alone says why, None when it was run.
        summary: the fields of an `/execute` answer, once there is a LAST file.
    """

    id: str
    title: str
    task_count: int
    created_at: datetime
    state: RunState = RunState.QUEUED
    events: EventLog = field(default_factory=EventLog)
    counts: Counter[TaskStatus] = field(default_factory=Counter)
    started_at: datetime | None = None
    completed_at: datetime | None = None
    last_file_path: str | None = None
    report_path: str | None = None
    error: str | None = None
    refusal: list[Diagnostic] | None = None
    summary: dict[str, Any] | None = None
    cancelled_because: str | None = None
    done: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True, eq=False)
class _Order:
    """What a run needs until it has ended."""

    run: Run
    size: int
    alt_file: AltFile
    inputs: Mapping[str, Any]
    preferences: Preferences
    provenance: Mapping[str, str]
    statuses: dict[str, TaskStatus] = field(default_factory=dict)


class Runs:
    """Takes runs, starts them in order, keeps what is to be known of them.

    Args:
        runner: runs them; open.
        limits: how many may run and wait, and how many ended ones are kept.
    """

    def __init__(self, runner: Runner, limits: ServerConfig) -> None:
        self._runner = runner
        self._limits = limits
        self._waiting: deque[_Order] = deque()
        self._called_off: deque[_Order] = deque()  # cancelled while they waited
        self._running: dict[str, asyncio.Task[None]] = {}
        self._runs: dict[str, Run] = {}  # the newest last
        self._ended: deque[Run] = deque()  # in the order of their ends
        self._ended_bytes = 0
        self.ended_by_state: Counter[RunState] = Counter()
        self.ended_tasks: Counter[TaskStatus] = Counter()
        self.stopping = False

    @property
    def queued(self) -> int:
        """How many wait."""
        return len(self._waiting) + len(self._called_off)

    @property
    def running(self) -> int:
        """How many run."""
        return len(self._running)

    def check_room(self, size: int = 0) -> None:
        """Whether a run of so many bytes would be accepted now.

        Raises:
            StoppingError: the service stops.
            QueueFullError: as many wait as may.
        """
        if self.stopping:
            raise StoppingError("the service is stopping and takes no further run")
        if len(self._running) < self._limits.max_running:
            return
        waiting = sum(order.size for order in (*self._waiting, *self._called_off))
        if self.queued >= self._limits.max_queued or (waiting and waiting + size > self._limits.max_queued_bytes):
            raise QueueFullError(f"{self.queued} runs wait already; try again later")

    def submit(
        self,
        alt_file: AltFile,
        *,
        size: int,
        inputs: Mapping[str, Any],
        preferences: Preferences,
        provenance: Mapping[str, str],
    ) -> Run:
        """Accept a run, and start it as soon as there is room.

        Args:
            alt_file: what is run; it has no errors.
            size: of the file in bytes.
            inputs: values by name, for every reference to one.
            preferences: what to ask the AI service for where a task does not say.
            provenance: where the file comes from.

        Raises:
            StoppingError: the service stops.
            QueueFullError: as many wait as may.
        """
        self.check_room(size)
        run = Run(new_run_id(), shown_title(alt_file.title), len(alt_file.tasks), datetime.now(UTC))
        run.counts[TaskStatus.PENDING] = run.task_count
        self._runs[run.id] = run
        self._waiting.append(_Order(run, size, alt_file, inputs, preferences, provenance))
        self._start_next()
        return run

    def __contains__(self, run_id: object) -> bool:
        """Whether the run with this id is in memory."""
        return run_id in self._runs

    def find(self, run_id: str) -> Run | None:
        """The run with this id, or None when there is none in memory."""
        return self._runs.get(run_id)

    def newest_first(self) -> list[Run]:
        """Every run in memory."""
        return list(reversed(self._runs.values()))

    def cancel(self, run: Run, reason: str) -> None:
        """End a run: what runs is told to stop, its bundle is written all the same. One that has ended stays as it is.

        One that waits gets its bundle, too, with every task cancelled; it waits no longer for those before it.
        """
        if run.cancelled_because is None and not run.state.has_ended:
            run.cancelled_because = reason
            self._runner.cancel(reason, run_id=run.id)
            for order in [order for order in self._waiting if order.run is run]:
                self._waiting.remove(order)
                self._called_off.append(order)
            self._start_next()

    async def stop(self, grace_seconds: float) -> None:
        """Take no further run. Those that run are cancelled after so long, those that wait at once.

        Returns when the bundle of each is written.
        """
        self.stopping = True
        for order in list(self._waiting):
            self.cancel(order.run, "the service stopped before the run could start")
        if self._running:
            _log.info("stopping: %d runs may go on for %g s", len(self._running), grace_seconds)
        try:
            async with asyncio.timeout(grace_seconds):
                await self._all_ended()
        except TimeoutError:
            self.hurry()
            await self._all_ended()

    def hurry(self) -> None:
        """Cancel every run."""
        for run in list(self._runs.values()):
            self.cancel(run, "the service stopped")

    async def _all_ended(self) -> None:
        while self._running:
            await asyncio.wait(self._running.values())

    def _start_next(self) -> None:
        while self._called_off and len(self._running) <= self._limits.max_running:  # one more: it asks for nothing
            self._start(self._called_off.popleft())
        while self._waiting and len(self._running) < self._limits.max_running:
            self._start(self._waiting.popleft())

    def _start(self, order: _Order) -> None:
        self._running[order.run.id] = asyncio.get_running_loop().create_task(self._perform(order))

    async def _perform(self, order: _Order) -> None:
        run = order.run
        run.state = RunState.RUNNING
        run.started_at = datetime.now(UTC)
        try:
            last_file = await self._runner.execute(
                order.alt_file,
                on_event=lambda event: self._on_event(order, event),
                inputs=order.inputs,
                provenance=order.provenance,
                run_id=run.id,
                preferences=order.preferences,
            )
            self._note_end(run, last_file)
        except AltlasRunnerError as error:
            self._note_failure(run, error, str(error))
        except asyncio.CancelledError:
            self._note_failure(run, None, "the service stopped")
            raise
        except Exception as error:
            _log.exception("run %s failed", run.id)
            self._note_failure(run, error, "an error inside the service; its log says more")
        finally:
            run.completed_at = datetime.now(UTC)
            run.events.end()
            run.done.set()
            del self._running[run.id]
            self.ended_by_state[run.state] += 1
            self._forget_old(run)
            self._start_next()

    def _on_event(self, order: _Order, event: Event) -> None:
        run = order.run
        run.events.add(event_to_json(event))
        if isinstance(event, TaskStarted):
            self._move(order, event.task_id, TaskStatus.RUNNING)
        elif isinstance(event, TaskWaiting):
            self._move(order, event.task_id, TaskStatus.PENDING)
        elif isinstance(event, TaskFinished):
            self._move(order, event.task_id, event.result.status)
            self.ended_tasks[event.result.status] += 1
        elif isinstance(event, RunFinished):
            run.error = END_REASONS.get(event.reason or "")
        elif isinstance(event, RunStarted) and run.cancelled_because is not None:
            self._runner.cancel(run.cancelled_because, run_id=run.id)

    @staticmethod
    def _move(order: _Order, task_id: str, status: TaskStatus) -> None:
        counts = order.run.counts
        counts[order.statuses.get(task_id, TaskStatus.PENDING)] -= 1
        counts[status] += 1
        order.statuses[task_id] = status

    def _note_end(self, run: Run, last_file: LastFile) -> None:
        bundle = self._runner.bundle_path(last_file)
        run.counts = Counter(result.status for result in last_file.task_results)
        run.last_file_path = str(bundle / RESULT_NAME)
        run.report_path = str(bundle / REPORT_NAME)
        run.state = RunState(last_file.status)
        if run.cancelled_because is not None and run.state is not RunState.SUCCESS:
            run.state, run.error = RunState.CANCELLED, run.cancelled_because
        run.summary = {
            "last_file_id": last_file.id,
            "last_file_path": run.last_file_path,
            "report_path": run.report_path,
            "success_rate": last_file.success_rate,
            "execution_time_ms": last_file.total_execution_time_ms,
            "task_count": len(last_file.task_results),
            "successful_tasks": len(last_file.get_successful_tasks()),
            "failed_tasks": len(last_file.get_failed_tasks()),
        }

    @staticmethod
    def _note_failure(run: Run, error: Exception | None, text: str) -> None:
        run.state = RunState.FAILURE if run.cancelled_because is None else RunState.CANCELLED
        run.error = text
        if isinstance(error, AltParseError | ConfigurationError):
            run.refusal = error.diagnostics if isinstance(error, AltParseError) else []

    def _forget_old(self, run: Run) -> None:
        """Let the oldest ended runs go, but for their bundles."""
        self._ended.append(run)
        self._ended_bytes += run.events.size
        while len(self._ended) > self._limits.kept_runs or self._ended_bytes > _MOST_EVENT_BYTES:
            oldest = self._ended.popleft()
            self._ended_bytes -= oldest.events.size
            del self._runs[oldest.id]

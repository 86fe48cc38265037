"""TaskManager: an ALT file and an executor go in, a result for every task comes out."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from altlas_runner.alt_file import AltFile, Task, TaskGraph, validate_alt_file
from altlas_runner.alt_file.reference_checks import outputs_used_by
from altlas_runner.errors import AltValidationError, ConfigurationError, ReferenceNotFoundError
from altlas_runner.execution import NO_PREFERENCES, ArtifactStore, Executor, Preferences, RetryingExecutor, RunInfo
from altlas_runner.handlers import HandlerEngine, HandlerExecutor, HandlerHost, HandlerSource, collect_handlers
from altlas_runner.results import TaskResult
from altlas_runner.retrying import RetryPolicy
from altlas_runner.shared_slots import SharedSlots, SlottedExecutor
from altlas_runner.statuses import TaskStatus
from altlas_runner.task_manager.discretion import Discretion
from altlas_runner.task_manager.driver import Driver
from altlas_runner.task_manager.events import Event
from altlas_runner.task_manager.keeping import ArtifactKeeping
from altlas_runner.task_manager.ledger import Ledger
from altlas_runner.task_manager.observing import Observer, Observers
from altlas_runner.task_manager.plan import Restored, Schedule, plan_run
from altlas_runner.task_manager.scheduler import Scheduler
from altlas_runner.task_manager.signals import CancelAsked, CancelTaskAsked, PauseAsked, ResumeAsked, Signal
from altlas_runner.task_manager.spending import Spending
from altlas_runner.task_manager.substitution import Substitution

if TYPE_CHECKING:
    from altlas_runner.task_manager.journal.writer import Recorder

__all__ = ["TaskManager", "new_run_id"]


def new_run_id() -> str:
    """A fresh id for a run: its run id, request id and LAST file id are this one."""
    return f"last_{uuid4()}"


class TaskManager:
    """Runs the tasks of one ALT file, as concurrently as their dependencies and `max_concurrency` allow.

    A failed task never raises and never hangs the run: its dependents are skipped and the rest goes on.

    Args:
        alt_file: a valid ALT file.
        executor: makes the attempts: an `AiServiceClient` or anything that satisfies `Executor`.
            None when every task has a handler.
        max_concurrency: greatest number of attempts at one time; None is the number of CPUs.
        handlers: functions by the `parameters.task_type` of the tasks they do, or a list of those that `@handler`
            named. All other tasks go to the executor.
        engine: runs handlers of its own elsewhere, such as a `DaskExecutor`; `handlers` go before those.
        handler_host: runs the handlers, and is left open; None takes a new one for this run.
        artifacts_dir: where handlers put files, in a directory for each task; None takes a new temporary directory.
        artifact_store: keeps the artifacts of tasks as these complete, such as
            `LastFileGenerator.artifact_store(run_id)`; without one, what handlers and executors give away beside their
            outputs is not kept, and the results say so.
        on_event: called with every event, in order, on the event loop's thread: one observer or several. One that
            raises, or is slow (`Observers` says when), is removed and logged, and the run goes on.
        discretion: takes secrets out of what observers are told; None tells them everything.
        run_id: the id of the run; None makes a new one.
        seed: of the jitter between attempts; the same seed gives the same waits.
        stop_grace_seconds: how long an attempt may take to stop after its deadline or a cancel.
        inputs: the values that references to inputs stand for, by name; any JSON.
        schedule: which of several ready tasks of equal priority starts first: the first in the file, or with
            "critical-path" the one with the longest chain of tasks behind it.
        concurrency_groups: limits by name; of the tasks whose `parameters.concurrency_group` is that name only so many
            are attempted at one time.
        run_deadline_seconds: how long the run may take; what has not ended by then is cancelled (RUN_DEADLINE).
        fail_fast: whether the first task that fails, or passes its deadline, ends the run: what it stops is cancelled
            (FAIL_FAST).
        max_cost: what the run may cost, in the currency of the price table; None is no limit. Looked at before each
            attempt; when it is used up, what has not ended by then is cancelled (BUDGET_EXCEEDED).
        max_tokens_total: the same for tokens, sent and received together.
        preferences: what the run asks an AI service for where its tasks do not say.
        shared_slots: of which every attempt, also one of a handler, needs one besides; None when this run shares none
            with others.
        editions: how often a task was asked for something new when the run was resumed, by id.
        restored: what is known of the tasks from before the run was resumed.

    Raises:
        AltValidationError: the file has errors, or refers to an input that is not given.
        ConfigurationError: a limit is not positive, a task's concurrency group is no name, a handler cannot be used,
            or a task has none and there is no executor.
        TypeError: an observer is no plain function.

    Example:
        >>> results = await TaskManager(alt_file, client, max_concurrency=8).run()  # doctest: +SKIP
    """

    def __init__(
        self,
        alt_file: AltFile,
        executor: Executor | None,
        max_concurrency: int | None = None,
        *,
        handlers: HandlerSource | None = None,
        engine: HandlerEngine | None = None,
        handler_host: HandlerHost | None = None,
        artifacts_dir: Path | None = None,
        artifact_store: ArtifactStore | None = None,
        on_event: Observer | Sequence[Observer] | None = None,
        discretion: Discretion | None = None,
        run_id: str | None = None,
        seed: int | None = None,
        stop_grace_seconds: float = 5.0,
        inputs: Mapping[str, Any] | None = None,
        schedule: Schedule = "file-order",
        concurrency_groups: Mapping[str, int] | None = None,
        run_deadline_seconds: float | None = None,
        fail_fast: bool = False,
        max_cost: float | None = None,
        max_tokens_total: int | None = None,
        preferences: Preferences = NO_PREFERENCES,
        shared_slots: SharedSlots | None = None,
        editions: Mapping[str, int] | None = None,
        restored: Restored | None = None,
    ) -> None:
        if max_concurrency is not None and max_concurrency < 1:
            raise ValueError(f"max_concurrency must be 1 or more, not {max_concurrency}")
        if run_deadline_seconds is not None and not run_deadline_seconds > 0:
            raise ConfigurationError(f"the run's deadline must be more than 0 s, not {run_deadline_seconds}")
        for name, limit in (("max_cost", max_cost), ("max_tokens_total", max_tokens_total)):
            if limit is not None and not limit > 0:
                raise ConfigurationError(f"{name} must be more than 0, not {limit}")
        inputs = inputs or {}
        diagnostics = validate_alt_file(alt_file, inputs)
        if any(diagnostic.severity == "error" for diagnostic in diagnostics):
            raise AltValidationError(diagnostics)
        self.run_id = run_id or new_run_id()
        self._handlers = HandlerExecutor(
            alt_file,
            collect_handlers(handlers),
            executor,
            engine=engine,
            host=handler_host,
            artifacts_dir=artifacts_dir,
        )
        if executor is None or self._handlers.handled:
            executor = self._handlers
        self._executor = executor if shared_slots is None else SlottedExecutor(executor, shared_slots)
        self._keeping = ArtifactKeeping(artifact_store, self._handlers.files_of)
        self._max_concurrency = max_concurrency or os.cpu_count() or 1
        self._observers = Observers(on_event)
        self._discretion = discretion if self._observers else None
        policy = executor.retry_policy if isinstance(executor, RetryingExecutor) else RetryPolicy()
        graph = TaskGraph.from_alt_file(alt_file)
        self._plan = plan_run(
            alt_file,
            graph,
            policy.max_retries,
            handled=self._handlers.handled,
            schedule=schedule,
            concurrency_groups=concurrency_groups,
        )
        self._substitution = Substitution(alt_file, graph, inputs)
        self._policy = policy
        self._random = Random(seed)  # noqa: S311  jitter, not a secret
        self._stop_grace_seconds = stop_grace_seconds
        self._run_info = RunInfo(
            self.run_id,
            alt_file.mode.value,
            alt_file.persona,
            alt_file.metadata or {},
            editions or {},
            preferences,
        )
        self._run_deadline_seconds = run_deadline_seconds
        self._fail_fast = fail_fast
        limited = max_cost is not None or max_tokens_total is not None
        self._spending = Spending(max_cost, max_tokens_total) if limited else None
        self._restored = restored
        self._early: list[Signal] = []
        self._scheduler: Scheduler | None = None
        self._driver: Driver | None = None

    @property
    def statuses(self) -> dict[str, TaskStatus]:
        """The status of every task now, by id, in file order."""
        if self._scheduler is None:
            return dict.fromkeys(self._plan.ids, TaskStatus.PENDING)
        return dict(zip(self._plan.ids, self._scheduler.statuses, strict=True))

    @property
    def resolved_tasks(self) -> dict[str, Task]:
        """The tasks that hold references, by id, as the executor got them; those that never began are absent."""
        return {self._plan.ids[index]: task for index, task in self._substitution.resolved.items()}

    def cancel(self, reason: str = "the run was cancelled") -> None:
        """End the run: running attempts are told to stop, everything else is cancelled.

        `run` still returns a result for every task. Call it on the event loop's thread, as every method here; before
        `run` it makes the run end at once; a second call does nothing.
        """
        self._signal(CancelAsked(reason))

    def cancel_task(self, task_id: str, reason: str = "the task was cancelled") -> None:
        """End one task; what depends on it is skipped and the rest goes on. One that has ended stays as it is.

        Raises:
            KeyError: there is no task with this id.
        """
        self._signal(CancelTaskAsked(self._substitution.index_of[task_id], reason))

    def pause(self) -> None:
        """Start no further attempt. Those that run go on, and so do deadlines; `resume` ends the pause."""
        self._signal(PauseAsked())

    def resume(self) -> None:
        """Go on after `pause`."""
        self._signal(ResumeAsked())

    async def run(self, recorder: Recorder | None = None) -> list[TaskResult]:
        """Run every task to its end; returns the results in file order.

        Args:
            recorder: where the run writes down what happened before it acts on it, such as the writer of a journal.

        When this coroutine itself is cancelled, the running attempts are cancelled and waited for (at most
        `stop_grace_seconds`) before the cancellation goes on. When the recorder fails, no further attempt begins; those
        that run may end, and the others are cancelled (JOURNAL_IO).

        Raises:
            RuntimeError: it was called before; a TaskManager runs once.
        """
        if self._scheduler is not None:
            raise RuntimeError("a TaskManager runs once; make another one to run the file again")
        wall_at_zero = time.time() - asyncio.get_running_loop().time()
        observed = bool(self._observers) or recorder is not None
        ledger = Ledger(self._plan.ids, self.run_id, wall_at_zero, observed)
        self._scheduler = Scheduler(
            self._plan,
            ledger,
            max_concurrency=self._max_concurrency,
            policy=self._policy,
            random=self._random,
            stop_grace_seconds=self._stop_grace_seconds,
            run_deadline_seconds=self._run_deadline_seconds,
            fail_fast=self._fail_fast,
            spending=self._spending,
        )
        if self._restored is not None:
            self._restore(self._restored, ledger)
        self._driver = _driver_with(recorder)(
            self._plan,
            self._scheduler,
            ledger,
            self._executor if self._discretion is None else self._discretion.around(self._executor),
            self._substitution,
            self._keeping,
            self._run_info,
            self._tell if self._observers else None,
            self._stop_grace_seconds,
        )
        try:
            await self._driver.run(self._early)
        finally:
            await self._handlers.aclose()
        return ledger.results()

    def _tell(self, events: list[Event]) -> None:
        self._observers.tell(events if self._discretion is None else self._discretion.told(events))

    def _restore(self, restored: Restored, ledger: Ledger) -> None:
        """Go on from there, with the budget that is left and with what was made of references then.

        References to what runs again stay as they are: the output that they stood for is gone.
        """
        assert self._scheduler is not None
        self._scheduler.restore(restored)
        if self._spending is not None:
            for usage in [result.usage for result in restored.results.values()] + [
                attempt.usage for attempts in restored.attempts.values() for attempt in attempts
            ]:
                if usage is not None:
                    self._spending.add(usage)
        for index in self._substitution.referring():
            result = restored.results.get(index)
            used = map(self._substitution.index_of.__getitem__, outputs_used_by(self._substitution.tasks[index]))
            if result is not None and result.started_at is not None and all(map(restored.results.__contains__, used)):
                with suppress(ReferenceNotFoundError):  # that is why it failed
                    self._substitution.task(index, ledger.output)

    def _signal(self, signal: Signal) -> None:
        if self._driver is None:
            self._early.append(signal)
        else:
            self._driver.signal(signal)


def _driver_with(recorder: Recorder | None) -> Callable[..., Driver]:
    if recorder is None:
        return Driver
    from altlas_runner.task_manager.journalled_driver import JournalledDriver  # it knows SQLite: not without need

    return partial(JournalledDriver, recorder)

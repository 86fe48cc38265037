"""The driver: the only loop that performs what the scheduler commands.

A few worker tasks make the attempts; each takes the next one as soon as its last one has ended. No asyncio task is made
per ALT task, and a worker is woken only when there is an attempt for it. One timer, set to the scheduler's next
wake-up, serves every wait and every deadline.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from random import Random
from typing import Any
from uuid import uuid4

from altlas_runner.alt_file import AltFile, Task, TaskGraph, validate_alt_file
from altlas_runner.errors import AltValidationError, ReferenceNotFoundError
from altlas_runner.execution import Executor, Outcome, RetryingExecutor, RunInfo, TaskAttempt
from altlas_runner.results import TaskResult
from altlas_runner.retrying import RetryPolicy
from altlas_runner.statuses import TaskStatus
from altlas_runner.task_manager.events import Event, TaskProgress
from altlas_runner.task_manager.plan import plan_run
from altlas_runner.task_manager.scheduler import Scheduler
from altlas_runner.task_manager.signals import (
    AttemptEnded,
    AttemptStopped,
    CancelAsked,
    RunBegan,
    Signal,
    StartAttempt,
    StopAttempt,
    Tick,
)
from altlas_runner.task_manager.substitution import Substitution

__all__ = ["TaskManager", "new_run_id"]

_log = logging.getLogger("altlas_runner")


def new_run_id() -> str:
    """A fresh id for a run: its run id, request id and LAST file id are this one."""
    return f"last_{uuid4()}"


class TaskManager:
    """Runs the tasks of one ALT file, as concurrently as their dependencies and `max_concurrency` allow.

    A failed task never raises and never hangs the run: its dependents are skipped and the rest goes on.

    Args:
        alt_file: a valid ALT file.
        executor: makes the attempts: an `AiServiceClient` or anything that satisfies `Executor`.
        max_concurrency: greatest number of attempts at one time; None is the number of CPUs.
        on_event: called with every event, in order, on the event loop's thread; it must return quickly. When it
            raises it is removed and logged, and the run goes on.
        run_id: the id of the run; None makes a new one.
        seed: of the jitter between attempts; the same seed gives the same waits.
        stop_grace_seconds: how long an attempt may take to stop after its deadline or a cancel.
        inputs: the values that references to inputs stand for, by name; any JSON.

    Raises:
        AltValidationError: the file has errors, or refers to an input that is not given.

    Example:
        >>> results = await TaskManager(alt_file, client, max_concurrency=8).run()  # doctest: +SKIP
    """

    def __init__(
        self,
        alt_file: AltFile,
        executor: Executor,
        max_concurrency: int | None = None,
        *,
        on_event: Callable[[Event], None] | None = None,
        run_id: str | None = None,
        seed: int | None = None,
        stop_grace_seconds: float = 5.0,
        inputs: Mapping[str, Any] | None = None,
    ) -> None:
        if max_concurrency is not None and max_concurrency < 1:
            raise ValueError(f"max_concurrency must be 1 or more, not {max_concurrency}")
        inputs = inputs or {}
        diagnostics = validate_alt_file(alt_file, inputs)
        if any(diagnostic.severity == "error" for diagnostic in diagnostics):
            raise AltValidationError(diagnostics)
        self.run_id = run_id or new_run_id()
        self._executor = executor
        self._max_concurrency = max_concurrency or os.cpu_count() or 1
        self._on_event = on_event
        policy = executor.retry_policy if isinstance(executor, RetryingExecutor) else RetryPolicy()
        graph = TaskGraph.from_alt_file(alt_file)
        self._plan = plan_run(alt_file, graph, policy.max_retries)
        self._substitution = Substitution(alt_file, graph, inputs)
        self._policy = policy
        self._random = Random(seed)  # noqa: S311  jitter, not a secret
        self._stop_grace_seconds = stop_grace_seconds
        self._run_info = RunInfo(self.run_id, alt_file.mode.value, alt_file.persona, alt_file.metadata or {})
        self._scheduler: Scheduler | None = None
        self._cancel_reason: str | None = None
        self._workers: set[asyncio.Task[None]] = set()
        self._idle: list[asyncio.Future[StartAttempt]] = []
        self._worker_of: dict[int, asyncio.Task[None]] = {}
        self._stopping: set[int] = set()
        self._abandoned: set[asyncio.Task[None]] = set()
        self._closing = False
        self._timer: asyncio.TimerHandle | None = None
        self._undelivered: deque[Event] = deque()
        self._delivering = False

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

        `run` still returns a result for every task. Call it on the event loop's thread; before `run` it makes the run
        end at once; a second call does nothing.
        """
        self._cancel_reason = self._cancel_reason or reason
        if self._scheduler is not None and not self._scheduler.is_over:
            self._signal(CancelAsked(self._cancel_reason))

    async def run(self) -> list[TaskResult]:
        """Run every task to its end; returns the results in file order.

        When this coroutine itself is cancelled, the running attempts are cancelled and waited for (at most
        `stop_grace_seconds`) before the cancellation goes on.

        Raises:
            RuntimeError: it was called before; a TaskManager runs once.
        """
        if self._scheduler is not None:
            raise RuntimeError("a TaskManager runs once; make another one to run the file again")
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._done: asyncio.Future[None] = loop.create_future()
        self._scheduler = Scheduler(
            self._plan,
            run_id=self.run_id,
            max_concurrency=self._max_concurrency,
            policy=self._policy,
            random=self._random,
            wall_at_zero=time.time() - loop.time(),
            stop_grace_seconds=self._stop_grace_seconds,
            observed=self._on_event is not None,
        )
        try:
            if self._cancel_reason is not None:
                self._scheduler.step(CancelAsked(self._cancel_reason), loop.time())
            self._signal(RunBegan())
            await self._done
        finally:
            await self._stop_workers()
        return [result for result in self._scheduler.results if result is not None]

    # -- between scheduler and workers -------------------------------------------------------------------------------

    def _signal(self, signal: Signal, *, by_worker: bool = False) -> StartAttempt | None:
        """Hand a signal to the scheduler, perform its commands, tell the observer.

        A worker that signals keeps the first of the new attempts for itself: it is returned.
        """
        scheduler = self._scheduler
        assert scheduler is not None
        commands, events = scheduler.step(signal, self._loop.time())
        kept: StartAttempt | None = None
        for command in commands:
            if isinstance(command, StartAttempt):
                if by_worker and kept is None:
                    kept = command
                else:
                    self._assign(command)
            elif isinstance(command, StopAttempt):
                self._stop(command.task)
            else:
                self._abandon(command.task)
        if scheduler.is_over:
            if not self._done.done():
                self._done.set_result(None)
        else:
            self._set_timer(scheduler.next_wakeup)
        if events:
            self._undelivered.extend(events)
            self._deliver()
        return kept

    def _assign(self, command: StartAttempt) -> None:
        """Give an attempt to an idle worker, or to a new one: never more workers than slots."""
        if self._idle:
            self._idle.pop().set_result(command)
            return
        worker = self._loop.create_task(self._work(command))
        self._workers.add(worker)
        worker.add_done_callback(self._on_worker_done)

    def _stop(self, task: int) -> None:
        self._stopping.add(task)
        worker = self._worker_of.get(task)
        if worker is not None:  # else the attempt has not begun, and will see that it must not
            worker.cancel()

    def _abandon(self, task: int) -> None:
        worker = self._worker_of.pop(task)
        self._abandoned.add(worker)
        _log.warning('task "%s" did not stop in time; its attempt was abandoned', self._plan.ids[task])

    def _set_timer(self, instant: float | None) -> None:
        if self._timer is not None:
            if instant is not None and self._timer.when() <= instant:
                return
            self._timer.cancel()
        self._timer = None if instant is None else self._loop.call_at(instant, self._tick)

    def _tick(self) -> None:
        self._timer = None
        if not self._done.done():
            self._signal(Tick())

    # -- workers -----------------------------------------------------------------------------------------------------

    async def _work(self, command: StartAttempt) -> None:
        worker = asyncio.current_task()
        assert worker is not None
        while True:
            signal = await self._attempt(command, worker)
            if self._closing or worker in self._abandoned:
                return
            following = self._signal(signal, by_worker=True)
            if following is None:
                assigned: asyncio.Future[StartAttempt] = self._loop.create_future()
                self._idle.append(assigned)
                following = await assigned
            command = following

    async def _attempt(self, command: StartAttempt, worker: asyncio.Task[None]) -> Signal:
        """Make one attempt; whatever happens in the executor becomes a signal."""
        task = command.task
        if task in self._stopping:
            return AttemptStopped(task)
        self._worker_of[task] = worker
        try:
            outcome = await self._executor.attempt(self._task_attempt(task))
            if isinstance(outcome, Outcome):
                if outcome.artifacts:
                    _log.warning('task "%s": its artifacts are not kept by this version', self._plan.ids[task])
                return AttemptEnded(task, outcome)
            text = f"the executor returned {type(outcome).__name__} instead of an Outcome"
            return AttemptEnded(task, Outcome.failed("EXECUTOR_ERROR", text))
        except ReferenceNotFoundError as error:
            return AttemptEnded(task, Outcome.failed(error.code, str(error)))
        except asyncio.CancelledError:
            if self._closing:
                raise
            if task in self._stopping:
                return AttemptStopped(task)
            return AttemptEnded(task, Outcome.failed("EXECUTOR_ERROR", "the attempt was cancelled by its executor"))
        except Exception as error:
            _log.debug('task "%s": the executor raised', self._plan.ids[task], exc_info=True)
            return AttemptEnded(task, Outcome.failed("EXECUTOR_ERROR", f"{type(error).__name__}: {error}"))
        finally:
            self._worker_of.pop(task, None)
            if task in self._stopping and not self._closing:
                while worker.cancelling():  # the stop is dealt with; the worker goes on
                    worker.uncancel()

    def _task_attempt(self, task: int) -> TaskAttempt:
        scheduler = self._scheduler
        assert scheduler is not None
        dependencies = self._plan.dependencies[task]
        previous = scheduler.attempts_of(task)
        attempt = TaskAttempt(
            self._substitution.task(task, scheduler.results),
            len(previous) + 1,
            self._run_info,
            previous,
            self._outputs_of(dependencies) if dependencies else {},
            scheduler.deadline_of(task),
        )
        if self._on_event is not None:
            attempt.emit = partial(self._emit, task, attempt.number)
        return attempt

    def _outputs_of(self, tasks: Sequence[int]) -> dict[str, Any]:
        """The outputs of completed tasks, by id."""
        assert self._scheduler is not None
        results = self._scheduler.results
        return {result.task_id: result.output for task in tasks if (result := results[task]) is not None}

    def _on_worker_done(self, worker: asyncio.Task[None]) -> None:
        self._workers.discard(worker)
        if not worker.cancelled() and worker.exception() is not None and not self._done.done():
            self._done.set_exception(worker.exception())  # type: ignore[arg-type]

    async def _stop_workers(self) -> None:
        """Leave nothing behind: no timer, no idle worker, no running attempt but those that refuse to stop."""
        self._closing = True
        self._set_timer(None)
        for worker in self._workers - self._abandoned:
            worker.cancel()
        stoppable = self._workers - self._abandoned
        if stoppable:
            _, unstopped = await asyncio.wait(stoppable, timeout=self._stop_grace_seconds)
            if unstopped:
                _log.warning("%d attempts did not stop within %g s", len(unstopped), self._stop_grace_seconds)

    # -- the observer ------------------------------------------------------------------------------------------------

    def _emit(self, task: int, number: int, kind: str, fields: Mapping[str, Any]) -> None:
        scheduler = self._scheduler
        assert scheduler is not None
        if task not in self._worker_of or number != len(scheduler.attempts_of(task)) + 1:
            return  # an attempt that has ended, or was abandoned, has nothing more to say
        now = scheduler.wall(self._loop.time())
        self._undelivered.append(TaskProgress(now, self._plan.ids[task], kind, fields))
        self._deliver()

    def _deliver(self) -> None:
        """Tell the observer everything in order, also when it causes new events while it is being told."""
        if self._delivering:
            return
        self._delivering = True
        try:
            while self._undelivered:
                event = self._undelivered.popleft()
                if self._on_event is not None:
                    self._on_event(event)
        except Exception:
            _log.exception("the observer of the run raised and was removed")
            self._on_event = None
            self._undelivered.clear()
        finally:
            self._delivering = False

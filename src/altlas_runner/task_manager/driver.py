"""The driver: the only loop that performs what the scheduler commands.

A few worker tasks make the attempts; each takes the next one as soon as its last one has ended. No asyncio task is made
per ALT task, and a worker is woken only when there is an attempt for it. One timer, set by the scheduler, serves every
wait and every deadline.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from altlas_runner.errors import ReferenceNotFoundError
from altlas_runner.execution import Executor, Outcome, RunInfo, TaskAttempt, no_listener
from altlas_runner.results import Attempt
from altlas_runner.task_manager.events import Event, TaskProgress
from altlas_runner.task_manager.keeping import ArtifactKeeping
from altlas_runner.task_manager.ledger import Ledger
from altlas_runner.task_manager.plan import RunPlan
from altlas_runner.task_manager.scheduler import NOBODY, Scheduler
from altlas_runner.task_manager.signals import (
    AbandonAttempt,
    AttemptEnded,
    AttemptStopped,
    Command,
    EndRun,
    RoomAppeared,
    RunBegan,
    Signal,
    StopAttempt,
    Tick,
    WakeAt,
)
from altlas_runner.task_manager.substitution import Substitution

__all__ = ["Driver"]

_log = logging.getLogger("altlas_runner")
_new_attempt = TaskAttempt.__new__


class _RunAttempt(TaskAttempt):
    """An attempt of which only the task and the number are filled in; the rest is looked up when somebody asks.

    Python calls `__getattr__` for an empty slot. Few executors use them all, and making an attempt costs half as much.
    """

    __slots__ = ("driver", "index")
    driver: Driver
    index: int

    def __getattr__(self, name: str) -> Any:
        if name not in _LOOKED_UP:
            raise AttributeError(name)
        value = _LOOKED_UP[name](self.driver, self.index, self.number)
        object.__setattr__(self, name, value)
        return value


class Driver:
    """Runs a scheduler to its end on the running event loop.

    Args:
        plan: the tasks.
        scheduler: decides; new.
        ledger: the scheduler's.
        executor: makes the attempts.
        substitution: gives each attempt its task, references resolved.
        keeping: takes the artifacts of completed attempts.
        run_info: what attempts may know of the run.
        tell: called with the events of every step, in order; None when nobody listens.
        stop_grace_seconds: how long an attempt may take to stop when the run itself is cancelled.
    """

    def __init__(
        self,
        plan: RunPlan,
        scheduler: Scheduler,
        ledger: Ledger,
        executor: Executor,
        substitution: Substitution,
        keeping: ArtifactKeeping,
        run_info: RunInfo,
        tell: Callable[[list[Event]], None] | None,
        stop_grace_seconds: float,
    ) -> None:
        self._plan = plan
        self.scheduler = scheduler
        self._hand_over = scheduler.hand_over
        self._ledger = ledger
        self._executor = executor
        self._substitution = substitution
        self._keeping = keeping
        self.run_info = run_info
        self._tell = tell
        self._stop_grace_seconds = stop_grace_seconds
        self._loop = asyncio.get_running_loop()
        self._now = _clock_of(self._loop)
        self._done: asyncio.Future[None] = self._loop.create_future()
        self._workers: dict[asyncio.Task[None], None] = {}  # in order: they are stopped in it
        self._idle: list[asyncio.Future[int]] = []
        self._worker_of: list[asyncio.Task[None] | None] = [None] * len(plan.ids)
        self._stopping: set[int] = set()
        self._abandoned: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def run(self, early: Sequence[Signal]) -> None:
        """Run every task to its end, and leave nothing behind, also when this is cancelled.

        Args:
            early: what was asked for before the run began.
        """
        try:
            for signal in (*early, RunBegan()):
                self.signal(signal)
            await self._done
        finally:
            await self._stop_workers()

    def signal(self, signal: Signal) -> None:
        """Hand a signal to the scheduler, start and perform what it answers, tell the events.

        When all tasks have ended, or the coroutine of the run was cancelled, nobody listens any more.
        """
        if self._done.done():
            return
        for task in self._perform(*self.scheduler.step(signal, self._now())):
            self._assign(task)

    def _perform(self, starts: list[int], commands: list[Command], events: list[Event]) -> list[int]:
        """Perform the answer to a signal, but for the starts; returns those that are to be assigned now."""
        self._follow(commands, events)
        return starts

    def _follow(self, commands: list[Command], events: list[Event]) -> None:
        """Perform the commands and tell the events of a step."""
        for command in commands:
            match command:
                case WakeAt(instant):
                    self._set_timer(instant)
                case StopAttempt(task):
                    self._stop(task)
                case AbandonAttempt(task):
                    self._abandon(task)
                case EndRun():
                    self._done.set_result(None)
        if events and self._tell is not None:
            self._tell(events)

    def _assign(self, task: int) -> None:
        """Give an attempt to an idle worker, or to a new one: never more workers than slots."""
        if self._idle:
            self._idle.pop().set_result(task)
            return
        worker = self._loop.create_task(self._work(task))
        self._workers[worker] = None
        worker.add_done_callback(self._on_worker_done)

    def _stop(self, task: int) -> None:
        self._stopping.add(task)
        worker = self._worker_of[task]
        if worker is None:  # the attempt has not begun, and will see that it must not
            return
        if worker is asyncio.current_task():  # it may end before it waits again; its worker's next one is not meant
            self._loop.call_soon(self._cancel, task)
        else:
            worker.cancel()

    def _cancel(self, task: int) -> None:
        """Cancel the attempt that asked for it itself, unless it has ended meanwhile."""
        worker = self._worker_of[task]
        if worker is not None:
            worker.cancel()

    def _abandon(self, task: int) -> None:
        worker, self._worker_of[task] = self._worker_of[task], None
        if worker is None:  # without any grace: it has not begun, and will see that its task has ended
            return
        self._abandoned.add(worker)
        _log.warning('task "%s" did not stop in time; its attempt was abandoned', self._plan.ids[task])

    def _set_timer(self, instant: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if instant is None else self._loop.call_at(instant, self._tick)

    def _tick(self) -> None:
        """Tell the scheduler that its time has come. What goes wrong ends the run, for nobody else would hear of it."""
        self._timer = None
        try:
            self.signal(Tick())
        except Exception as error:
            if not self._done.done():
                self._done.set_exception(error)

    # -- workers -----------------------------------------------------------------------------------------------------

    async def _work(self, task: int) -> None:
        worker = asyncio.current_task()
        assert worker is not None
        worker_of, stopping, scheduler = self._worker_of, self._stopping, self.scheduler
        tell, take_events = self._tell, self._ledger.take_events
        make_attempt, earlier = self._executor.attempt, self._ledger.attempts
        substitution, output = self._substitution, self._ledger.output
        plain_task_of, filled_task, keep = substitution.plain_task_of, substitution.task, self._keeping.keep
        hand_over, step, now, done = self._hand_over, scheduler.step, self._now, self._done.done
        while True:
            signal: Signal | None = None
            if task in stopping:
                if self._ledger.status(task) is not None:  # it was abandoned before it began
                    task = await self._next_task()
                    continue
                signal = AttemptStopped(task)
            else:
                worker_of[task] = worker
                try:
                    attempt = _new_attempt(_RunAttempt)  # a third of what the constructor costs
                    attempt.task = plain_task_of[task] or filled_task(task, output)
                    attempt.number = len(earlier[task]) + 1 if task in earlier else 1
                    attempt.driver = self
                    attempt.index = task
                    outcome = await make_attempt(attempt)
                    if outcome.__class__ is not Outcome:
                        outcome = _no_outcome(outcome)
                    elif outcome.artifacts or (outcome.output.__class__ is dict and "artifacts" in outcome.output):
                        outcome = await keep(self._plan.ids[task], outcome)
                except (Exception, asyncio.CancelledError) as error:
                    signal = self._signal_of(task, error)
                if worker_of[task] is not worker or done():  # it was abandoned, or nobody waits for it any more
                    return
                if task in stopping:
                    while worker.cancelling():  # the stop is dealt with; the worker goes on
                        worker.uncancel()
                elif signal is None and outcome.ok:
                    following = hand_over(task, outcome, now())
                    if following is not None:
                        if scheduler.commands:
                            self._follow(*scheduler.more())
                        elif tell is not None:
                            tell(take_events())
                        task = following if following != NOBODY else await self._next_task()
                        continue
            worker_of[task] = None
            starts = self._perform(*step(signal or AttemptEnded(task, outcome), now()))
            for other in starts[1:]:  # the worker keeps the first one for itself
                self._assign(other)
            task = starts[0] if starts else await self._next_task()

    async def _next_task(self) -> int:
        """Wait until somebody gives this worker an attempt."""
        assigned: asyncio.Future[int] = self._loop.create_future()
        self._idle.append(assigned)
        return await assigned

    def outputs_for(self, task: int) -> dict[str, Any]:
        """The outputs of a task's direct dependencies, by id."""
        ids, output = self._plan.ids, self._ledger.output
        return {ids[each]: output(each) for each in self._plan.dependencies[task]}

    def wake(self, task: int) -> bool:
        """Let a task that its executor held come again now; False when it will not come any more."""
        if self._done.done() or not self.scheduler.is_coming(task):
            return False
        self.signal(RoomAppeared(task))
        return True

    def emitter(self, task: int, number: int) -> Callable[[str, Mapping[str, Any]], None]:
        """What an attempt calls to tell how it is getting on."""
        return no_listener if self._tell is None else partial(self._emit, task, number)

    def attempts_before(self, task: int, number: int) -> tuple[Attempt, ...]:
        """The attempts of a task before the one with this number."""
        return tuple(self._ledger.attempts.get(task, ())[: number - 1])

    def _signal_of(self, task: int, error: BaseException) -> Signal:
        """What the scheduler is told when an attempt raised."""
        if isinstance(error, asyncio.CancelledError):
            if task in self._stopping:
                return AttemptStopped(task)
            return AttemptEnded(task, Outcome.failed("EXECUTOR_ERROR", "the attempt was cancelled by its executor"))
        if isinstance(error, ReferenceNotFoundError):
            return AttemptEnded(task, Outcome.failed(error.code, str(error)))
        _log.debug('task "%s": the executor raised', self._plan.ids[task], exc_info=error)
        return AttemptEnded(task, Outcome.failed("EXECUTOR_ERROR", f"{type(error).__name__}: {error}"))

    def _emit(self, task: int, number: int, kind: str, fields: Mapping[str, Any]) -> None:
        if self._tell is None or self._worker_of[task] is None or self._ledger.status(task) is not None:
            return
        if number != len(self._ledger.attempts.get(task, ())) + 1:
            return  # an attempt that has ended, or was abandoned, has nothing more to say
        self._ledger.note_step(self._now())
        self._tell([TaskProgress(self._ledger.step_at, self._plan.ids[task], kind, fields)])

    def _on_worker_done(self, worker: asyncio.Task[None]) -> None:
        self._workers.pop(worker, None)
        if not worker.cancelled() and worker.exception() is not None and not self._done.done():
            self._done.set_exception(worker.exception())  # type: ignore[arg-type]

    async def _stop_workers(self) -> None:
        """Leave nothing behind: no timer, no idle worker, no running attempt but those that refuse to stop."""
        self._worker_of[:] = [None] * len(self._worker_of)  # no attempt is listened to any more
        self._set_timer(None)
        stopping = {worker for worker in self._workers if worker not in self._abandoned}
        for worker in self._workers:
            if worker in stopping:
                worker.cancel()
        until = self._now() + self._stop_grace_seconds
        cancelled: asyncio.CancelledError | None = None
        while stopping:  # once at least: without any grace, too, those that can stop do
            try:
                _, stopping = await asyncio.wait(stopping, timeout=max(0.0, until - self._now()))
            except asyncio.CancelledError as error:  # asked for once more: what is stopping still needs its time
                cancelled = error
                stopping = {worker for worker in stopping if not worker.done()}
            if self._now() >= until:
                break
        if stopping:
            _log.warning("%d attempts did not stop within %g s", len(stopping), self._stop_grace_seconds)
        if cancelled is not None:
            raise cancelled


_LOOKED_UP: dict[str, Callable[[Driver, int, int], Any]] = {
    "run": lambda driver, task, number: driver.run_info,
    "context": lambda driver, task, number: driver.outputs_for(task),
    "emit": Driver.emitter,
    "previous": Driver.attempts_before,
    "alternative": lambda driver, task, number: driver.scheduler.alternative(task),
    "wake": lambda driver, task, number: partial(driver.wake, task),
    "deadline": lambda driver, task, number: driver.scheduler.deadline_of(task),
    "files": lambda driver, task, number: None,
}


def _clock_of(loop: asyncio.AbstractEventLoop) -> Callable[[], float]:
    """The loop's clock: of asyncio's own loops the function behind the method, which costs half of it."""
    return time.monotonic if type(loop).time is asyncio.BaseEventLoop.time else loop.time


def _no_outcome(answer: object) -> Outcome:
    text = f"the executor returned {type(answer).__name__} instead of an Outcome"
    return Outcome.failed("EXECUTOR_ERROR", text)

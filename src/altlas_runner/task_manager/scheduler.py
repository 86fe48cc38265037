"""The scheduler: a pure state machine that says what happens next.

It holds no clock, no socket and no task object. `step(signal, now)` takes what happened and answers with what to do
(commands) and what became fact (events). A table maps (state of the task, kind of signal) to the transition; a signal
that is not in the table is refused by name.

    BLOCKED ──deps completed──▶ READY ──slot──▶ RUNNING ──outcome──▶ ended
                                  ▲                │  ╲──deadline, cancel──▶ STOPPING ──▶ ended
                                  └────wait over── WAITING ◀──failure that is retried
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from heapq import heappop, heappush
from random import Random
from typing import Final

from altlas_runner.errors import IllegalSignalError
from altlas_runner.execution import DEADLINE_PASSED, Outcome
from altlas_runner.results import Attempt, TaskResult, Usage
from altlas_runner.retrying import RetryPolicy, decide_retry
from altlas_runner.statuses import TaskStatus
from altlas_runner.task_manager.events import Event
from altlas_runner.task_manager.ledger import Ledger
from altlas_runner.task_manager.plan import RunPlan
from altlas_runner.task_manager.signals import (
    AbandonAttempt,
    AttemptEnded,
    AttemptStopped,
    CancelAsked,
    Command,
    Signal,
    StartAttempt,
    StopAttempt,
    Tick,
)

__all__ = ["Scheduler"]

BLOCKED: Final = 0
READY: Final = 1
RUNNING: Final = 2
WAITING: Final = 3
STOPPING: Final = 4
ENDED: Final = 5
_STATE_NAMES = ("blocked", "ready", "running", "waiting", "stopping", "ended")
_PENDING, _RUNNING = TaskStatus.PENDING, TaskStatus.RUNNING
_STATUS_OF = (_PENDING, _PENDING, _RUNNING, _PENDING, _RUNNING)

_NO_EVENTS: list[Event] = []
_WAIT_OVER, _DEADLINE, _GRACE_OVER = range(3)


class Scheduler:
    """Decides which attempt starts when, and what became of each task.

    Args:
        plan: the tasks.
        run_id: named in the run's events.
        max_concurrency: greatest number of attempts that hold a slot at one time (1 or more).
        policy: waits between attempts.
        random: source of the jitter; the same seed gives the same waits.
        wall_at_zero: POSIX seconds at instant 0 of the driver's clock. Times in results and events are `now` plus
            this, so that a jump of the wall clock changes no decision and no duration.
        stop_grace_seconds: how long a stopped attempt may take to end before it is abandoned.
        observed: whether events are wanted; without, `step` makes none.
    """

    def __init__(
        self,
        plan: RunPlan,
        *,
        run_id: str,
        max_concurrency: int,
        policy: RetryPolicy,
        random: Random,
        wall_at_zero: float = 0.0,
        stop_grace_seconds: float = 5.0,
        observed: bool = True,
    ) -> None:
        count = len(plan.ids)
        self._ledger = Ledger(plan.ids, run_id, wall_at_zero, observed)
        self._observed = observed
        self._plan = plan
        self._free_slots = max_concurrency
        self._policy = policy
        self._random = random
        self._stop_grace = stop_grace_seconds
        self._states = bytearray(count)
        self._missing = [len(dependencies) for dependencies in plan.dependencies]
        self._ready: list[int] = []  # heap of places in the starting order
        self._timers: list[tuple[float, int, int]] = []  # heap of (instant, kind, task)
        self._wait_until: dict[int, float] = {}
        self._stop_reason: dict[int, tuple[TaskStatus, str, str]] = {}
        self._began = False
        self._cancel_reason: str | None = None
        self._commands: list[Command] = []

    def step(self, signal: Signal, now: float) -> tuple[list[Command], list[Event]]:
        """Take one signal at the instant `now`; answer with commands and events, each in order.

        Raises:
            IllegalSignalError: the signal makes no sense in the state of its task.
        """
        commands: list[Command] = []
        self._commands = commands
        kind = type(signal)
        if kind is AttemptEnded or kind is AttemptStopped:
            transition = _TRANSITIONS[self._states[signal.task]].get(kind)  # type: ignore[union-attr]
            if transition is None:
                raise self._illegal(signal)
            transition(self, signal, now)
        elif kind is Tick:
            self._on_tick(now)
        elif kind is CancelAsked:
            self._on_cancel_asked(signal.reason, now)  # type: ignore[union-attr]
        else:
            self._on_run_began(now)
        if self._ready and self._free_slots:
            self._fill_slots(now)
        return commands, self._ledger.take_events(now) if self._observed else _NO_EVENTS

    @property
    def next_wakeup(self) -> float | None:
        """The instant by which the next `Tick` is due, or None. It may be earlier than needed, never later."""
        return self._timers[0][0] if self._timers else None

    @property
    def statuses(self) -> list[TaskStatus]:
        """The status of every task, in file order."""
        return [
            result.status if result is not None else _STATUS_OF[state]
            for result, state in zip(self._ledger.results, self._states, strict=True)
        ]

    def wall(self, instant: float) -> datetime:
        """The time of day at an instant of the driver's clock."""
        return self._ledger.wall(instant)

    def deadline_of(self, task: int) -> float | None:
        """The instant by which a started task must have ended, or None."""
        timeout = self._plan.timeouts[task]
        return None if timeout is None else self._ledger.first_slot_of(task) + timeout

    def attempts_of(self, task: int) -> list[Attempt]:
        """The attempts of a task that have ended so far, in order."""
        return self._ledger.attempts_of(task)

    @property
    def results(self) -> list[TaskResult | None]:
        """For each task its result, in file order; None until it has ended."""
        return self._ledger.results

    @property
    def is_over(self) -> bool:
        """Whether every task has ended."""
        return not self._ledger.unfinished

    # -- signals that concern the whole run --------------------------------------------------------------------------

    def _on_run_began(self, now: float) -> None:
        self._began = True
        self._ledger.note_run_start(now)
        if self._cancel_reason is not None:
            self._cancel_everything(self._cancel_reason, now)
            return
        for task, missing in enumerate(self._missing):
            if not missing:
                self._make_ready(task, now)

    def _on_tick(self, now: float) -> None:
        timers = self._timers
        while timers and timers[0][0] <= now:
            instant, kind, task = heappop(timers)
            state = self._states[task]
            if kind == _WAIT_OVER:
                if state == WAITING and self._wait_until[task] == instant:
                    self._make_ready(task, now)
            elif kind == _DEADLINE:
                if state == RUNNING:
                    self._stop(task, TaskStatus.TIMEOUT, DEADLINE_PASSED, self._deadline_text(task), now)
                elif state in (READY, WAITING):
                    self._end(task, TaskStatus.TIMEOUT, DEADLINE_PASSED, self._deadline_text(task), now)
            elif state == STOPPING:
                self._commands.append(AbandonAttempt(task))
                self._end_stopped(
                    task, None, now, f"; the attempt did not stop within {self._stop_grace:g} s and was abandoned"
                )

    def _on_cancel_asked(self, reason: str, now: float) -> None:
        if self._cancel_reason is None:
            self._cancel_reason = reason
            if self._began:
                self._cancel_everything(reason, now)

    def _cancel_everything(self, reason: str, now: float) -> None:
        for task, state in enumerate(self._states):
            if state == RUNNING:
                self._stop(task, TaskStatus.CANCELLED, "CANCELLED", reason, now)
            elif state in (BLOCKED, READY, WAITING):
                self._end(task, TaskStatus.CANCELLED, "CANCELLED", reason, now)
        self._ready.clear()

    # -- signals that concern one task -------------------------------------------------------------------------------

    def _on_attempt_ended(self, signal: AttemptEnded, now: float) -> None:
        task, outcome = signal.task, signal.outcome
        self._free_slots += 1
        if outcome.ok:
            self._complete(task, outcome, now)
            return
        code = outcome.error_code or "FAILED"
        text = outcome.error or code
        if code == DEADLINE_PASSED:  # the executor watched the same deadline and was quicker
            self._ledger.note_end(task, TaskStatus.TIMEOUT, code, text, outcome.usage, now)
            self._end(task, TaskStatus.TIMEOUT, code, text, now)
            return
        attempts = self._ledger.note_end(task, TaskStatus.FAILED, code, text, outcome.usage, now)
        decision = decide_retry(
            self._policy,
            max_retries=self._plan.max_retries[task],
            failed_codes=[attempt.error_code for attempt in attempts],
            retry=outcome.retry,
            retry_after=outcome.retry_after,
            now=now,
            deadline=self.deadline_of(task),
            random=self._random,
        )
        if decision.verdict == "retry":
            self._wait(task, decision.wait_seconds, code, now)
        elif decision.verdict == "past_deadline":
            text = (
                f"the next attempt would have to wait {decision.wait_seconds:.1f} s, "
                f"past the task's deadline of {self._plan.timeouts[task]:g} s; the last failure was {code}: {text}"
            )
            self._end(task, TaskStatus.TIMEOUT, DEADLINE_PASSED, text, now)
        else:
            self._end(task, TaskStatus.FAILED, code, text, now)

    def _on_ended_while_stopping(self, signal: AttemptEnded, now: float) -> None:
        task, outcome = signal.task, signal.outcome
        if outcome.ok and self._stop_reason[task][0] is TaskStatus.CANCELLED:
            # A complete answer that came while the run was being cancelled is kept: it was paid for.
            self._free_slots += 1
            self._complete(task, outcome, now)
        else:
            self._end_stopped(task, outcome.usage, now)

    def _on_attempt_stopped(self, signal: AttemptStopped, now: float) -> None:
        self._end_stopped(signal.task, None, now)

    # -- moves -------------------------------------------------------------------------------------------------------

    def _make_ready(self, task: int, now: float) -> None:
        self._states[task] = READY
        heappush(self._ready, self._plan.order[task])
        if self._observed:
            self._ledger.note_ready(task, now)

    def _fill_slots(self, now: float) -> None:
        ready, by_order, states, timeouts = self._ready, self._plan.by_order, self._states, self._plan.timeouts
        while ready and self._free_slots:
            task = by_order[heappop(ready)]
            if states[task] != READY:  # ended while it waited for a slot
                continue
            first = self._ledger.note_slot(task, now)
            timeout = timeouts[task]
            if first and timeout is not None:
                if timeout <= 0:
                    self._end(task, TaskStatus.TIMEOUT, DEADLINE_PASSED, self._deadline_text(task), now)
                    continue
                heappush(self._timers, (now + timeout, _DEADLINE, task))
            self._free_slots -= 1
            states[task] = RUNNING
            if self._observed:
                self._ledger.note_start(task, now)
            self._commands.append(StartAttempt(task))

    def _wait(self, task: int, seconds: float, reason: str, now: float) -> None:
        until = now + seconds
        self._states[task] = WAITING
        self._wait_until[task] = until
        heappush(self._timers, (until, _WAIT_OVER, task))
        self._ledger.note_wait(task, until, reason, now)

    def _stop(self, task: int, status: TaskStatus, code: str, text: str, now: float) -> None:
        self._states[task] = STOPPING
        self._stop_reason[task] = (status, code, text)
        heappush(self._timers, (now + self._stop_grace, _GRACE_OVER, task))
        self._commands.append(StopAttempt(task))

    def _complete(self, task: int, outcome: Outcome, now: float) -> None:
        self._states[task] = ENDED
        self._ledger.complete(task, outcome, now)
        missing = self._missing
        for dependent in self._plan.dependents[task]:
            left = missing[dependent] = missing[dependent] - 1
            if not left and self._states[dependent] == BLOCKED:
                self._make_ready(dependent, now)

    def _end(self, task: int, status: TaskStatus, code: str, text: str, now: float) -> None:
        """End a task that did not complete, and skip everything that depends on it."""
        self._finish(task, status, code, text, now)
        if self._cancel_reason is None:
            self._skip_dependents(task, status, code, now)

    def _end_stopped(self, task: int, usage: Usage | None, now: float, remark: str = "") -> None:
        """End a task whose attempt was told to stop, with the reason given then."""
        status, code, text = self._stop_reason[task]
        self._free_slots += 1
        self._ledger.note_end(task, status, code, text + remark, usage, now)
        self._end(task, status, code, text + remark, now)

    def _skip_dependents(self, root: int, status: TaskStatus, code: str, now: float) -> None:
        ids = self._plan.ids
        cause = f'"{ids[root]}" did not complete ({status}, {code})'
        stack = [root]
        while stack:
            task = stack.pop()
            for dependent in self._plan.dependents[task]:
                if self._states[dependent] == BLOCKED:
                    via = "" if task == root else f'dependency "{ids[task]}" was skipped, because '
                    text = via + (f"dependency {cause}" if task == root else cause)
                    because = {"skipped_because_of": ids[root]}
                    self._finish(dependent, TaskStatus.SKIPPED, "DEPENDENCY_NOT_COMPLETED", text, now, because)
                    stack.append(dependent)

    def _finish(
        self, task: int, status: TaskStatus, code: str, text: str, now: float, metadata: dict[str, str] | None = None
    ) -> None:
        self._states[task] = ENDED
        self._ledger.finish(task, status, code, text, now, metadata=metadata)

    def _deadline_text(self, task: int) -> str:
        return f"the task's deadline of {self._plan.timeouts[task]:g} s passed"

    def _illegal(self, signal: Signal) -> IllegalSignalError:
        task: int = signal.task  # type: ignore[union-attr]
        state = _STATE_NAMES[self._states[task]]
        return IllegalSignalError(f'{type(signal).__name__} for task "{self._plan.ids[task]}", which is {state}')


_TRANSITIONS: list[dict[type, Callable[..., None]]] = [{} for _ in _STATE_NAMES]
_TRANSITIONS[RUNNING] = {AttemptEnded: Scheduler._on_attempt_ended}
_TRANSITIONS[STOPPING] = {
    AttemptEnded: Scheduler._on_ended_while_stopping,
    AttemptStopped: Scheduler._on_attempt_stopped,
}

"""The scheduler: a pure state machine that says what happens next.

It holds no clock, no socket and no task object. `step(signal, now)` takes what happened and answers with what to do
(commands) and what became fact (events). Two tables say which move answers a signal in which state, of the task or of
the run; a signal that has no move there is refused by name.

    BLOCKED ──deps completed──▶ READY ──slot──▶ RUNNING ──outcome──▶ ended
                                  ▲                │  ╲──deadline, cancel──▶ STOPPING ──▶ ended
                                  └────wait over── WAITING ◀──failure that is retried, executor without room
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from math import inf
from random import Random
from typing import Any, Final

from altlas_runner.errors import IllegalSignalError
from altlas_runner.execution import DEADLINE_PASSED, Outcome
from altlas_runner.results import Usage
from altlas_runner.retrying import RetryPolicy, decide_retry
from altlas_runner.statuses import TaskStatus
from altlas_runner.task_manager.events import Event
from altlas_runner.task_manager.ledger import NEVER, Ledger
from altlas_runner.task_manager.plan import RunPlan
from altlas_runner.task_manager.signals import (
    AbandonAttempt,
    AttemptEnded,
    AttemptStopped,
    CancelAsked,
    CancelTaskAsked,
    Command,
    EndRun,
    PauseAsked,
    ResumeAsked,
    RunBegan,
    Signal,
    StartAttempt,
    StopAttempt,
    Tick,
    WakeAt,
)
from altlas_runner.task_manager.slots import Slots

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

NEW: Final = 0
GOING: Final = 1
PAUSED: Final = 2
ENDING: Final = 3
OVER: Final = 4
_RUN_STATE_NAMES = ("new", "going", "paused", "ending", "over")

_NO_EVENTS: list[Event] = []
_WAIT_OVER, _DEADLINE, _GRACE_OVER, _RUN_DEADLINE = range(4)


class Scheduler:
    """Decides which attempt starts when, and what became of each task.

    Args:
        plan: the tasks.
        ledger: where starts, attempts and results are written down; new.
        max_concurrency: greatest number of attempts that hold a slot at one time (1 or more).
        policy: waits between attempts.
        random: source of the jitter; the same seed gives the same waits.
        stop_grace_seconds: how long a stopped attempt may take to end before it is abandoned.
        run_deadline_seconds: how long the run may take; what has not ended by then is cancelled (RUN_DEADLINE).
        fail_fast: whether the first task that fails ends the run: what it stops is cancelled (FAIL_FAST).
    """

    def __init__(
        self,
        plan: RunPlan,
        ledger: Ledger,
        *,
        max_concurrency: int,
        policy: RetryPolicy,
        random: Random,
        stop_grace_seconds: float = 5.0,
        run_deadline_seconds: float | None = None,
        fail_fast: bool = False,
    ) -> None:
        self._plan = plan
        self._ledger = ledger
        self._observed = ledger.observed
        self._slots = Slots(plan, max_concurrency)
        self._policy = policy
        self._random = random
        self._stop_grace = stop_grace_seconds
        self._run_deadline = run_deadline_seconds
        self._fail_fast = fail_fast
        self._run_state = NEW
        self._pause_asked = False
        self._cancel_asked: str | None = None
        self._early_cancels: list[CancelTaskAsked] = []
        self._states = bytearray(len(plan.ids))
        self._missing = [len(dependencies) for dependencies in plan.dependencies]
        self._timers: list[tuple[float, int, int]] = []  # heap of (instant, kind, task)
        self._wake_at = inf  # the instant of the last WakeAt that has not come
        self._wait_until: dict[int, float] = {}
        self._stop_reason: dict[int, tuple[TaskStatus, str, str]] = {}
        self._commands: list[Command] = []

    def step(self, signal: Signal, now: float) -> tuple[list[Command], list[Event]]:
        """Take one signal at the instant `now`; answer with commands and events, each in order.

        Raises:
            IllegalSignalError: the signal makes no sense in the state of its task, or of the run.
        """
        commands: list[Command] = []
        self._commands = commands
        moves = _TASK_MOVES.get(type(signal))
        state = self._run_state if moves is None else self._states[signal.task]  # type: ignore[union-attr]
        move = (moves or _RUN_MOVES[type(signal)])[state]
        if move is None:
            raise self._illegal(signal)
        move(self, signal, now)
        slots = self._slots
        if slots.ready and slots.free and self._run_state == GOING:
            self._fill_slots(now)
        if self._timers and self._timers[0][0] < self._wake_at:
            self._wake_at = self._timers[0][0]
            commands.append(WakeAt(self._wake_at))
        if not self._ledger.unfinished and NEW < self._run_state < OVER:
            self._run_state = OVER
            commands.append(EndRun())
            self._ledger.note_run_end(now)
        return commands, self._ledger.take_events() if self._observed else _NO_EVENTS

    @property
    def statuses(self) -> list[TaskStatus]:
        """The status of every task, in file order."""
        return [
            result.status if result is not None else _STATUS_OF[state]
            for result, state in zip(self._ledger.results, self._states, strict=True)
        ]

    # -- signals that concern the whole run --------------------------------------------------------------------------

    def _on_run_began(self, signal: RunBegan, now: float) -> None:
        self._run_state = PAUSED if self._pause_asked else GOING
        self._ledger.note_run_start(now)
        if self._cancel_asked is not None:
            self._end_run("CANCELLED", self._cancel_asked, now)
            return
        if self._run_deadline is not None:
            heappush(self._timers, (now + self._run_deadline, _RUN_DEADLINE, -1))
        for early in self._early_cancels:
            self._on_cancel_task_asked(early, now)
        for task, missing in enumerate(self._missing):
            if not missing and self._states[task] == BLOCKED:
                self._make_ready(task, now)

    def _on_tick(self, signal: Tick, now: float) -> None:
        timers = self._timers
        self._wake_at = inf
        while timers and timers[0][0] <= now:
            instant, kind, task = heappop(timers)
            if kind == _RUN_DEADLINE:
                if self._run_state != ENDING:
                    self._end_run("RUN_DEADLINE", f"the run's deadline of {self._run_deadline:g} s passed", now)
                continue
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

    def _on_early_cancel(self, signal: CancelAsked, now: float) -> None:
        self._cancel_asked = self._cancel_asked or signal.reason

    def _on_cancel_asked(self, signal: CancelAsked, now: float) -> None:
        self._end_run("CANCELLED", signal.reason, now)

    def _on_early_pause(self, signal: PauseAsked | ResumeAsked, now: float) -> None:
        self._pause_asked = type(signal) is PauseAsked

    def _on_pause_asked(self, signal: PauseAsked, now: float) -> None:
        self._run_state = PAUSED
        self._ledger.note_pause(True, now)

    def _on_resume_asked(self, signal: ResumeAsked, now: float) -> None:
        self._run_state = GOING
        self._ledger.note_pause(False, now)

    def _ignore(self, signal: Signal, now: float) -> None:
        """Nothing to do: what is asked for is so already."""

    def _end_run(self, code: str, reason: str, now: float) -> None:
        """Cancel everything that has not ended."""
        self._run_state = ENDING
        self._slots.clear()
        for task, state in enumerate(self._states):
            if state != ENDED:
                self._cancel(task, code, reason, now)

    # -- signals that concern one task -------------------------------------------------------------------------------

    def _on_attempt_ended(self, signal: AttemptEnded, now: float) -> None:
        task, outcome = signal.task, signal.outcome
        self._slots.free += 1
        if self._slots.has_groups:
            self._slots.leave(task)
        if outcome.ok:
            self._complete(task, outcome, now)
            return
        code = outcome.error_code or "FAILED"
        text = outcome.error or code
        if outcome.not_before is not None:
            self._hold(task, outcome.not_before, code, now)
            return
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
            deadline=self._deadline_of(task),
            random=self._random,
        )
        if decision.verdict == "retry":
            self._wait(task, now + decision.wait_seconds, code, now)
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
            # A complete answer that came while the task was being cancelled is kept: it was paid for.
            self._release_slot(task)
            self._complete(task, outcome, now)
        else:
            self._end_stopped(task, outcome.usage, now)

    def _on_attempt_stopped(self, signal: AttemptStopped, now: float) -> None:
        self._end_stopped(signal.task, None, now)

    def _on_cancel_task_asked(self, signal: CancelTaskAsked, now: float) -> None:
        if self._run_state == NEW:
            self._early_cancels.append(signal)
        else:
            self._cancel(signal.task, "CANCELLED", signal.reason, now)

    # -- moves -------------------------------------------------------------------------------------------------------

    def _make_ready(self, task: int, now: float) -> None:
        self._states[task] = READY
        heappush(self._slots.ready, self._plan.order[task])
        if self._observed:
            self._ledger.note_ready(task, now)

    def _fill_slots(self, now: float) -> None:
        states, timeouts, ledger, slots = self._states, self._plan.timeouts, self._ledger, self._slots
        by_order, ready = self._plan.by_order, slots.ready
        while ready and slots.free:
            place = heappop(ready)
            task = by_order[place]
            if states[task] != READY:  # it ended while it waited for a slot
                continue
            if slots.has_groups and not slots.enter(task, place):
                continue
            ledger.attempt_start[task] = now
            deadline = timeouts[task]
            number = 1
            if ledger.first_start[task] == NEVER:
                ledger.first_start[task] = now
                if deadline is not None:
                    deadline += now
                    heappush(self._timers, (deadline, _DEADLINE, task))
            else:
                number += len(ledger.attempts_of(task))
                deadline = self._deadline_of(task)
            slots.free -= 1
            states[task] = RUNNING
            if deadline is not None and deadline <= now:
                self._release_slot(task)
                self._end(task, TaskStatus.TIMEOUT, DEADLINE_PASSED, self._deadline_text(task), now)
                continue
            if self._observed:
                ledger.note_start(task, number, now)
            self._commands.append(StartAttempt(task, number, deadline))

    def _release_slot(self, task: int) -> None:
        self._slots.free += 1
        if self._slots.has_groups:
            self._slots.leave(task)

    def _hold(self, task: int, not_before: float, reason: str, now: float) -> None:
        """The executor has no room before an instant: the task waits without a slot, and that was no attempt."""
        deadline = self._deadline_of(task)
        if deadline is not None and not_before >= deadline:
            text = f"{reason}: there is no room for it before its deadline of {self._plan.timeouts[task]:g} s"
            self._end(task, TaskStatus.TIMEOUT, DEADLINE_PASSED, text, now)
        else:
            self._wait(task, max(now, not_before), reason, now)

    def _wait(self, task: int, until: float, reason: str, now: float) -> None:
        self._states[task] = WAITING
        self._wait_until[task] = until
        heappush(self._timers, (until, _WAIT_OVER, task))
        self._ledger.note_wait(task, until, reason, now)

    def _cancel(self, task: int, code: str, reason: str, now: float) -> None:
        state = self._states[task]
        if state == RUNNING:
            self._stop(task, TaskStatus.CANCELLED, code, reason, now)
        elif state != STOPPING:
            self._end(task, TaskStatus.CANCELLED, code, reason, now)

    def _stop(self, task: int, status: TaskStatus, code: str, text: str, now: float) -> None:
        self._states[task] = STOPPING
        self._stop_reason[task] = (status, code, text)
        heappush(self._timers, (now + self._stop_grace, _GRACE_OVER, task))
        self._commands.append(StopAttempt(task))

    def _complete(self, task: int, outcome: Outcome, now: float) -> None:
        self._states[task] = ENDED
        self._ledger.complete(task, outcome, now)
        missing, states = self._missing, self._states
        for dependent in self._plan.dependents[task]:
            left = missing[dependent] = missing[dependent] - 1
            if not left and states[dependent] == BLOCKED:
                states[dependent] = READY
                heappush(self._slots.ready, self._plan.order[dependent])
                if self._observed:
                    self._ledger.note_ready(dependent, now)

    def _end(self, task: int, status: TaskStatus, code: str, text: str, now: float) -> None:
        """End a task that did not complete, and skip everything that depends on it."""
        self._finish(task, status, code, text, now)
        if self._run_state == ENDING:
            return
        self._skip_dependents(task, status, code, now)
        if self._fail_fast and status is not TaskStatus.CANCELLED:
            self._end_run("FAIL_FAST", f'stopped because "{self._plan.ids[task]}" did not complete ({code})', now)

    def _end_stopped(self, task: int, usage: Usage | None, now: float, remark: str = "") -> None:
        """End a task whose attempt was told to stop, with the reason given then."""
        status, code, text = self._stop_reason[task]
        self._release_slot(task)
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

    def _deadline_of(self, task: int) -> float | None:
        timeout = self._plan.timeouts[task]
        return None if timeout is None else self._ledger.first_start[task] + timeout

    def _deadline_text(self, task: int) -> str:
        return f"the task's deadline of {self._plan.timeouts[task]:g} s passed"

    def _illegal(self, signal: Signal) -> IllegalSignalError:
        name = type(signal).__name__
        if type(signal) not in _TASK_MOVES:
            return IllegalSignalError(f"{name} for a run that is {_RUN_STATE_NAMES[self._run_state]}")
        task: int = signal.task  # type: ignore[union-attr]
        return IllegalSignalError(
            f'{name} for task "{self._plan.ids[task]}", which is {_STATE_NAMES[self._states[task]]}'
        )


_Move = Callable[[Scheduler, Any, float], None]
_S = Scheduler
_TASK_MOVES: Final[dict[type, tuple[_Move | None, ...]]] = {
    #                 blocked, ready, running, waiting, stopping, ended
    AttemptEnded: (None, None, _S._on_attempt_ended, None, _S._on_ended_while_stopping, None),
    AttemptStopped: (None, None, None, None, _S._on_attempt_stopped, None),
    CancelTaskAsked: (*[_S._on_cancel_task_asked] * 4, _S._ignore, _S._ignore),
}
_RUN_MOVES: Final[dict[type, tuple[_Move | None, ...]]] = {
    #          new, going, paused, ending, over
    RunBegan: (_S._on_run_began, None, None, None, None),
    Tick: (None, _S._on_tick, _S._on_tick, _S._on_tick, _S._ignore),
    CancelAsked: (_S._on_early_cancel, _S._on_cancel_asked, _S._on_cancel_asked, _S._ignore, _S._ignore),
    PauseAsked: (_S._on_early_pause, _S._on_pause_asked, _S._ignore, _S._ignore, _S._ignore),
    ResumeAsked: (_S._on_early_pause, _S._ignore, _S._on_resume_asked, _S._ignore, _S._ignore),
}

"""The scheduler: a pure state machine that says what happens next.

It holds no clock, no socket and no task object. `step(signal, now)` takes what happened and answers with what to do
(attempts to start, other commands) and what became fact (events). Two tables say which move answers a signal in which
state of the task, or of the run; a signal that has no move there is refused by name.

    BLOCKED ──deps completed──▶ READY ──slot──▶ RUNNING ──outcome──▶ ended
                                  ▲                │  ╲──deadline, cancel──▶ STOPPING ──▶ ended
                                  └────wait over── WAITING ◀──failure that is retried, executor without room
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop
from math import inf
from typing import Any, Final

from altlas_runner.errors import IllegalSignalError
from altlas_runner.execution import DEADLINE_PASSED, Outcome
from altlas_runner.retrying import decide_retry
from altlas_runner.statuses import TaskStatus
from altlas_runner.task_manager.events import Event
from altlas_runner.task_manager.moves import DEADLINE, DEADLINES_COME, RUN_DEADLINE, WAIT_OVER, Moves
from altlas_runner.task_manager.signals import (
    AbandonAttempt,
    AttemptEnded,
    AttemptStopped,
    CancelAsked,
    CancelTaskAsked,
    Command,
    EndRun,
    JournalFailed,
    PauseAsked,
    ResumeAsked,
    RoomAppeared,
    RunBegan,
    Signal,
    Tick,
    WakeAt,
)
from altlas_runner.task_manager.states import (
    BLOCKED,
    ENDED,
    ENDING,
    GOING,
    NEW,
    OVER,
    PAUSED,
    READY,
    RUN_STATE_NAMES,
    RUNNING,
    STATE_NAMES,
    STATUS_OF,
    STOPPING,
    WAITING,
)

__all__ = ["NOBODY", "Scheduler"]

NOBODY: Final = -1
"""No task takes over the slot."""
_NO_EVENTS: list[Event] = []
_IN_DOUBT: Final = "nobody knows what became of its last attempt, and it was not to be tried again"


class Scheduler(Moves):
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
        spending: what the run may spend; when that is used up no further attempt starts and the run ends: what has not
            ended by then is cancelled (BUDGET_EXCEEDED). None without a limit.
    """

    __slots__ = ()

    def step(self, signal: Signal, now: float) -> tuple[list[int], list[Command], list[Event]]:
        """Take one signal at the instant `now`.

        Returns:
            The tasks whose next attempt starts now, other commands, and events; each in order. A started attempt holds
            its slot until it has ended, stopped or been abandoned.

        Raises:
            IllegalSignalError: the signal makes no sense in the state of its task, or of the run.
        """
        starts: list[int] = []
        self._starts = starts
        if self._observed:
            self._ledger.note_step(now)
        moves = _TASK_MOVES.get(type(signal))
        state = self._run_state if moves is None else self._states[signal.task]  # type: ignore[union-attr]
        move = (moves or _RUN_MOVES[type(signal)])[state]
        if move is None:
            raise self._illegal(signal)
        move(self, signal, now)
        slots = self._slots
        if slots.ready and slots.free and self._run_state == GOING:
            if self._spending is not None and (reason := self._spending.used_up()):
                self._end_run("BUDGET_EXCEEDED", reason, now)
            else:
                self._fill_slots(now)
        self._end_if_all_ended(now)
        return starts, *self.more()

    def hand_over(self, task: int, outcome: Outcome, now: float) -> int | None:
        """Take the signal that most steps are about, quickly: an attempt completed its task while no slot was free.

        The same as `step(AttemptEnded(task, outcome), now)`, but for commands and events, which the next `more` gives.

        Returns:
            The task that takes over the slot, or NOBODY; None when this is another case, for `step`.
        """
        slots = self._slots
        if slots.free or not self._hands_over or self._run_state != GOING:
            return None
        if self._observed:
            self._ledger.note_step(now)
        self._complete(task, outcome, now)
        ready = slots.ready
        while ready:
            following = self._by_order[heappop(ready)]
            if self._states[following] == READY:
                self._start(following, now)
                return following
        slots.free = 1
        self._end_if_all_ended(now)
        return NOBODY

    def more(self) -> tuple[list[Command], list[Event]]:
        """The commands and events since the last answer, each in order."""
        commands = self.commands
        if commands:
            self.commands = []
        return commands, self._ledger.take_events() if self._observed else _NO_EVENTS

    def _end_if_all_ended(self, now: float) -> None:
        if not self._ledger.unfinished and NEW < self._run_state < OVER:
            self._run_state = OVER
            self.commands.append(EndRun())
            self._ledger.note_run_end(self._ended_by and self._ended_by[0])

    def alternative(self, task: int) -> int:
        """Which alternative of the executor the next attempt of this task asks."""
        return self._alternative.get(task, (0, 0))[0]

    def is_coming(self, task: int) -> bool:
        """Whether a task that its executor held will ask again: it waits for room, or is on its way."""
        return self._run_state < ENDING and self._states[task] not in (STOPPING, ENDED)

    @property
    def statuses(self) -> list[TaskStatus]:
        """The status of every task, in file order."""
        return [self._ledger.status(task) or STATUS_OF[state] for task, state in enumerate(self._states)]

    # -- signals that concern the whole run --------------------------------------------------------------------------

    def _on_run_began(self, signal: RunBegan, now: float) -> None:
        self._run_state = PAUSED if self._pause_asked else GOING
        self._ledger.note_run_start()
        if self._pause_asked:
            self._ledger.note_pause(True)
        if self._cancel_asked is not None:
            self._end_run("CANCELLED", self._cancel_asked, now)
            return
        if self._run_deadline is not None:
            self._set_timer(now + self._run_deadline, RUN_DEADLINE, -1)
        for early in self._early_cancels:
            if self._states[early.task] != ENDED:
                self._on_cancel_task_asked(early, now)
        for task in self._kept_failures:
            result = self._ledger.result(task)
            assert result is not None
            self._skip_dependents(task, result.status, result.error_code or "FAILED", now)
        for task in self._given_up:
            if self._states[task] != ENDED:
                self._end(task, TaskStatus.FAILED, "IN_DOUBT", _IN_DOUBT, now)
        for task, missing in enumerate(self._missing):
            if not missing and self._states[task] == BLOCKED:
                self._make_ready(task, now)

    def _on_tick(self, signal: Tick, now: float) -> None:
        timers = self._timers
        self._wake_at = -inf  # one wake-up is enough, at the end
        while timers and timers[0][0] <= now:
            instant, kind, task = heappop(timers)
            if kind == RUN_DEADLINE:
                if self._run_state != ENDING:
                    self._end_run("RUN_DEADLINE", f"the run's deadline of {self._run_deadline:g} s passed", now)
                continue
            state = self._states[task]
            if kind == WAIT_OVER:
                if state == WAITING and self._wait_until[task] == instant:
                    self._held.discard(task)
                    self._make_ready(task, now)
            elif kind == DEADLINES_COME:
                self._let_deadlines_come(task, instant)
            elif kind == DEADLINE:
                if state == RUNNING:
                    self._stop(task, TaskStatus.TIMEOUT, DEADLINE_PASSED, self._deadline_text(task), now)
                elif state in (READY, WAITING):
                    self._end(task, TaskStatus.TIMEOUT, DEADLINE_PASSED, self._deadline_text(task), now)
            elif state == STOPPING:
                self.commands.append(AbandonAttempt(task))
                self._end_stopped(
                    task, None, now, f"; the attempt did not stop within {self._stop_grace:g} s and was abandoned"
                )
        self._wake_at = timers[0][0] if timers else inf
        if timers:
            self.commands.append(WakeAt(self._wake_at))

    def _on_early_cancel(self, signal: CancelAsked, now: float) -> None:
        self._cancel_asked = self._cancel_asked or signal.reason

    def _on_cancel_asked(self, signal: CancelAsked, now: float) -> None:
        self._end_run("CANCELLED", signal.reason, now)

    def _on_journal_failed(self, signal: JournalFailed, now: float) -> None:
        for task in signal.never_began:
            if self._states[task] == ENDED:  # it was stopped, and abandoned, while its start was being written down
                continue
            self._ledger.take_back_start(task)
            self._release_slot(task)
            self._states[task] = READY
        self._end_run("JOURNAL_IO", signal.reason, now, spared=RUNNING)

    def _on_early_pause(self, signal: PauseAsked | ResumeAsked, now: float) -> None:
        self._pause_asked = type(signal) is PauseAsked

    def _on_pause_asked(self, signal: PauseAsked, now: float) -> None:
        self._run_state = PAUSED
        self._ledger.note_pause(True)

    def _on_resume_asked(self, signal: ResumeAsked, now: float) -> None:
        self._run_state = GOING
        self._ledger.note_pause(False)

    def _ignore(self, signal: Signal, now: float) -> None:
        """Nothing to do: what is asked for is so already."""

    # -- signals that concern one task -------------------------------------------------------------------------------

    def _on_attempt_ended(self, signal: AttemptEnded, now: float) -> None:
        task, outcome = signal.task, signal.outcome
        self._slots.free += 1
        if self._slots.has_groups:
            self._slots.leave(task)
        if self._spending is not None and outcome.usage is not None:
            self._spending.add(outcome.usage)
        if outcome.ok:
            self._complete(task, outcome, now)
            return
        code = outcome.error_code or "FAILED"
        text = outcome.error or code
        if outcome.not_before is not None:
            self._hold(task, outcome.not_before, code, now)
            return
        if code == DEADLINE_PASSED:  # the executor watched the same deadline and was quicker
            self._ledger.note_end(task, TaskStatus.TIMEOUT, code, text, outcome, now)
            self._end(task, TaskStatus.TIMEOUT, code, text, now)
            return
        attempts = self._ledger.note_end(task, TaskStatus.FAILED, code, text, outcome, now)
        alternative, before = self._alternative.get(task, (0, 0))
        decision = decide_retry(
            self._policy_of_handlers if task in self._plan.handled else self._policy,
            max_retries=self._plan.max_retries[task],
            failed_codes=[attempt.error_code for attempt in attempts[before:]],
            retry=outcome.retry,
            retry_after=outcome.retry_after,
            now=now,
            deadline=self.deadline_of(task),
            random=self._random,
            alternative=alternative,
        )
        if decision.goes_on:
            if decision.alternative != alternative:
                self._alternative[task] = (decision.alternative, len(attempts))
            self._wait(task, now + decision.wait_seconds, code, now)
        elif decision.verdict == "past_deadline":
            text = (
                f"the next attempt would have to wait {decision.wait_seconds:.1f} s, "
                f"past the task's deadline of {self._plan.timeouts[task]:g} s; the last failure was {code}: {text}"
            )
            self._end(task, TaskStatus.TIMEOUT, DEADLINE_PASSED, text, now)
        else:
            self._end(task, TaskStatus.FAILED, code, text + decision.remark, now)

    def _on_ended_while_stopping(self, signal: AttemptEnded, now: float) -> None:
        task, outcome = signal.task, signal.outcome
        if self._spending is not None and outcome.usage is not None:
            self._spending.add(outcome.usage)
        if outcome.ok and self._stop_reason[task][0] is TaskStatus.CANCELLED:
            # A complete answer that came while the task was being cancelled is kept: it was paid for.
            self._release_slot(task)
            self._complete(task, outcome, now)
        else:
            self._end_stopped(task, outcome, now)

    def _on_attempt_stopped(self, signal: AttemptStopped, now: float) -> None:
        self._end_stopped(signal.task, None, now)

    def _on_room_appeared(self, signal: RoomAppeared, now: float) -> None:
        if signal.task in self._held:
            self._held.discard(signal.task)
            self._make_ready(signal.task, now)

    def _on_cancel_task_asked(self, signal: CancelTaskAsked, now: float) -> None:
        if self._run_state == NEW:
            self._early_cancels.append(signal)
        else:
            self._cancel(signal.task, "CANCELLED", signal.reason, now)

    def _illegal(self, signal: Signal) -> IllegalSignalError:
        name = type(signal).__name__
        if type(signal) not in _TASK_MOVES:
            return IllegalSignalError(f"{name} for a run that is {RUN_STATE_NAMES[self._run_state]}")
        task: int = signal.task  # type: ignore[union-attr]
        return IllegalSignalError(
            f'{name} for task "{self._plan.ids[task]}", which is {STATE_NAMES[self._states[task]]}'
        )


_Move = Callable[[Scheduler, Any, float], None]
_S = Scheduler
_TASK_MOVES: Final[dict[type, tuple[_Move | None, ...]]] = {
    #                 blocked, ready, running, waiting, stopping, ended
    AttemptEnded: (None, None, _S._on_attempt_ended, None, _S._on_ended_while_stopping, None),
    AttemptStopped: (None, None, None, None, _S._on_attempt_stopped, None),
    RoomAppeared: (None, _S._ignore, _S._ignore, _S._on_room_appeared, _S._ignore, _S._ignore),
    CancelTaskAsked: (*[_S._on_cancel_task_asked] * 4, _S._ignore, _S._ignore),
}
_RUN_MOVES: Final[dict[type, tuple[_Move | None, ...]]] = {
    #          new, going, paused, ending, over
    RunBegan: (_S._on_run_began, None, None, None, None),
    Tick: (None, _S._on_tick, _S._on_tick, _S._on_tick, _S._ignore),
    CancelAsked: (_S._on_early_cancel, *[_S._on_cancel_asked] * 3, _S._ignore),
    JournalFailed: (None, *[_S._on_journal_failed] * 3, None),
    PauseAsked: (_S._on_early_pause, _S._on_pause_asked, _S._ignore, _S._ignore, _S._ignore),
    ResumeAsked: (_S._on_early_pause, _S._ignore, _S._on_resume_asked, _S._ignore, _S._ignore),
}

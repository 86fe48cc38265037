"""What can become of a task: the moves that change its state, keep the slots and write the ledger.

A move asks nobody and checks nothing: which one answers a signal in which state is the scheduler's to say.
"""

from __future__ import annotations

from dataclasses import replace
from heapq import heappop, heappush
from math import inf
from random import Random

from altlas_runner.execution import DEADLINE_PASSED, Outcome
from altlas_runner.retrying import LONGEST_SECONDS, RetryPolicy
from altlas_runner.statuses import TaskStatus
from altlas_runner.task_manager.deadlines import deadline_queues
from altlas_runner.task_manager.ledger import NEVER, Ledger
from altlas_runner.task_manager.plan import Restored, RunPlan
from altlas_runner.task_manager.signals import CancelTaskAsked, Command, StopAttempt, WakeAt
from altlas_runner.task_manager.slots import Slots
from altlas_runner.task_manager.spending import Spending
from altlas_runner.task_manager.states import BLOCKED, ENDED, ENDING, NEW, READY, RUNNING, STOPPING, WAITING

__all__ = ["DEADLINE", "DEADLINES_COME", "GRACE_OVER", "RUN_DEADLINE", "WAIT_OVER", "Moves"]

WAIT_OVER, DEADLINES_COME, DEADLINE, GRACE_OVER, RUN_DEADLINE = range(5)
"""What a timer is for; of several at one instant the lower comes first, and of one kind the task that is first."""


class Moves:
    """The state of a run, and everything that can change it.

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

    __slots__ = (
        "_alternative",
        "_by_order",
        "_cancel_asked",
        "_deadline_queue_of",
        "_dependents",
        "_early_cancels",
        "_ended_by",
        "_fail_fast",
        "_given_up",
        "_hands_over",
        "_held",
        "_is_plain",
        "_kept_failures",
        "_ledger",
        "_missing",
        "_observed",
        "_order",
        "_pause_asked",
        "_plan",
        "_policy",
        "_policy_of_handlers",
        "_random",
        "_run_deadline",
        "_run_state",
        "_slots",
        "_spending",
        "_starts",
        "_states",
        "_stop_grace",
        "_stop_reason",
        "_timers",
        "_wait_until",
        "_wake_at",
        "commands",
    )

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
        spending: Spending | None = None,
    ) -> None:
        self._plan = plan
        self._ledger = ledger
        self._observed = ledger.observed
        self._dependents, self._order, self._by_order = plan.dependents, plan.order, plan.by_order  # looked at often
        self._slots = Slots(plan, max_concurrency)
        self._policy = policy
        self._policy_of_handlers = replace(policy, budgets=())
        self._random = random
        self._stop_grace = stop_grace_seconds
        self._run_deadline = run_deadline_seconds
        self._fail_fast = fail_fast
        self._spending = spending
        self._run_state = NEW
        self._ended_by: tuple[str, str] | None = None  # code and reason
        self._pause_asked = False
        self._cancel_asked: str | None = None
        self._early_cancels: list[CancelTaskAsked] = []
        self._states = bytearray(len(plan.ids))
        self._kept_failures: list[int] = []  # tasks that did not complete before the run was resumed
        self._given_up: list[int] = []  # tasks that a resume does not try again
        self._missing = list(map(len, plan.dependencies))
        self._deadline_queue_of = deadline_queues(plan.timeouts)
        self._is_plain = not self._slots.has_groups and 0 not in plan.timeouts  # a slot is all that a ready task needs
        self._hands_over = self._is_plain and spending is None  # so nothing stands between a slot and the next task
        self._timers: list[tuple[float, int, int]] = []  # heap of (instant, kind, task)
        self._wake_at = inf  # the instant of the last WakeAt that has not come
        self._wait_until: dict[int, float] = {}
        self._held: set[int] = set()  # tasks that wait for room at their executor
        self._alternative: dict[int, tuple[int, int]] = {}  # by task: which one, and how many attempts came before it
        self._stop_reason: dict[int, tuple[TaskStatus, str, str]] = {}
        self._starts: list[int] = []
        self.commands: list[Command] = []

    def restore(self, restored: Restored) -> None:
        """Take over what is known from before the run was resumed; before its first signal."""
        self._ledger.restore(restored.results, restored.attempts)
        for task, attempts in restored.attempts.items():
            self._alternative[task] = (0, len(attempts))  # whether to try once more does not depend on those
        for task, result in restored.results.items():
            self._states[task] = ENDED
            if result.status is not TaskStatus.COMPLETED:
                self._kept_failures.append(task)
                continue
            for dependent in self._dependents[task]:
                self._missing[dependent] -= 1
        self._given_up = sorted(restored.given_up)

    # -- towards an attempt ------------------------------------------------------------------------------------------

    def _make_ready(self, task: int, now: float) -> None:
        self._states[task] = READY
        heappush(self._slots.ready, self._order[task])
        if self._observed:
            self._ledger.note_ready(task)

    def _fill_slots(self, now: float) -> None:
        """Give the free slots to the best ready tasks."""
        slots = self._slots
        ready = slots.ready
        while ready and slots.free:
            place = heappop(ready)
            task = self._by_order[place]
            if self._states[task] == READY and (self._is_plain or self._may_start(task, place, now)):
                slots.free -= 1
                self._start(task, now)
                self._starts.append(task)
            elif slots.has_groups:  # it ended while it waited; the next one of its group must not wait for it
                slots.unpark(task)

    def _start(self, task: int, now: float) -> None:
        """An attempt begins; it has a slot."""
        self._states[task] = RUNNING
        first_start = self._ledger.first_start
        if first_start[task] == NEVER:
            first_start[task] = now
            queue = self._deadline_queue_of[task]
            if queue is not None:
                if not queue:
                    self._set_timer(now + self._plan.timeouts[task], DEADLINES_COME, task)  # type: ignore[operator]
                queue.append(task)
        else:
            self._ledger.last_start[task] = now
        if self._observed:
            self._ledger.note_start(task)

    def _may_start(self, task: int, place: int, now: float) -> bool:
        """Whether a ready task at the head of the starting order takes a slot: no deadline, no group is in its way."""
        if self._plan.timeouts[task] == 0:  # that has passed at once
            self._end(task, TaskStatus.TIMEOUT, DEADLINE_PASSED, self._deadline_text(task), now)
            return False
        return not self._slots.has_groups or self._slots.enter(task, place)

    def _release_slot(self, task: int) -> None:
        self._slots.free += 1
        if self._slots.has_groups:
            self._slots.leave(task)

    def _hold(self, task: int, not_before: float, reason: str, now: float) -> None:
        """The executor has no room before an instant: the task waits without a slot, and that was no attempt."""
        deadline = self.deadline_of(task)
        if deadline is not None and not_before >= deadline:
            text = f"{reason}: there is no room for it before its deadline of {self._plan.timeouts[task]:g} s"
            self._end(task, TaskStatus.TIMEOUT, DEADLINE_PASSED, text, now)
        else:
            self._held.add(task)
            self._wait(task, min(max(now, not_before), now + LONGEST_SECONDS), reason, now)

    def _wait(self, task: int, until: float, reason: str, now: float) -> None:
        if self._ended_by is not None:  # it was left to end by itself, and nothing begins any more
            self._end(task, TaskStatus.CANCELLED, *self._ended_by, now)
            return
        self._states[task] = WAITING
        self._wait_until[task] = until
        self._set_timer(until, WAIT_OVER, task)
        self._ledger.note_wait(task, until, reason)

    def _cancel(self, task: int, code: str, reason: str, now: float) -> None:
        state = self._states[task]
        if state == RUNNING:
            self._stop(task, TaskStatus.CANCELLED, code, reason, now)
        elif state != STOPPING:
            self._end(task, TaskStatus.CANCELLED, code, reason, now)

    def _stop(self, task: int, status: TaskStatus, code: str, text: str, now: float) -> None:
        self._states[task] = STOPPING
        self._stop_reason[task] = (status, code, text)
        self._set_timer(now + self._stop_grace, GRACE_OVER, task)
        self.commands.append(StopAttempt(task))

    def _complete(self, task: int, outcome: Outcome, now: float) -> None:
        missing, states = self._missing, self._states
        states[task] = ENDED
        self._ledger.complete(task, outcome, now)
        for dependent in self._dependents[task]:
            missing[dependent] = left = missing[dependent] - 1
            if not left and states[dependent] == BLOCKED:
                states[dependent] = READY
                heappush(self._slots.ready, self._order[dependent])
                if self._observed:
                    self._ledger.note_ready(dependent)

    def _end(self, task: int, status: TaskStatus, code: str, text: str, now: float) -> None:
        """End a task that did not complete, and skip everything that depends on it."""
        self._finish(task, status, code, text, now)
        if self._run_state == ENDING:
            return
        self._skip_dependents(task, status, code, now)
        if self._fail_fast and status is not TaskStatus.CANCELLED:
            self._end_run("FAIL_FAST", f'stopped because "{self._plan.ids[task]}" did not complete ({code})', now)

    def _end_stopped(self, task: int, outcome: Outcome | None, now: float, remark: str = "") -> None:
        """End a task whose attempt was told to stop, with the reason given then."""
        status, code, text = self._stop_reason[task]
        self._release_slot(task)
        self._ledger.note_end(task, status, code, text + remark, outcome, now)
        self._end(task, status, code, text + remark, now)

    def _skip_dependents(self, root: int, status: TaskStatus, code: str, now: float) -> None:
        ids = self._plan.ids
        cause = f'"{ids[root]}" did not complete ({status}, {code})'
        stack = [root]
        while stack:
            task = stack.pop()
            text = f"dependency {cause}" if task == root else f'dependency "{ids[task]}" was skipped, because {cause}'
            for dependent in self._dependents[task]:
                if self._states[dependent] == BLOCKED:
                    because = {"skipped_because_of": ids[root]}
                    self._finish(dependent, TaskStatus.SKIPPED, "DEPENDENCY_NOT_COMPLETED", text, now, because)
                    stack.append(dependent)

    def _finish(
        self, task: int, status: TaskStatus, code: str, text: str, now: float, metadata: dict[str, str] | None = None
    ) -> None:
        self._states[task] = ENDED
        self._ledger.finish(task, status, code, text, now, metadata=metadata)

    def _set_timer(self, instant: float, kind: int, task: int) -> None:
        heappush(self._timers, (instant, kind, task))
        if instant < self._wake_at:
            self._wake_at = instant
            self.commands.append(WakeAt(instant))

    def _let_deadlines_come(self, task: int, instant: float) -> None:
        """Give each task with this one's timeout whose deadline is this instant a timer, and one to the next."""
        queue = self._deadline_queue_of[task]
        while queue:
            task = queue[0]
            deadline = self.deadline_of(task)
            if self._states[task] != ENDED and deadline is not None:
                if deadline > instant:
                    self._set_timer(deadline, DEADLINES_COME, task)
                    return
                self._set_timer(deadline, DEADLINE, task)
            queue.popleft()

    def deadline_of(self, task: int) -> float | None:
        """The instant by which a task that has begun must have ended, or None."""
        timeout = self._plan.timeouts[task]
        return None if timeout is None else self._ledger.first_start[task] + timeout

    def _deadline_text(self, task: int) -> str:
        return f"the task's deadline of {self._plan.timeouts[task]:g} s passed"

    def _end_run(self, code: str, reason: str, now: float, *, spared: int = ENDED) -> None:
        """Cancel everything that has not ended, but for tasks in the state `spared`: those may still end."""
        self._run_state = ENDING
        self._ended_by = self._ended_by or (code, reason)
        self._slots.clear()
        for task, state in enumerate(self._states):
            if state not in (ENDED, spared):
                self._cancel(task, code, reason, now)

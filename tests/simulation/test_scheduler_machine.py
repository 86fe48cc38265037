"""The pure scheduler under any order of signals: what it commands makes sense, and what makes no sense it refuses."""

from random import Random
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from altlas_runner.errors import IllegalSignalError
from altlas_runner.execution import Outcome
from altlas_runner.results import Usage
from altlas_runner.retrying import RetryBudget, RetryPolicy
from altlas_runner.statuses import TaskStatus
from altlas_runner.task_manager.events import Event, RunFinished, TaskFinished, TaskReady, TaskWaiting
from altlas_runner.task_manager.ledger import Ledger
from altlas_runner.task_manager.plan import RunPlan
from altlas_runner.task_manager.scheduler import NOBODY, Scheduler
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
    RoomAppeared,
    RunBegan,
    Signal,
    StopAttempt,
    Tick,
    WakeAt,
)
from altlas_runner.task_manager.spending import Spending

SECONDS = st.sampled_from([0.0, 0.5, 1.0, 2.0, 7.0])
TASKS = st.integers(0, 6)


@st.composite
def outcomes(draw: st.DrawFn) -> Outcome:
    """Any way in which an attempt ends, as failures and holds that are tried again more often than not."""
    return draw(
        st.just(Outcome.completed("done", usage=Usage(1, 1, 0.5)))
        | st.builds(
            Outcome.failed,
            st.sampled_from(["FLAKY", "AI_DEADLINE"]),
            st.just("no"),
            retry=st.sampled_from(["yes", "yes", "once", "no"]),
            retry_after=st.none() | SECONDS,
        )
        | st.builds(Outcome.held, SECONDS.map(lambda seconds: 10 * seconds), st.just("RATE_LIMIT"))
    )


class SchedulerMachine(RuleBasedStateMachine):
    """Plays the driver: keeps what the scheduler commanded, and answers it in any order."""

    @initialize(
        data=st.data(),
        limit=st.integers(1, 3),
        fail_fast=st.booleans(),
        run_deadline=st.none() | SECONDS,
        max_tokens=st.none() | st.integers(1, 8),
        alternatives=st.integers(0, 3),
    )
    def make(
        self,
        data: st.DataObject,
        limit: int,
        fail_fast: bool,
        run_deadline: float | None,
        max_tokens: int | None,
        alternatives: int,
    ) -> None:
        size = data.draw(st.integers(1, 7), "size")
        rows = [data.draw(st.lists(st.integers(0, max(0, t - 1)), max_size=2, unique=True)) for t in range(size)]
        self.dependencies = [[each for each in row if each < task] for task, row in enumerate(rows)]
        by_order = data.draw(st.permutations(range(size)), "order")
        groups = data.draw(st.sampled_from([[-1], [-1, 0]]), "groups")
        self.group_of = data.draw(st.lists(st.sampled_from(groups), min_size=size, max_size=size), "group of each")
        plan = RunPlan(
            ids=[f"t{task}" for task in range(size)],
            dependencies=self.dependencies,
            dependents=[[d for d, row in enumerate(self.dependencies) if task in row] for task in range(size)],
            timeouts=data.draw(st.lists(st.none() | SECONDS, min_size=size, max_size=size), "timeouts"),
            max_retries=[2] * size,
            order=[by_order.index(task) for task in range(size)],
            by_order=by_order,
            group_of=self.group_of,
            group_limits=[1] if 0 in groups else [],
        )
        self.ledger = Ledger(plan.ids, "last_1", 0.0, observed=True)
        self.limit, self.order = limit, plan.order
        self.spending = Spending(None, max_tokens) if max_tokens else None
        budgets = tuple(RetryBudget(f"s{number}", capacity=20) for number in range(alternatives))
        self.scheduler = Scheduler(
            plan,
            self.ledger,
            max_concurrency=limit,
            policy=RetryPolicy(base_seconds=0.5, budgets=budgets),
            random=Random(1),
            stop_grace_seconds=2.0,
            run_deadline_seconds=None if run_deadline is None else run_deadline + 1.0,
            fail_fast=fail_fast,
            spending=self.spending,
        )
        self.now = 0.0
        self.begun = self.paused = self.ended = False
        self.wake_at: float | None = None
        self.running: set[int] = set()
        self.stopping: set[int] = set()
        self.waiting: set[int] = set()
        self.held: set[int] = set()
        self.finished: set[int] = set()

    # -- signals -----------------------------------------------------------------------------------------------------

    @precondition(lambda self: not self.begun)
    @rule()
    def begin(self) -> None:
        self.begun = True
        self.give(RunBegan())

    @precondition(lambda self: self.running)
    @rule(data=st.data(), outcome=outcomes())
    def attempt_ends(self, data: st.DataObject, outcome: Outcome) -> None:
        task = data.draw(st.sampled_from(sorted(self.running)))
        self.running.discard(task)
        self.give(AttemptEnded(task, outcome))
        if outcome.not_before is not None and task in self.waiting:
            self.held.add(task)

    @precondition(lambda self: self.waiting | self.running)
    @rule(data=st.data())
    def room_appears(self, data: st.DataObject) -> None:
        """Only who waits for room comes at once; who waits for its next attempt, or runs, goes on as before."""
        task = data.draw(st.sampled_from(sorted(self.waiting | self.running)))
        held, waited = task in self.held, task in self.waiting
        assert self.scheduler.is_coming(task)
        self.give(RoomAppeared(task))
        assert (task in self.waiting) == (waited and not held)

    @precondition(lambda self: self.stopping)
    @rule(data=st.data(), outcome=st.none() | outcomes())
    def stopped_attempt_ends(self, data: st.DataObject, outcome: Outcome | None) -> None:
        task = data.draw(st.sampled_from(sorted(self.stopping)))
        self.stopping.discard(task)
        self.give(AttemptStopped(task) if outcome is None else AttemptEnded(task, outcome))

    @precondition(lambda self: self.wake_at is not None)
    @rule(late=SECONDS)
    def wake_up(self, late: float) -> None:
        assert self.wake_at is not None
        self.now = max(self.now, self.wake_at + late)
        self.wake_at = None
        self.give(Tick())

    @precondition(lambda self: self.begun)
    @rule(seconds=SECONDS)
    def tick_by_mistake(self, seconds: float) -> None:
        self.now += seconds
        self.wake_at = None
        self.give(Tick())

    @rule(seconds=SECONDS)
    def let_time_pass(self, seconds: float) -> None:
        self.now += seconds

    @rule(task=TASKS)
    def cancel_task(self, task: int) -> None:
        self.give(CancelTaskAsked(task % len(self.dependencies), "not this one"))

    @rule()
    def cancel(self) -> None:
        self.give(CancelAsked("enough"))

    @rule()
    def pause(self) -> None:
        self.paused = True
        self.give(PauseAsked())

    @rule()
    def resume(self) -> None:
        self.paused = False
        self.give(ResumeAsked())

    @rule(task=TASKS, outcome=outcomes())
    def give_a_signal_that_makes_no_sense(self, task: int, outcome: Outcome) -> None:
        task %= len(self.dependencies)
        before = (self.scheduler.statuses, list(map(self.ledger.result, range(len(self.dependencies)))))
        signals: list[Signal] = [RunBegan()] if self.begun else [Tick()]
        if task not in self.running | self.stopping:
            signals.append(AttemptEnded(task, outcome))
        if task not in self.stopping:
            signals.append(AttemptStopped(task))
        for signal in signals:
            about = f'task "t{task}"' if hasattr(signal, "task") else "a run that is"
            with pytest.raises(IllegalSignalError, match=f"{type(signal).__name__} for {about}"):
                self.scheduler.step(signal, self.now)
        assert (self.scheduler.statuses, list(map(self.ledger.result, range(len(self.dependencies))))) == before

    # -- commands and events -----------------------------------------------------------------------------------------

    def give(self, signal: Signal) -> None:
        starts, commands, events = self.answer(signal)
        assert not (self.ended and (starts or commands or events)), "something happens after the end"
        for event in events:
            self.hear(event)
        for task in starts:
            self.start(task)
        for command in commands:
            self.obey(command)

    def answer(self, signal: Signal) -> tuple[list[int], list[Command], list[Event]]:
        """As the driver asks: the quick way for attempts that completed, where that is open."""
        if isinstance(signal, AttemptEnded) and signal.outcome.ok and signal.task in self.running:
            following = self.scheduler.hand_over(signal.task, signal.outcome, self.now)
            if following is not None:
                return [] if following == NOBODY else [following], *self.scheduler.more()
        return self.scheduler.step(signal, self.now)

    def hear(self, event: Any) -> None:
        match event:
            case TaskFinished():
                task = int(event.task_id[1:])
                assert task not in self.finished, "a task ends twice"
                assert self.ledger.result(task) == event.result
                self.finished.add(task)
                self.waiting.discard(task)
                self.held.discard(task)
            case TaskWaiting():
                self.waiting.add(int(event.task_id[1:]))
            case TaskReady():
                self.waiting.discard(int(event.task_id[1:]))
                self.held.discard(int(event.task_id[1:]))
            case RunFinished():
                assert len(self.finished) == len(self.dependencies)

    def start(self, task: int) -> None:
        assert task not in self.running | self.stopping
        assert all(self.is_completed(each) for each in self.dependencies[task])
        assert self.begun
        assert not self.paused
        assert self.spending is None or self.spending.used_up() is None
        assert all(self.order[task] < self.order[each] for each in self.idle() if each != task)
        self.running.add(task)

    def obey(self, command: object) -> None:
        match command:
            case StopAttempt(task=task):
                self.running.remove(task)
                self.stopping.add(task)
            case AbandonAttempt(task=task):
                self.stopping.remove(task)
            case WakeAt(instant=instant):
                self.wake_at = instant
            case EndRun():
                assert not self.running | self.stopping
                self.ended = True

    def idle(self) -> list[int]:
        """The tasks that could take a slot, if there is one."""
        holders = self.running | self.stopping
        group_is_full = any(self.group_of[task] == 0 for task in holders)
        return [
            task
            for task, row in enumerate(self.dependencies)
            if task not in holders | self.waiting | self.finished
            and not (group_is_full and self.group_of[task] == 0)
            and all(map(self.is_completed, row))
        ]

    def is_completed(self, task: int) -> bool:
        result = self.ledger.result(task)
        return result is not None and result.status is TaskStatus.COMPLETED

    # -- always ------------------------------------------------------------------------------------------------------

    @invariant()
    def slots_and_groups_are_never_overfull(self) -> None:
        holders = self.running | self.stopping
        assert len(holders) <= self.limit
        assert sum(self.group_of[task] == 0 for task in holders) <= 1

    @invariant()
    def statuses_are_those_of_the_commands(self) -> None:
        for task, status in enumerate(self.scheduler.statuses):
            result = self.ledger.result(task)
            assert (result is not None) == (task in self.finished)
            if result is not None:
                assert status is result.status
            else:
                holds = task in self.running | self.stopping
                assert status is (TaskStatus.RUNNING if holds else TaskStatus.PENDING)

    @invariant()
    def no_slot_is_idle_while_a_task_could_take_it(self) -> None:
        if self.begun and not self.paused and len(self.running | self.stopping) < self.limit:
            assert self.idle() == []

    @invariant()
    def the_run_has_ended_when_all_tasks_have(self) -> None:
        assert self.ended == (self.begun and len(self.finished) == len(self.dependencies))

    def teardown(self) -> None:
        """From wherever it is, the run comes to its end."""
        if not hasattr(self, "scheduler"):
            return
        if not self.begun:
            self.begin()
        self.resume()
        while not self.ended:
            if self.running | self.stopping:
                task = min(self.running | self.stopping)
                self.running.discard(task)
                self.stopping.discard(task)
                self.give(AttemptEnded(task, Outcome.completed("done")))
            else:
                assert self.wake_at is not None, "nothing runs, nothing will wake the run, and it has not ended"
                self.wake_up(0.0)


TestScheduler = SchedulerMachine.TestCase

"""What a run must come to: a second scheduler, slow and plain, that shares no code with the first.

It looks at all tasks again after everything that happens, keeps no heap and no counter, and knows no event loop. At one
instant it lets happen: what timers say (waits that are over, deadlines, the end of patience, the run's deadline), the
attempts that stop because of it; then actions as listed and attempts that end, by task; then what these bring about.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf
from random import Random

from tests.simulation.scenario import BEFORE_THE_RUN, Action, Ending, Scenario, SimulatedTask

__all__ = ["Expected", "ExpectedAttempt", "expect", "starting_ranks"]

_AT_ONCE = 1e-9
_RANKS = {"critical": 0, "high": 1, "medium": 2, "low": 3}


@dataclass(slots=True)
class ExpectedAttempt:
    """An attempt that counts: one that was held does not."""

    start: float
    end: float
    status: str
    code: str | None


@dataclass(slots=True)
class Expected:
    """What must become of a task."""

    status: str = ""
    code: str | None = None
    end: float = inf
    output: object = None
    first_start: float | None = None
    attempts: list[ExpectedAttempt] = field(default_factory=list)
    tokens: int = 0


@dataclass(slots=True)
class _Task:
    """A task while it runs; `state` is blocked, ready, running, waiting, stopping or ended."""

    index: int
    script: SimulatedTask
    expected: Expected = field(default_factory=Expected)
    state: str = "blocked"
    calls: int = 0
    ending: Ending = field(default_factory=Ending)
    start: float = inf
    answer_at: float = inf
    wait_until: float = inf
    patience_until: float = inf
    stop_at: float = inf
    stop_status: str = ""
    stop_code: str = ""

    @property
    def deadline(self) -> float:
        first = self.expected.first_start
        return inf if self.script.timeout is None or first is None else first + self.script.timeout


def starting_ranks(scenario: Scenario) -> list[tuple[float, ...]]:
    """For each task its rank; of the tasks that may start, the one with the lowest starts."""
    tasks = scenario.tasks
    stated = [task.runtime for task in tasks if task.runtime is not None]
    mean = sum(stated) / len(stated) if sum(stated) else 1.0
    dependents = [[d for d, other in enumerate(tasks) if index in other.dependencies] for index in range(len(tasks))]
    lengths: dict[int, float] = {}

    def length(index: int) -> float:
        """Of the longest chain that begins with the task."""
        if index not in lengths:
            runtime = tasks[index].runtime
            own = mean if runtime is None else runtime
            lengths[index] = own + max(map(length, dependents[index]), default=0.0)
        return lengths[index]

    return [
        (
            _RANKS[task.priority or scenario.file_priority or "medium"],
            -length(index) if scenario.critical_path else 0.0,
            index,
        )
        for index, task in enumerate(tasks)
    ]


def expect(scenario: Scenario) -> list[Expected]:
    """What must become of each task of a scenario in which nobody cancels the coroutine of the run."""
    return _Oracle(scenario).run()


class _Oracle:
    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.tasks = [_Task(index, script) for index, script in enumerate(scenario.tasks)]
        self.ranks = starting_ranks(scenario)
        self.random = Random(scenario.seed)
        self.now = 0.0
        self.paused = False
        self.ending = False
        self.run_deadline = inf if scenario.run_deadline is None else scenario.run_deadline
        self.actions = list(scenario.actions)
        self.queue: list[Action | _Task] = []  # what happens next at this instant

    def run(self) -> list[Expected]:
        early = [action for action in self.actions if action.at == BEFORE_THE_RUN]
        self.actions = self.actions[len(early) :]
        for action in sorted(early, key=lambda each: each.kind != "cancel"):  # a run that is cancelled never begins
            self.interfere(action)
        self.start_what_may()
        while any(task.state != "ended" for task in self.tasks):
            self.now = self.next_instant()
            assert self.now < inf, "the scenario has no end"
            self.live_through_instant()
        return [task.expected for task in self.tasks]

    def next_instant(self) -> float:
        return min(
            *(self.timer_of(task) for task in self.tasks),
            *(task.answer_at for task in self.tasks),
            *(action.at for action in self.actions),
            self.run_deadline,
            inf,
        )

    def timer_of(self, task: _Task) -> float:
        return {
            "waiting": min(task.wait_until, task.deadline),
            "running": task.deadline,
            "ready": task.deadline,
            "stopping": task.patience_until,
        }.get(task.state, inf)

    def is_due(self, instant: float) -> bool:
        return instant <= self.now + _AT_ONCE

    def live_through_instant(self) -> None:
        self.let_timers_fire()
        self.empty_queue()
        due_actions = [action for action in self.actions if self.is_due(action.at)]
        self.actions = self.actions[len(due_actions) :]
        self.queue = [*due_actions, *(task for task in self.tasks if self.is_due(task.answer_at))]
        self.empty_queue()
        while any(self.is_due(self.timer_of(task)) for task in self.tasks):  # waits of no length
            self.let_timers_fire()
            self.empty_queue()

    def empty_queue(self) -> None:
        while self.queue:
            what = self.queue.pop(0)
            if isinstance(what, Action):
                self.interfere(what)
            else:
                self.answer(what)
            self.start_what_may()

    # -- timers ------------------------------------------------------------------------------------------------------

    def let_timers_fire(self) -> None:
        kinds = ("waiting", "ready", "running", "stopping")
        due = [(task.state, task) for task in self.tasks if self.is_due(self.timer_of(task))]
        for state, task in sorted(due, key=lambda each: kinds.index(each[0])):
            if task.state != state:
                continue  # an earlier timer of this instant ended it
            if state == "stopping":
                task.answer_at = inf
                self.end_stopped(task)
            elif state == "waiting" and task.wait_until < task.deadline:
                task.state = "ready"
            elif state == "running":
                self.stop(task, "timeout", "AI_DEADLINE")
            else:
                self.end(task, "timeout", "AI_DEADLINE")
        if self.is_due(self.run_deadline):
            self.run_deadline = inf
            self.end_run("RUN_DEADLINE")
        self.start_what_may()

    # -- starting ----------------------------------------------------------------------------------------------------

    def may_start(self) -> Iterator[_Task]:
        """The tasks that may start, if there is a slot."""
        holders = [task for task in self.tasks if task.state in ("running", "stopping")]
        if self.paused or self.ending or len(holders) >= self.scenario.limit:
            return
        for task in self.tasks:
            group = task.script.group
            in_group = [holder for holder in holders if holder.script.group == group]
            has_room = group is None or len(in_group) < self.scenario.groups[group]
            if self.is_ready(task) and (has_room or task.script.timeout == 0):  # that has passed when its turn comes
                yield task

    def is_ready(self, task: _Task) -> bool:
        return task.state == "ready" or (
            task.state == "blocked"
            and all(self.tasks[each].expected.status == "completed" for each in task.script.dependencies)
        )

    def start_what_may(self) -> None:
        while startable := list(self.may_start()):
            self.start(min(startable, key=lambda task: self.ranks[task.index]))

    def start(self, task: _Task) -> None:
        if task.script.timeout == 0:
            self.end(task, "timeout", "AI_DEADLINE")
            return
        if task.expected.first_start is None:
            task.expected.first_start = self.now
        task.state = "running"
        task.start = self.now
        task.ending = task.script.ending(task.calls)
        task.calls += 1
        task.answer_at = self.now + task.ending.latency

    # -- answers -----------------------------------------------------------------------------------------------------

    def answer(self, task: _Task) -> None:
        if not self.is_due(task.answer_at):
            return  # stopped at the very instant at which it would have answered
        task.answer_at = inf
        if task.state == "stopping":
            self.answer_while_stopping(task)
            return
        ending = task.ending
        if ending.ends == "completes":
            self.complete(task, task.index)
        elif ending.ends == "holds":
            self.wait(task, self.now + (ending.retry_after or 0.0))
        elif ending.ends == "sees the deadline":
            task.expected.tokens += 1
            self.note(task, "timeout", "AI_DEADLINE")
            self.end(task, "timeout", "AI_DEADLINE")
        elif ending.ends == "fails":
            task.expected.tokens += 1
            self.fail(task, ending)
        else:
            self.note(task, "failed", "EXECUTOR_ERROR")
            self.end(task, "failed", "EXECUTOR_ERROR")

    def answer_while_stopping(self, task: _Task) -> None:
        late = task.ending.when_stopped in ("completes late", "refuses") and self.now > task.stop_at
        if late and task.stop_status == "cancelled":
            self.complete(task, f"late {task.index}")
            return
        if late:
            task.expected.tokens += 2
        self.end_stopped(task)

    def fail(self, task: _Task, ending: Ending) -> None:
        earlier = [attempt.code for attempt in task.expected.attempts]
        self.note(task, "failed", ending.code)
        failures = len(task.expected.attempts)
        retries = self.scenario.default_retries if task.script.retries is None else task.script.retries
        hopeless = ending.retry == "no" or (ending.retry == "once" and ending.code in earlier)
        if hopeless or failures > retries:
            self.end(task, "failed", ending.code)
            return
        bound = min(60.0, self.scenario.backoff_seconds * 2.0 ** (failures - 1))
        self.wait(task, self.now + max(self.random.uniform(0.0, bound), ending.retry_after or 0.0))

    def wait(self, task: _Task, until: float) -> None:
        if until >= task.deadline:
            self.end(task, "timeout", "AI_DEADLINE")
        else:
            task.state = "waiting"
            task.wait_until = until

    # -- ends --------------------------------------------------------------------------------------------------------

    def note(self, task: _Task, status: str, code: str | None) -> None:
        task.expected.attempts.append(ExpectedAttempt(task.start, self.now, status, code))

    def complete(self, task: _Task, output: object) -> None:
        self.note(task, "completed", None)
        task.expected.tokens += 2
        task.expected.output = output
        self.finish(task, "completed", None)

    def finish(self, task: _Task, status: str, code: str | None) -> None:
        task.state = "ended"
        task.answer_at = inf
        task.expected.status, task.expected.code, task.expected.end = status, code, self.now

    def end(self, task: _Task, status: str, code: str) -> None:
        """End a task that did not complete, and skip all that can never start now."""
        self.finish(task, status, code)
        if self.ending:
            return
        while hopeless := [each for each in self.tasks if self.can_never_start(each)]:
            self.finish(hopeless[0], "skipped", "DEPENDENCY_NOT_COMPLETED")
        if self.scenario.fail_fast and status != "cancelled":
            self.end_run("FAIL_FAST")

    def can_never_start(self, task: _Task) -> bool:
        dependencies = [self.tasks[each].expected.status for each in task.script.dependencies]
        return task.state == "blocked" and any(status not in ("", "completed") for status in dependencies)

    def stop(self, task: _Task, status: str, code: str) -> None:
        task.state = "stopping"
        task.stop_at, task.stop_status, task.stop_code = self.now, status, code
        task.patience_until = self.now + self.scenario.grace
        if task.ending.when_stopped == "stops" or task.start == self.now:
            task.answer_at = self.now
            self.queue = [each for each in self.queue if each is not task] + [task]
        else:
            task.answer_at = self.now + task.ending.stop_seconds

    def end_stopped(self, task: _Task) -> None:
        self.note(task, task.stop_status, task.stop_code)
        self.end(task, task.stop_status, task.stop_code)

    def end_run(self, code: str) -> None:
        if self.ending:
            return
        self.ending = True
        for task in self.tasks:
            self.cancel(task, code)

    def cancel(self, task: _Task, code: str) -> None:
        if task.state == "running":
            self.stop(task, "cancelled", code)
        elif task.state not in ("stopping", "ended"):
            self.end(task, "cancelled", code)

    # -- actions -----------------------------------------------------------------------------------------------------

    def interfere(self, action: Action) -> None:
        match action.kind:
            case "cancel":
                self.end_run("CANCELLED")
            case "cancel task":
                self.cancel(self.tasks[action.task], "CANCELLED")
            case "pause":
                self.paused = True
            case "resume":
                self.paused = False

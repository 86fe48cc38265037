"""What must hold at every moment of a simulated run, read off its log."""

from __future__ import annotations

from math import inf
from typing import Any

from tests.simulation.oracle import starting_ranks
from tests.simulation.scenario import Action
from tests.simulation.world import SAME_INSTANT, Call, SimulatedRun

__all__ = ["problems_of_log"]

_ROUNDING_SECONDS = 5e-6


def problems_of_log(run: SimulatedRun) -> list[str]:
    """Everything in the log that must not be."""
    calls, events = _Calls(run), _Events(run)
    for instant, kind, what in run.log:
        if kind == "call":
            calls.on_call(what)
            if run.scenario.observed:
                events.on_call(what)
        elif kind == "answer":
            calls.on_answer(what)
        elif kind == "action":
            events.on_action(instant, what)
        else:
            events.on_event(instant, what)
    if run.scenario.observed and not run.scenario.aborted:
        events.at_the_end()
    return calls.problems + events.problems


class _Calls:
    """Looks at what the executor was asked for."""

    def __init__(self, run: SimulatedRun) -> None:
        self.problems: list[str] = []
        self._scenario = run.scenario
        self._active: list[Call] = []
        self._last: dict[int, Call] = {}
        self._first_start: dict[int, float] = {}

    def on_call(self, call: Call) -> None:
        scenario, attempt, now = self._scenario, call.attempt, call.started_at
        script = scenario.tasks[call.task]
        holders = [each for each in self._active if each.told_at + scenario.grace > now + SAME_INSTANT]
        same_group = [each for each in holders if scenario.tasks[each.task].group == script.group]
        if len(holders) >= scenario.limit:
            self._complain(call, f"is called while {len(holders)} run, of at most {scenario.limit}")
        if script.group is not None and len(same_group) >= scenario.groups[script.group]:
            self._complain(call, f"is called while {len(same_group)} of its group run")
        if any(each.task == call.task for each in self._active):
            self._complain(call, "is called while it runs")
        if set(attempt.context) != {f"t{each}" for each in script.dependencies}:
            self._complain(call, f"is called with the outputs of {sorted(attempt.context)}")
        self._active.append(call)
        self._check_order(call)
        first = self._first_start.setdefault(call.task, now)
        deadline = None if script.timeout is None else first + script.timeout
        if attempt.deadline is None or deadline is None or abs(attempt.deadline - deadline) > SAME_INSTANT:
            if attempt.deadline != deadline:
                self._complain(call, f"has the deadline {attempt.deadline} instead of {deadline}")
        elif now >= deadline:
            self._complain(call, "is called after its deadline")

    def _check_order(self, call: Call) -> None:
        """Attempts of one task are counted, and come no earlier than the one before asked for."""
        before = self._last.get(call.task)
        self._last[call.task] = call
        if call.attempt.number != call.previous + 1:
            self._complain(call, f"has the number {call.attempt.number} and is told of {call.previous} attempts before")
        if before is None:
            return
        if before.ending.ends not in ("fails", "holds"):
            self._complain(call, "is called again though nothing of it may be repeated")
        counts = before.ending.ends == "fails"
        if call.attempt.number != before.attempt.number + counts:
            self._complain(call, f"has the number {call.attempt.number} after {before.attempt.number}")
        if call.started_at + SAME_INSTANT < before.ended_at + (before.ending.retry_after or 0.0):
            self._complain(call, f"is called before {before.ended_at} + {before.ending.retry_after} s")

    def on_answer(self, call: Call) -> None:
        self._active.remove(call)
        deadline = call.attempt.deadline
        if deadline is not None and min(call.told_at, call.ended_at) > deadline + SAME_INSTANT:
            self._complain(call, f"was not told to stop at its deadline {deadline}")

    def _complain(self, call: Call, what: str) -> None:
        self.problems.append(f"{call.started_at}: t{call.task} {what}")


class _Events:
    """Follows what the run says of itself, with a picture of its own of who is ready and who holds a slot."""

    def __init__(self, run: SimulatedRun) -> None:
        self.problems: list[str] = []
        self._run = run
        self._scenario = run.scenario
        self._tasks = run.scenario.tasks
        self._ranks = starting_ranks(run.scenario)
        self._dependents: list[list[int]] = [[] for _ in self._tasks]
        for task, script in enumerate(self._tasks):
            for dependency in script.dependencies:
                self._dependents[dependency].append(task)
        self._missing = [len(script.dependencies) for script in self._tasks]
        self._fresh = {task for task, missing in enumerate(self._missing) if not missing}
        self._waiting: dict[int, float] = {}
        self._holding: dict[int, int] = {}  # task to the number of its attempt
        self._failed = [0] * len(self._tasks)
        self._finished: dict[int, Any] = {}
        self._paused = self._over = False
        self._over_after = inf if run.scenario.run_deadline is None else run.scenario.run_deadline
        self._names: list[str] = []
        self._now = self._acted_at = -inf

    def on_action(self, instant: float, action: Action) -> None:
        self._see(instant)
        self._acted_at = instant
        if action.kind == "cancel":
            self._over = True
        elif action.kind == "abort":  # the coroutine learns of it a turn of the loop later
            self._over_after = min(self._over_after, instant)
        elif action.kind in ("pause", "resume"):
            self._paused = action.kind == "pause"

    def on_call(self, call: Call) -> None:
        if self._holding.get(call.task) != call.attempt.number:
            self._complain(call.task, f"is called as attempt {call.attempt.number}, said to run: {self._holding}")

    def on_event(self, instant: float, event: Any) -> None:
        self._see(instant)
        name = type(event).__name__  # not the class: a planted fault has its own copies of these
        self._names.append(name)
        if name in ("RunStarted", "RunPaused", "RunResumed", "RunFinished"):
            completed = sum(result.status == "completed" for result in self._finished.values())
            if name == "RunFinished" and event.completed != completed:
                self.problems.append(f"the run counts {event.completed} completed tasks, not {completed}")
            return
        task = int(event.task_id[1:])
        if task in self._finished:
            self._complain(task, f"has {name} after its end")
            return
        match name:
            case "TaskReady":
                if self._waiting.pop(task, None) is None and self._missing[task]:
                    self._complain(task, "is said to be ready before its dependencies completed")
                self._fresh.add(task)
            case "TaskStarted":
                self._on_start(instant, task, event)
            case "AttemptFailed":
                self._failed[task] += 1
                self._holding.pop(task, None)
            case "TaskWaiting":
                self._holding.pop(task, None)
                self._waiting[task] = instant + (event.until - event.at).total_seconds()
            case "TaskFinished":
                self._on_finish(task, event.result)

    def at_the_end(self) -> None:
        """Look at the whole."""
        if self._names[:1] != ["RunStarted"] or self._names[-1:] != ["RunFinished"]:
            self.problems.append(f"the run says {self._names[:1]} first and {self._names[-1:]} last")
        if self._names.count("RunStarted") != 1 or self._names.count("RunFinished") != 1:
            self.problems.append("the run begins or ends more than once")
        for task, result in enumerate(self._run.results or ()):
            if self._finished.get(task) != result:
                self._complain(task, "has another result than its event says")
        if self._holding:
            self.problems.append(f"{self._holding} hold slots after the end")

    # -- the picture -------------------------------------------------------------------------------------------------

    def _on_start(self, instant: float, task: int, event: Any) -> None:
        decided_before = self._run.journalled and instant == self._acted_at  # and was being written at that moment
        if (self._over or self._paused) and not decided_before:
            self._complain(task, "starts while nothing may")
        if task not in self._fresh:
            self._complain(task, "starts before its dependencies completed, or its wait is over")
        if len(self._holding) >= self._scenario.limit:
            self._complain(task, f"starts while {sorted(self._holding)} run")
        if not self._has_room(task):
            self._complain(task, f"starts while its group is full, with {sorted(self._holding)}")
        better = [each for each in self._fresh if self._ranks[each] < self._ranks[task] and self._has_room(each)]
        if better:
            self._complain(task, f"starts while {better} should")
        if event.number != self._failed[task] + 1:
            self._complain(task, f"starts attempt {event.number} after {self._failed[task]} failures")
        self._fresh.discard(task)
        self._holding[task] = event.number

    def _on_finish(self, task: int, result: Any) -> None:
        self._finished[task] = result
        self._fresh.discard(task)
        self._waiting.pop(task, None)
        self._holding.pop(task, None)
        if result.status == "completed":
            for dependent in self._dependents[task]:
                self._missing[dependent] -= 1
                if not self._missing[dependent] and dependent not in self._finished:
                    self._fresh.add(dependent)
        elif self._scenario.fail_fast and result.status in ("failed", "timeout"):
            self._over = True

    def _has_room(self, task: int) -> bool:
        group = self._tasks[task].group
        in_group = sum(self._tasks[each].group == group for each in self._holding)
        return group is None or in_group < self._scenario.groups[group]

    def _see(self, instant: float) -> None:
        """When time has passed, nothing that could have started before may still wait."""
        if instant <= self._now + SAME_INSTANT:
            return
        if self._now >= self._over_after:
            self._over = True
        if self._names and not self._over and not self._paused and len(self._holding) < self._scenario.limit:
            idle = [task for task in self._fresh if self._has_room(task)]
            if idle:
                self.problems.append(f"{self._now}: {idle} could run, and only {sorted(self._holding)} do")
        late = [task for task, until in self._waiting.items() if until + _ROUNDING_SECONDS < instant]
        if late and not self._over:
            self.problems.append(f"{instant}: the waits of {late} are over, and nobody noticed")
        self._now = instant

    def _complain(self, task: int, what: str) -> None:
        self.problems.append(f"{self._now}: t{task} {what}")

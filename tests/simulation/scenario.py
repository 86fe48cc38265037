"""Random runs to simulate: a DAG, what its attempts do, how the run is configured, and who interferes when.

Everything follows from one seed and `random.Random`, so that ten thousand of them cost little and each can be named.

Most scenarios live on a grid: instants are multiples of 1/8 s, exact as floats, so that ties abound, and a latency that
is as good as zero is 2 to the power of -20 s, about a microsecond. In the others, instants are any real numbers, or
attempts take truly no time: they answer without awaiting anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from random import Random
from typing import Any, Literal

from altlas_runner.alt_file import AltFile, Task
from altlas_runner.testing import alt_file_of

__all__ = ["Action", "Clock", "Ending", "Scenario", "SimulatedTask", "scenario_of"]

Clock = Literal["grid", "continuous", "instant"]
Ends = Literal["completes", "fails", "raises", "answers nonsense", "holds", "sees the deadline"]
WhenStopped = Literal["stops", "stops late", "completes late", "fails late", "refuses"]
ActionKind = Literal["cancel", "cancel task", "pause", "resume", "abort"]

TINY = 2.0**-20
BEFORE_THE_RUN = -1.0


@dataclass(frozen=True, slots=True)
class Ending:
    """What one call of the executor does.

    Attributes:
        ends: how it ends when nobody stops it.
        latency: after how many seconds; inf is never.
        code: the error code of a failure.
        retry: what a failure says of another attempt.
        retry_after: seconds the failure asks to wait, or None; of a hold, how long there is no room.
        when_stopped: what it does when it is told to stop.
        stop_seconds: how long it takes for that.
    """

    ends: Ends = "completes"
    latency: float = 1.0
    code: str = "FLAKY"
    retry: Literal["no", "once", "yes"] = "yes"
    retry_after: float | None = None
    when_stopped: WhenStopped = "stops"
    stop_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class SimulatedTask:
    """A task and its script; the last ending repeats."""

    dependencies: Sequence[int] = ()
    endings: Sequence[Ending] = (Ending(),)
    priority: str | None = None
    timeout: int | None = None
    retries: int | None = None
    group: str | None = None
    runtime: int | None = None

    def ending(self, call: int) -> Ending:
        """What the executor does when it is called for the task for the n-th time, counted from 0."""
        return self.endings[min(call, len(self.endings) - 1)]


@dataclass(frozen=True, slots=True)
class Action:
    """Somebody interferes at an instant. "abort" cancels the coroutine `TaskManager.run()` itself."""

    at: float
    kind: ActionKind
    task: int = -1


@dataclass(frozen=True, slots=True)
class Scenario:
    """One run."""

    seed: int
    tasks: Sequence[SimulatedTask]
    clock: Clock = "grid"
    limit: int = 2
    groups: Mapping[str, int] = field(default_factory=dict)
    file_priority: str | None = None
    critical_path: bool = False
    fail_fast: bool = False
    run_deadline: float | None = None
    grace: float = 1.0
    default_retries: int = 0
    backoff_seconds: float = 0.0
    actions: Sequence[Action] = ()
    observed: bool = True

    @property
    def ids(self) -> list[str]:
        """The ids of the tasks, in file order."""
        return [f"t{index}" for index in range(len(self.tasks))]

    @property
    def aborted(self) -> bool:
        """Whether somebody cancels the coroutine of the run."""
        return any(action.kind == "abort" for action in self.actions)

    def alt_file(self) -> AltFile:
        """The ALT file of the run."""
        return alt_file_of(*map(_task, self.ids, self.tasks), priority=self.file_priority)


def _task(name: str, simulated: SimulatedTask) -> Task:
    parameters: dict[str, Any] = {}
    if simulated.group is not None:
        parameters["concurrency_group"] = simulated.group
    if simulated.runtime is not None:
        parameters["runtime_seconds"] = simulated.runtime
    return Task(
        id=name,
        description="simulated",
        dependencies=[f"t{index}" for index in simulated.dependencies],
        priority=simulated.priority,
        timeout_seconds=simulated.timeout,
        retry_count=simulated.retries,
        parameters=parameters or None,
    )


def scenario_of(seed: int) -> Scenario:
    """The scenario of a seed."""
    return _Drawing(seed).scenario()


class _Drawing:
    """Draws one scenario."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = Random(seed)
        self.clock: Clock = self.random.choices(("grid", "continuous", "instant"), (70, 15, 15))[0]

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def scenario(self) -> Scenario:
        random = self.random
        graph = self.graph()
        groups = {
            name: random.choice((1, 1, 2, 3)) for name in ("g", "h")[: random.choices((0, 1, 2), (50, 35, 15))[0]]
        }
        trouble = random.choice((0.0, 0.1, 0.3, 0.5))  # how often an attempt does something else than complete
        default_retries = random.choice((0, 0, 1, 3))
        timeouts = random.choice((0.0, 0.2, 0.5))
        priorities = self.chance(0.6)
        stated = self.chance(0.5)
        tasks = [
            SimulatedTask(
                dependencies,
                self.endings(trouble),
                random.choice(("low", "medium", "high", "critical", None)) if priorities else None,
                random.choice((0, 1, 1, 2, 3, 5)) if self.chance(timeouts) else None,
                random.randint(0, 3) if self.chance(0.3) else None,
                random.choice(tuple(groups)) if groups and self.chance(0.6) else None,
                random.randint(0, 4) if stated and self.chance(0.7) else None,
            )
            for dependencies in graph
        ]
        never_ends = any(e.latency == inf for task in tasks if task.timeout is None for e in task.endings)
        run_deadline = self.instant(6.0) + TINY if self.chance(0.6 if never_ends else 0.07) else None
        return Scenario(
            self.seed,
            tasks,
            self.clock,
            limit=random.choices((1, 2, 3, 4, 8, 64), (20, 25, 20, 15, 10, 10))[0],
            groups=groups,
            file_priority=random.choice((None, None, "high")),
            critical_path=self.chance(0.3),
            fail_fast=self.chance(0.12),
            run_deadline=run_deadline,
            grace=random.choice((0.5, 1.0, 2.0)),
            default_retries=default_retries,
            backoff_seconds=0.0 if self.clock == "grid" else 1.0,
            actions=self.actions(len(tasks), must_end=never_ends and run_deadline is None),
            observed=self.chance(0.85),
        )

    def graph(self) -> list[list[int]]:
        """For each task its dependencies; the order of the file is another than that of the graph."""
        random = self.random
        size = random.randint(*random.choices(((1, 5), (6, 15), (16, 30), (31, 100)), (20, 50, 27, 3))[0])
        shape = random.choice(("random", "random", "layered", "chain", "fan"))
        rows: list[list[int]] = []
        for task in range(size):
            if task == 0:
                row: list[int] = []
            elif shape == "chain":
                row = [task - 1] if self.chance(0.9) else []
            elif shape == "fan":  # one before all, one after all, nothing between those in the middle
                row = [0] if task < size - 1 else list(range(1, size - 1)) or [0]
            elif shape == "layered":
                start = task // 4 * 4
                row = [each for each in range(max(0, start - 4), start) if self.chance(0.6)]
            else:
                row = random.sample(range(task), min(task, random.choice((0, 1, 1, 2, 3))))
            rows.append(row)
        place = list(range(size))
        if self.chance(0.7):
            random.shuffle(place)
        shuffled: list[list[int]] = [[] for _ in rows]
        for task, row in enumerate(rows):
            shuffled[place[task]] = [place[dependency] for dependency in row]
        return shuffled

    def instant(self, most: float) -> float:
        if self.clock == "continuous":
            return self.random.random() * most
        return self.random.randrange(int(most * 8)) / 8

    def latency(self) -> float:
        if self.chance(0.2):
            return 0.0 if self.clock == "instant" else TINY
        return (
            self.random.choice((0.125, 0.5, 1.0))
            if self.clock != "continuous" and self.chance(0.5)
            else (self.instant(2.0) + TINY)
        )

    def endings(self, trouble: float) -> list[Ending]:
        random = self.random
        endings: list[Ending] = []
        while trouble and self.chance(trouble) and len(endings) < 5:
            ends: Ends = random.choices(
                ("fails", "raises", "answers nonsense", "holds", "sees the deadline", "completes"),
                (50, 8, 4, 15, 3, 20),
            )[0]
            never = ends != "holds" and self.chance(0.2)
            endings.append(
                Ending(
                    ends,
                    inf if never else self.latency(),
                    random.choice(("FLAKY", "FLAKY", "BUSY")),
                    random.choices(("yes", "once", "no"), (70, 20, 10))[0],
                    random.choice((None, None, 0.0, 0.5, 1.0, 2.0)) if ends == "fails" else self.instant(2.0),
                    *self.when_stopped(),
                )
            )
        if not endings or endings[-1].ends == "holds" or self.chance(0.6):
            endings.append(Ending("completes", self.latency(), "", "no", None, *self.when_stopped()))
        return endings

    def when_stopped(self) -> tuple[WhenStopped, float]:
        random = self.random
        if self.chance(0.7):
            return "stops", 0.0
        chosen: WhenStopped = random.choice(("stops late", "completes late", "fails late", "refuses"))
        return chosen, 3.0 + self.instant(1.0) if chosen == "refuses" else self.instant(0.5) + 0.125

    def actions(self, size: int, *, must_end: bool) -> list[Action]:
        random = self.random
        actions: list[Action] = []
        resumes = []
        early = 0.7 if self.chance(0.2) else 0.0
        for _ in range(random.choices((0, 1, 2, 4, 8), (50, 20, 15, 10, 5))[0]):
            if self.chance(early):
                at = BEFORE_THE_RUN
            elif actions and self.chance(0.4):  # soon after the one before, or at once
                at = max(actions[-1].at, 0.0) + random.choice((0.0, 0.125, 0.25))
            else:
                at = self.instant(5.0)
            kind: ActionKind = random.choices(("cancel task", "pause", "resume", "cancel", "abort"), (10, 3, 1, 2, 2))[
                0
            ]
            if kind == "abort":
                if any(action.kind == "abort" for action in actions):
                    continue  # who cancels a second time does not want to wait for what is left
                at = max(at, 0.0)
            if kind == "pause":
                resumes.append(max(at, 0.0) + random.choice((0.5, 2.0)))
            actions.append(Action(at, kind, random.randrange(size) if kind == "cancel task" else -1))
        if resumes:  # else a paused run has no end
            actions.append(Action(max(resumes), "resume"))
        if must_end:
            actions.append(Action(self.instant(6.0) + 1.0, "cancel"))
        return sorted(actions, key=lambda action: action.at)

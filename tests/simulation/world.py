"""Runs a scenario through the real `TaskManager` in virtual time, and writes down everything that happens.

The world has one queue of what is due, attempts and actions alike, so that things of one instant have one order: timers
of the driver first, then actions as listed, then attempts by task. (Two timers of asyncio with one instant fire in any
order.) That is why what is due is performed two turns of the loop after its timer.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import inf
from typing import Any

from altlas_runner.execution import Outcome, TaskAttempt
from altlas_runner.results import TaskResult, Usage
from altlas_runner.retrying import RetryPolicy
from altlas_runner.task_manager import TaskManager
from altlas_runner.task_manager.journal import Recorder
from altlas_runner.testing import VirtualClockLoop
from tests.simulation.scenario import BEFORE_THE_RUN, Action, Ending, Scenario

__all__ = ["Call", "SimulatedRun", "simulate"]

HORIZON_SECONDS = 10_000.0
MOST_TIMERS = 20_000
SAME_INSTANT = 1e-9  # asyncio's own clock resolution


@dataclass(slots=True)
class Call:
    """One call of the executor.

    Attributes:
        previous: how many earlier attempts it was told of.
        told_at: the instant at which it was told to stop, or inf.
        ended_at: the instant at which it ended, or inf.
    """

    task: int
    attempt: TaskAttempt
    ending: Ending
    previous: int
    started_at: float
    told_at: float = inf
    ended_at: float = inf


Entry = tuple[float, str, Any]
"""An instant; "call", "answer", "action" or "event"; and the `Call`, the `Action` or the event of the run."""


@dataclass(slots=True)
class SimulatedRun:
    """What happened.

    Attributes:
        scenario: what was run.
        journalled: whether it wrote down what it decided before it acted on it.
        results: of `run()`, or None when the coroutine was cancelled.
        log: calls, their ends, actions and events, in order.
        ended_at: the instant at which `run()` returned.
        troubles: whatever must never be, seen while it ran: things left behind, callbacks that raised, no end.
    """

    scenario: Scenario
    journalled: bool = False
    results: list[TaskResult] | None = None
    log: list[Entry] = field(default_factory=list)
    ended_at: float = inf
    troubles: list[str] = field(default_factory=list)

    def trace(self) -> str:
        """The log as text: the same for the same seed."""
        return "\n".join(f"{instant!r} {kind} {_words(what)}" for instant, kind, what in self.log)


def _words(what: Any) -> str:
    if isinstance(what, Call):
        return f"t{what.task} {what.attempt.number} {what.attempt.deadline!r}"
    if isinstance(what, Action):
        return f"{what.kind} {what.task}"
    result = getattr(what, "result", None)
    said = f"{result.status} {result.error_code} {result.retry_count}" if result is not None else ""
    names = ("task_id", "number", "error_code", "reason", "completed")
    return " ".join([type(what).__name__, *(str(getattr(what, name)) for name in names if hasattr(what, name)), said])


class _SimulationLoop(VirtualClockLoop):
    """A virtual clock that also remembers futures and timers, to find those that are left behind."""

    def __init__(self) -> None:
        super().__init__()
        self.futures: list[asyncio.Future[Any]] = []
        self.timers: list[asyncio.TimerHandle] = []

    def create_future(self) -> asyncio.Future[Any]:
        future = super().create_future()
        self.futures.append(future)
        return future

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> asyncio.TimerHandle:  # type: ignore[override]
        if len(self.timers) > MOST_TIMERS:
            raise RuntimeError("the run sets timers without end")
        timer = super().call_at(when, callback, *args, context=context)
        self.timers.append(timer)
        return timer


class _World:
    """The executor of a simulated run, and everybody who interferes with the run."""

    def __init__(self, run: SimulatedRun, loop: _SimulationLoop) -> None:
        self._run = run
        self._scenario = run.scenario
        self._loop = loop
        self._due: list[tuple[float, int, int, int, Action | asyncio.Future[None]]] = []
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = inf
        self._made = [0] * len(run.scenario.tasks)
        self._quiet: asyncio.Future[None] | None = None
        self.active: list[Call] = []
        self.retry_policy = RetryPolicy(run.scenario.default_retries, run.scenario.backoff_seconds)

    async def attempt(self, attempt: TaskAttempt) -> Outcome:
        task = int(attempt.task.id[1:])
        ending = self._scenario.tasks[task].ending(self._made[task])
        self._made[task] += 1
        call = Call(task, attempt, ending, len(attempt.previous), self._loop.now)
        self._run.log.append((call.started_at, "call", call))
        self.active.append(call)
        try:
            if ending.latency:
                await self._until(call.started_at + ending.latency, task)
            outcome: Outcome = self._answer(ending, call)
        except asyncio.CancelledError:
            call.told_at = self._loop.now
            return await self._stop(call)
        else:
            return outcome
        finally:
            call.ended_at = self._loop.now
            self._run.log.append((call.ended_at, "answer", call))
            self.active.remove(call)
            if not self.active and self._quiet is not None and not self._quiet.done():
                self._quiet.set_result(None)

    async def interfere(self, manager: TaskManager, running: asyncio.Task[Any]) -> None:
        """Arrange the actions; those before the run are performed at once."""
        self._manager, self._running = manager, running
        for number, action in enumerate(self._scenario.actions):
            if action.at == BEFORE_THE_RUN:
                self._perform(action)
            else:
                self._push(action.at, 0, number, action)

    async def quiet(self) -> None:
        """Until no call is under way; nobody interferes any more."""
        self._due = [due for due in self._due if not isinstance(due[-1], Action)]
        self._set_timer()
        if self.active:
            self._quiet = self._loop.create_future()
            await self._quiet
        self._due.clear()
        self._set_timer()

    async def _until(self, instant: float, task: int) -> None:
        future = self._loop.create_future()
        if instant != inf:
            self._push(instant, 1, task, future)
        await future

    async def _stop(self, call: Call) -> Outcome:
        """What a call does that was told to stop; at the instant at which it began, all stop at once."""
        ending, told_at = call.ending, call.told_at
        if ending.when_stopped == "stops" or told_at == call.started_at:
            raise asyncio.CancelledError
        end = told_at + ending.stop_seconds
        while self._loop.now + SAME_INSTANT < end:
            try:
                await self._until(end, call.task)
            except asyncio.CancelledError:
                if ending.when_stopped != "refuses":
                    raise
        if ending.when_stopped == "stops late":
            raise asyncio.CancelledError
        if ending.when_stopped == "fails late":
            raise ConnectionError("broken while stopping")
        return Outcome.completed(f"late {call.task}", usage=Usage(1, 1))

    def _answer(self, ending: Ending, call: Call) -> Any:
        match ending.ends:
            case "completes":
                return Outcome.completed(call.task, usage=Usage(1, 1))
            case "fails":
                return Outcome.failed(
                    ending.code, "no", retry=ending.retry, retry_after=ending.retry_after, usage=Usage(1, 0)
                )
            case "raises":
                raise ValueError(ending.code)
            case "answers nonsense":
                return ending.code
            case "holds":
                return Outcome.held(self._loop.now + (ending.retry_after or 0.0), ending.code)
            case "sees the deadline":
                return Outcome.failed("AI_DEADLINE", "no", usage=Usage(1, 0))

    def _push(self, instant: float, kind: int, number: int, what: Action | asyncio.Future[None]) -> None:
        self._count += 1
        heappush(self._due, (instant, kind, number, self._count, what))
        self._set_timer()

    def _set_timer(self) -> None:
        first = self._due[0][0] if self._due else inf
        if first == self._timer_at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_at = None, first
        if first != inf:
            self._timer = self._loop.call_at(first, self._loop.call_soon, self._perform_due)

    def _perform_due(self) -> None:
        self._timer, self._timer_at = None, inf
        while self._due and self._due[0][0] <= self._loop.now + SAME_INSTANT:
            what = heappop(self._due)[-1]
            if isinstance(what, Action):
                self._loop.call_soon(self._perform, what)
            elif not what.done():
                what.set_result(None)
        self._set_timer()

    def _perform(self, action: Action) -> None:
        self._run.log.append((self._loop.now, "action", action))
        match action.kind:
            case "cancel":
                self._manager.cancel("enough")
            case "cancel task":
                self._manager.cancel_task(f"t{action.task}", "not this one")
            case "pause":
                self._manager.pause()
            case "resume":
                self._manager.resume()
            case "abort":
                self._running.cancel()


def simulate(
    scenario: Scenario, manager_class: type[TaskManager] = TaskManager, recorder: Recorder | None = None
) -> SimulatedRun:
    """Run a scenario to its end; nothing raises, what goes wrong is among the troubles.

    Args:
        scenario: what is run.
        manager_class: runs it.
        recorder: where the run writes down what happens, or None.
    """
    run = SimulatedRun(scenario, recorder is not None)
    loop = _SimulationLoop()
    loop.set_exception_handler(lambda _, context: run.troubles.append(f"a callback raised: {context}"))
    world = _World(run, loop)
    log = run.log
    try:
        manager = manager_class(
            scenario.alt_file(),
            world,
            scenario.limit,
            on_event=(lambda event: log.append((loop.now, "event", event))) if scenario.observed else None,
            run_id=f"last_{scenario.seed}",
            seed=scenario.seed,
            stop_grace_seconds=scenario.grace,
            schedule="critical-path" if scenario.critical_path else "file-order",
            concurrency_groups=scenario.groups,
            run_deadline_seconds=scenario.run_deadline,
            fail_fast=scenario.fail_fast,
        )
        loop.run_until_complete(_run(run, loop, world, manager, recorder))
        _look_for_leaks(run, loop)
    except Exception as error:
        run.troubles.append(f"{type(error).__name__}: {error}")
    finally:
        loop.run_until_complete(_clear_away(loop))
        loop.close()
    return run


async def _run(
    run: SimulatedRun, loop: _SimulationLoop, world: _World, manager: TaskManager, recorder: Recorder | None
) -> None:
    running = loop.create_task(manager.run(recorder))
    horizon = loop.call_at(HORIZON_SECONDS, running.cancel)
    await world.interfere(manager, running)
    try:
        run.results = await running
    except asyncio.CancelledError:
        if loop.now >= HORIZON_SECONDS or not run.scenario.aborted:
            run.troubles.append("the run does not end")
    run.ended_at = loop.now
    horizon.cancel()
    for call in world.active:
        if call.told_at + run.scenario.grace > loop.now:  # else it was given up, and ends by itself
            run.troubles.append(f"an attempt of t{call.task} was left behind")
    if not run.troubles:
        await world.quiet()
    await asyncio.sleep(0)


async def _clear_away(loop: _SimulationLoop) -> None:
    """End what a broken run left behind, so that nothing of it shows up in the next."""
    left = asyncio.all_tasks(loop) - {asyncio.current_task(loop)}
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left, timeout=HORIZON_SECONDS)


def _look_for_leaks(run: SimulatedRun, loop: _SimulationLoop) -> None:
    tasks = [task for task in asyncio.all_tasks(loop) if not task.done()]
    timers = [timer for timer in loop.timers if not timer.cancelled() and timer.when() > loop.now + SAME_INSTANT]
    futures = [future for future in loop.futures if not future.done()]
    for what, left in (("tasks", tasks), ("timers", timers), ("futures", futures)):
        if left:
            run.troubles.append(f"{len(left)} {what} were left behind: {left}")

"""Runs that random ones found broken once, made small by hand; each name says what was wrong."""

from __future__ import annotations

from tests.simulation.scenario import BEFORE_THE_RUN, Action, Ending, Scenario, SimulatedTask

__all__ = ["RUNS"]

RUNS = {
    "two tasks cancelled before the run, one behind the other, get one result each": Scenario(
        1,
        [SimulatedTask(), SimulatedTask([0])],
        actions=[Action(BEFORE_THE_RUN, "cancel task", 0), Action(BEFORE_THE_RUN, "cancel task", 1)],
    ),
    "the first attempt of a task that was held begins when it was held no longer": Scenario(
        1, [SimulatedTask(endings=[Ending("holds", 0.5, retry_after=2.0), Ending()])]
    ),
    "a task that is cancelled while its group is full does not keep the next one of the group waiting": Scenario(
        1,
        [SimulatedTask(group="g"), SimulatedTask(group="g"), SimulatedTask(group="g")],
        limit=3,
        groups={"g": 1},
        actions=[Action(0.5, "cancel task", 1)],
    ),
    "a run whose coroutine was cancelled starts nothing when it is resumed, and sets no timer": Scenario(
        1,
        [
            SimulatedTask(endings=[Ending(latency=9.0, when_stopped="completes late", stop_seconds=0.5)]),
            SimulatedTask([0]),
            SimulatedTask(endings=[Ending("fails", retry_after=5.0)], retries=1),
            SimulatedTask(endings=[Ending(latency=9.0)]),
        ],
        limit=2,
        actions=[Action(0.0, "pause"), *(Action(2.0, "abort"), Action(2.25, "cancel task", 2), Action(2.25, "resume"))],
    ),
    "of two deadlines at one instant that of the first task in the file comes first": Scenario(
        1,
        [
            SimulatedTask(timeout=1, endings=[Ending(latency=9.0)]),
            SimulatedTask(timeout=1, endings=[Ending(latency=9.0)], priority="high"),
            SimulatedTask([1]),
        ],
        limit=2,
        fail_fast=True,
    ),
    "a run whose coroutine was cancelled does not mind to be cancelled": Scenario(
        1,
        [SimulatedTask(endings=[Ending("fails", retry_after=5.0)], retries=1)],
        actions=[Action(2.0, "abort"), Action(2.0, "cancel")],
    ),
}

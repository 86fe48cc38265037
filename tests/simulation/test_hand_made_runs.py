"""Runs that random ones found broken once, made small by hand."""

import pytest

from tests.simulation.checker import problems_of
from tests.simulation.scenario import BEFORE_THE_RUN, Action, Ending, Scenario, SimulatedTask
from tests.simulation.world import simulate

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
}


@pytest.mark.parametrize("scenario", RUNS.values(), ids=list(RUNS))
def test_a_run_that_was_broken_once_keeps_the_rules(scenario: Scenario) -> None:
    """Each name says what was wrong."""
    assert problems_of(simulate(scenario)) == []

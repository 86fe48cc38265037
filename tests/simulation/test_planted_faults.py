"""The simulation sees what it is there to see: every planted fault is caught, and soon."""

import logging
from itertools import chain

import pytest

from altlas_runner.task_manager import TaskManager
from tests.simulation.checker import problems_of
from tests.simulation.faults import FAULTS
from tests.simulation.hand_made import RUNS
from tests.simulation.planting import Fault, manager_with
from tests.simulation.scenario import scenario_of
from tests.simulation.world import simulate

MOST_RUNS = 2_000  # as many as `make test` simulates


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_a_planted_fault_is_caught(fault: Fault, caplog: pytest.LogCaptureFixture) -> None:
    """A simulation that overlooks a fault we know would overlook one we do not."""
    caplog.set_level(logging.CRITICAL)
    manager = manager_with(fault)
    runs = chain(RUNS.values(), map(scenario_of, range(MOST_RUNS)))
    assert any(problems_of(simulate(run, manager)) for run in runs)


def test_a_fault_that_does_not_fit_the_code_any_more_is_refused() -> None:
    """A fault that is not planted would seem to be caught, or not to be: both are wrong."""
    with pytest.raises(LookupError, match=r"does not fit the code any more: its text stands there 0 times"):
        manager_with(Fault("gone", "no such text", ""))


def test_planting_nothing_changes_nothing() -> None:
    """What is caught is the fault, not the planting."""
    manager = manager_with(Fault("none", "self.free = max_concurrency", "self.free = max_concurrency"))
    assert manager is not TaskManager
    assert [problems_of(simulate(scenario_of(seed), manager)) for seed in range(50)] == [[]] * 50

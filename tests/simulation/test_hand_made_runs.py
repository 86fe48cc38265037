"""What was broken once stays mended."""

import pytest

from tests.simulation.checker import problems_of
from tests.simulation.hand_made import RUNS
from tests.simulation.scenario import Scenario
from tests.simulation.world import simulate


@pytest.mark.parametrize("scenario", RUNS.values(), ids=list(RUNS))
def test_a_run_that_was_broken_once_keeps_the_rules(scenario: Scenario) -> None:
    """Rare orders of events are met again only by chance; those that did harm are met every time."""
    assert problems_of(simulate(scenario)) == []

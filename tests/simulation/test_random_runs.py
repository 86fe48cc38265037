"""Thousands of random runs through the real driver: each keeps every rule, and comes to what the oracle says."""

import logging
import os
from time import process_time

import pytest

from tests.simulation.checker import problems_of
from tests.simulation.scenario import scenario_of
from tests.simulation.world import simulate

RUNS = {"fast": 200, "daily": 1_000, "nightly": 100_000}[os.environ.get("ALTLAS_EXAMPLES", "daily")]
RUNS_PER_TEST = 10_000
MOST_CPU_SECONDS = 90.0


@pytest.mark.parametrize("first", range(0, RUNS, RUNS_PER_TEST))
def test_random_runs_keep_the_rules_and_come_to_what_the_oracle_says(
    first: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Mistakes of scheduling hide in rare orders of events: only very many runs meet them."""
    caplog.set_level(logging.ERROR)  # that attempts are abandoned is part of the script
    seeds = range(first, min(first + RUNS_PER_TEST, RUNS))
    begun = process_time()
    complaints = {seed: problems for seed in seeds if (problems := problems_of(simulate(scenario_of(seed))))}
    assert complaints == {}
    if len(seeds) == RUNS_PER_TEST:  # fewer say little about how long it takes
        assert process_time() - begun < MOST_CPU_SECONDS

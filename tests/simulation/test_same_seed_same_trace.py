"""The same seed gives the same trace: the same calls, answers and events in the same order at the same instants."""

import logging
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from tests.simulation.scenario import scenario_of
from tests.simulation.world import simulate

RUNS = 200


def digest_of_traces() -> str:
    """What this module prints as a program."""
    logging.disable(logging.WARNING)
    digest = sha256()
    for seed in range(RUNS):
        digest.update(simulate(scenario_of(seed)).trace().encode())
    return digest.hexdigest()


@pytest.fixture(scope="module")
def traces() -> list[str]:
    return [simulate(scenario_of(seed)).trace() for seed in range(RUNS)]


def test_a_second_run_gives_the_same_trace(traces: list[str]) -> None:
    """Nothing is left to the order of a set or the address of an object."""
    junk = [object() for _ in range(1000)]  # other addresses
    assert [simulate(scenario_of(seed)).trace() for seed in range(RUNS)] == traces
    assert junk


@pytest.mark.slow
@pytest.mark.parametrize("hash_seed", ["0", "1", "4242"])
def test_another_hash_seed_gives_the_same_trace(traces: list[str], hash_seed: str) -> None:
    """Sets and dictionaries of texts are ordered by hashes that differ from process to process."""
    process = subprocess.run(
        [sys.executable, "-m", "tests.simulation.test_same_seed_same_trace"],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert process.stdout.strip() == sha256("".join(traces).encode()).hexdigest()


if __name__ == "__main__":
    print(digest_of_traces())

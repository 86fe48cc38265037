"""A thousand paid calls, killed at any instant: what was acknowledged is never lost and never paid for twice."""

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from threading import Lock

import pytest

from tests.durability.command_line import CommandLine
from tests.durability.killing import Ordeal

pytestmark = pytest.mark.slow

KILLS = 3_000 if os.environ.get("ALTLAS_EXAMPLES") == "nightly" else 30
KILLS_OF_A_RUN = 10
SIDE_BY_SIDE = 2


def test_a_run_that_is_killed_at_random_instants_ends_as_if_nobody_had(tmp_path: Path) -> None:
    """Calls beyond the necessary: at most those that were under way when the process was killed."""
    seeds, lock, ordeals = count(), Lock(), list[Ordeal]()

    def work(number: int) -> None:
        with CommandLine(tmp_path / f"programs{number}") as programs:
            while True:
                with lock:
                    left = KILLS - sum(ordeal.kills for ordeal in ordeals)
                    if left <= 0:
                        return
                    seed = next(seeds)
                    ordeal = Ordeal(programs, tmp_path / f"run{seed}", seed)
                    ordeals.append(ordeal)
                ordeal.endure(min(left, KILLS_OF_A_RUN))

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        list(pool.map(work, range(SIDE_BY_SIDE)))
    assert {ordeal.seed: ordeal.problems for ordeal in ordeals if ordeal.problems} == {}
    assert sum(ordeal.kills for ordeal in ordeals) >= KILLS

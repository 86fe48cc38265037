"""The checks of durability see what they are there to see: every planted fault is caught by one of them."""

import os
from pathlib import Path

import pytest

from tests.durability import checks
from tests.durability.faults import FAULTS
from tests.durability.planting import package_with
from tests.simulation.planting import Fault

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("fault", "check"), FAULTS, ids=[fault.name for fault, _ in FAULTS])
def test_a_planted_fault_is_caught(fault: Fault, check: checks.Check, tmp_path: Path) -> None:
    """A check that overlooks a fault we know would overlook one we do not."""
    assert check(package_with(fault, tmp_path / "package"), tmp_path) != []


def test_a_fault_that_does_not_fit_the_code_any_more_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match=r"does not fit the code any more: its text stands there 0 times"):
        package_with(Fault("gone", "no such text at all", ""), tmp_path)


@pytest.mark.skipif(os.environ.get("ALTLAS_EXAMPLES") != "nightly", reason="the checks themselves run without faults")
@pytest.mark.parametrize("check", dict.fromkeys(check for _, check in FAULTS), ids=lambda check: check.__name__)
def test_planting_nothing_changes_nothing(check: checks.Check, tmp_path: Path) -> None:
    """What is caught is the fault, not the planting."""
    nothing = Fault("none", "PRAGMA synchronous = FULL", "PRAGMA synchronous = FULL")
    assert check(package_with(nothing, tmp_path / "package"), tmp_path) == []

"""A bundle belongs to one process at a time; one that is dead owns nothing."""

import os
import shutil
from pathlib import Path

import pytest

from tests.durability.command_line import CommandLine, resume, run
from tests.durability.flows import CountingService, layered_flow, outcome_of, write
from tests.durability.interrupting import interrupted
from tests.durability.two_processes import EXIT_BUNDLE, problems_of_two

pytestmark = pytest.mark.slow

ROUNDS = 200 if os.environ.get("ALTLAS_EXAMPLES") == "nightly" else 20
COMPLETED = ("t0", "t1", "t2", "t3")


def test_of_two_processes_one_goes_on_and_the_other_is_refused(programs: CommandLine, tmp_path: Path) -> None:
    alt = write(tmp_path / "flow.alt.json", layered_flow(8, 4))
    with CountingService() as service:
        bundle = interrupted(programs, service, alt, tmp_path / "out", COMPLETED)
        outcomes, found = [], {}
        for number in range(ROUNDS):
            copy = shutil.copytree(bundle, tmp_path / str(number) / bundle.name)
            if problems := problems_of_two(programs, service, copy, 60.0):
                found[number] = problems
            outcomes.append(outcome_of(copy))
    assert found == {}
    assert [number for number, outcome in enumerate(outcomes) if outcome != outcomes[0]] == []


def test_a_lock_that_a_dead_process_left_is_taken_over(programs: CommandLine, tmp_path: Path) -> None:
    alt = write(tmp_path / "flow.alt.json", layered_flow(8, 4))
    with CountingService() as service:
        bundle = interrupted(programs, service, alt, tmp_path / "out", COMPLETED)
        service.gate = lambda task_id: False
        owner = programs.start(resume(bundle, service.url))
        while not service.ledgers[bundle.name].calls:
            assert not owner.has_ended(0.01), owner.stderr
        status, refused = programs.end_of(resume(bundle, service.url))
        assert (status, str(owner.pid) in refused.stderr) == (EXIT_BUNDLE, True), refused.stderr
        owner.kill()
        service.gate = lambda task_id: True
        status, process = programs.end_of(resume(bundle, service.url))
    assert status == 0, process.stderr


def test_a_run_that_goes_on_for_the_first_time_owns_its_bundle_too(programs: CommandLine, tmp_path: Path) -> None:
    alt = write(tmp_path / "flow.alt.json", layered_flow(8, 4))
    with CountingService() as service:
        service.gate = lambda task_id: False
        owner = programs.start(run(alt, tmp_path / "out", service.url))
        while not service.ledgers:
            assert not owner.has_ended(0.01), owner.stderr
        (bundle,) = (tmp_path / "out").iterdir()
        status, refused = programs.end_of(resume(bundle, service.url))
        assert (status, str(owner.pid) in refused.stderr) == (EXIT_BUNDLE, True), refused.stderr
        service.gate = lambda task_id: True
        assert owner.wait() == 0

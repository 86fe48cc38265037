"""The wall clock may say what it likes: it decides nothing."""

import struct
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.durability.command_line import CommandLine, resume, run
from tests.durability.flows import CountingService, outcome_of, write
from tests.durability.interrupting import interrupted

pytestmark = pytest.mark.slow

HOUR, YEAR = 3600, 365 * 24 * 3600
JUMPS = {"an hour on": HOUR, "an hour back": -HOUR, "a year on": YEAR, "a year back": -YEAR}
DEADLINE = {"timeout_seconds": 600}
FLOW = {
    "id": "clock",
    "title": "Clock",
    "tasks": [
        {"id": "first", "description": "begin", **DEADLINE},
        {
            "id": "retried",
            "description": "is asked twice",
            "dependencies": ["first"],
            "parameters": {"busy": 1},
            **DEADLINE,
        },
        {"id": "second", "description": "go on", "dependencies": ["first"], **DEADLINE},
        {"id": "last", "description": "end", "dependencies": ["retried", "second"], **DEADLINE},
    ],
}
CALLS = {"first": 1, "retried": 2, "second": 1, "last": 1}


class Clock:
    """The clock of processes that have jumping.c."""

    def __init__(self, place: Path) -> None:
        self.file = place / "clock"
        self.env = {"ALTLAS_CLOCK": str(self.file)}
        self.jump(0)

    def jump(self, seconds: int) -> None:
        if not self.file.exists():
            self.file.touch()
        with self.file.open("r+b") as file:  # in place: processes have mapped it
            file.write(struct.pack("<q", seconds))


@pytest.mark.parametrize("seconds", JUMPS.values(), ids=JUMPS)
def test_a_clock_that_jumps_during_a_run_changes_nothing(
    preloaded_programs: CommandLine, tmp_path: Path, seconds: int
) -> None:
    """Not deadlines, not waits before the next attempt, not what is resumed."""
    alt, clock = write(tmp_path / "flow.alt.json", FLOW), Clock(tmp_path)
    with CountingService() as service:
        service.gate = {"first"}.__contains__
        process = preloaded_programs.start(run(alt, tmp_path / "out", service.url), clock.env)
        while not any("second" in ledger.counts() for ledger in list(service.ledgers.values())):
            assert not process.has_ended(0.01), process.stderr
        clock.jump(seconds)
        service.gate = lambda task_id: True
        assert process.wait() == 0, process.stderr
    (bundle,) = (tmp_path / "out").iterdir()
    assert service.ledgers[bundle.name].counts() == CALLS
    ended = [event for event in process.events() if event["event"] == "task_finished"]
    assert [event["execution_time_ms"] < 60_000 for event in ended] == [True] * 4


@pytest.mark.parametrize("seconds", JUMPS.values(), ids=JUMPS)
def test_a_clock_that_jumps_between_run_and_resume_changes_nothing(
    preloaded_programs: CommandLine, tmp_path: Path, seconds: int
) -> None:
    alt, clock = write(tmp_path / "flow.alt.json", FLOW), Clock(tmp_path)
    with CountingService() as service:
        bundle = interrupted(preloaded_programs, service, alt, tmp_path / "out", {"first", "second"}, clock.env)
        clock.jump(seconds)
        status, process = preloaded_programs.end_of(resume(bundle, service.url), clock.env)
    assert status == 0, process.stderr
    first = datetime.fromisoformat(process.events()[0]["at"])
    assert abs((first - datetime.now(UTC)).total_seconds() - seconds) < HOUR / 2, "the clock of the process has jumped"
    assert service.ledgers[bundle.name].counts() == {"retried": 2, "last": 1}
    assert outcome_of(bundle)["success_rate"] == 1.0

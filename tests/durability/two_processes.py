"""Two processes that go on with one bundle at once."""

from __future__ import annotations

from pathlib import Path

from tests.durability.command_line import CommandLine, Process, resume
from tests.durability.flows import CountingService

__all__ = ["EXIT_BUNDLE", "problems_of_two"]

EXIT_BUNDLE = 4


def problems_of_two(programs: CommandLine, service: CountingService, bundle: Path, patience: float) -> list[str]:
    """What is wrong when two processes go on with a bundle at once, neither of which can end before the other tried."""
    service.ledgers.clear()
    service.gate = lambda task_id: False
    both = [programs.start(resume(bundle, service.url)) for _ in range(2)]
    first = _first_to_end(both, service, patience)
    service.gate = lambda task_id: True
    statuses = {process.pid: process.wait() for process in both}
    problems = []
    if first is None:
        problems.append("neither was refused")
    else:
        (winner,) = (process for process in both if process is not first)
        if statuses[first.pid] != EXIT_BUNDLE or str(winner.pid) not in first.stderr:
            problems.append(f"refused with {statuses[first.pid]} instead of the pid {winner.pid}: {first.stderr}")
        if statuses[winner.pid] != 0:
            problems.append(f"the other one did not go on: {winner.stderr[-1000:]}")
    twice = {task_id for task_id, count in service.ledgers[bundle.name].counts().items() if count > 1}
    return problems + [f"{task_id} was called twice" for task_id in sorted(twice)]


def _first_to_end(processes: list[Process], service: CountingService, patience: float) -> Process | None:
    """The one that is refused; none when both have called the service, or neither ends in so many seconds."""
    for _ in range(int(patience / 0.01)):
        for process in processes:
            if process.has_ended(0.005):
                return process
        if any(count > 1 for ledger in list(service.ledgers.values()) for count in ledger.counts().values()):
            return None
    return None

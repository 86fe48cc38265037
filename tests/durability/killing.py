"""Kills a run of the command line at random instants, resumes it until it is done, and looks at what came of it."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from altlas_runner import LastFile
from tests.durability.command_line import CONCURRENCY, CommandLine, Process, resume, run
from tests.durability.flows import Call, CountingService, layered_flow, outcome_of, write
from tests.durability.journals import JOURNAL, results_in

__all__ = ["Ordeal"]

KILLED, EXIT_BUNDLE = -9, 4
TASKS = 24
LONGEST_ANSWER_SECONDS = 0.012
INSTANTS = {"start": 2, "middle": 5, "end": 2}
"""How often a process is killed while it starts, between calls, and after the last call."""
LONGEST_AFTER_SECONDS = {"start": 0.06, "middle": 0.01, "end": 0.08}


@dataclass(slots=True)
class Ordeal:
    """One ALT file, run, killed and resumed again and again.

    Args:
        programs: starts the processes.
        place: a directory of its own.
        seed: of the file and of the instants.

    Attributes:
        kills: how many processes were killed so far.
        problems: what should not have happened.
    """

    programs: CommandLine
    place: Path
    seed: int
    kills: int = 0
    problems: list[str] = field(default_factory=list)
    _acknowledged: list[tuple[int, set[str]]] = field(default_factory=list)

    def endure(self, kills: int) -> None:
        """Kill so many processes of this run, or fewer when it ends before, then let it end."""
        chance = random.Random(self.seed)
        self.place.mkdir()
        alt = write(self.place / "flow.alt.json", layered_flow(TASKS, self.seed, refused=self.seed % 3 == 2))
        with CountingService(LONGEST_ANSWER_SECONDS, self.seed) as service:
            whole, expected = self._uninterrupted(alt, service)
            while True:
                process = self._start(alt, service, fresh=chance.random() < 0.02)
                if self.kills < kills:
                    self._wait(_instant(chance), process, service, whole, chance)
                    status = process.kill()
                else:
                    status = process.wait()
                if status == EXIT_BUNDLE and not _calls(service):
                    shutil.rmtree(self.place / "out")  # it was killed while it made the journal: there is no run yet
                elif status != KILLED:
                    break
                else:
                    self.kills += 1
                    self._note(process, service)
            if status != expected[0]:
                self.problems.append(f"the exit status is {status}: {process.stderr[-1500:]}")
            else:
                self._compare(service, whole, expected[1])

    def _uninterrupted(self, alt: Path, service: CountingService) -> tuple[int, tuple[int, dict[str, object]]]:
        """How many calls the file needs, and how it ends, when nobody kills anything."""
        status, process = self.programs.end_of(run(alt, self.place / "whole", service.url))
        assert status in (0, 1), process.stderr
        (bundle,) = (self.place / "whole").iterdir()
        return len(service.ledgers.pop(bundle.name).calls), (status, outcome_of(bundle))

    def _start(self, alt: Path, service: CountingService, *, fresh: bool) -> Process:
        output = self.place / "out"
        for bundle in list(output.iterdir()) if output.exists() else ():
            if (bundle / JOURNAL).exists():
                return self.programs.start(resume(bundle, service.url), fresh=fresh)
            if service.ledgers[bundle.name].calls:
                self.problems.append("a call went out before there was a journal")
            shutil.rmtree(bundle)
        return self.programs.start(run(alt, output, service.url), fresh=fresh)

    def _wait(
        self, instant: str, process: Process, service: CountingService, whole: int, chance: random.Random
    ) -> None:
        """Wait for an instant of the process's life, or for its end."""
        if instant == "middle":
            wanted = _calls(service) + chance.randint(1, 6)
            _wait_until(lambda: _calls(service) >= wanted, process)
        elif instant == "end":
            _wait_until(lambda: len({call.task_id for call in _all(service)}) >= whole, process)
        time.sleep(chance.uniform(0, LONGEST_AFTER_SECONDS[instant]))

    def _note(self, process: Process, service: CountingService) -> None:
        """Remember whose results were acknowledged when the process was killed."""
        told = process.completed()
        for ledger in service.ledgers.values():
            told |= ledger.acknowledged().keys()
        self._acknowledged.append((_calls(service), told))

    def _compare(self, service: CountingService, whole: int, expected: dict[str, object]) -> None:
        (bundle,) = (self.place / "out").iterdir()
        calls = _all(service)
        if len([run for run, ledger in service.ledgers.items() if ledger.calls]) > 1:
            self.problems.append("calls were made under several run ids")
        keys = {call.key for call in calls}
        if len(keys) > len({call.task_id for call in calls}):
            self.problems.append(f"a task was called with several idempotency keys: {sorted(keys)}")
        for position, told in self._acknowledged:
            for call in calls[position:]:
                if call.task_id in told:
                    self.problems.append(f"{call.task_id} was called again although its result was acknowledged")
        if len(calls) - whole > self.kills * CONCURRENCY:
            self.problems.append(f"{len(calls)} calls instead of {whole} after {self.kills} kills")
        made_by = {result.task_id: result.output for result in LastFile.from_path(bundle).task_results}
        for task_id, numbers in service.ledgers[bundle.name].acknowledged().items():
            output = made_by[task_id]
            if not isinstance(output, dict) or numbers != {output["call"]}:
                self.problems.append(f"{task_id}: dependents saw the results of calls {numbers}, kept is {output}")
        written = results_in(bundle)
        for task_id in made_by:
            if written[task_id] != 1:
                self.problems.append(f"{written[task_id]} results of {task_id} in the journal")
        if outcome_of(bundle) != expected:
            self.problems.append(f"the LAST file of {bundle} is not that of an uninterrupted run")


def _wait_until(happened: Callable[[], bool], process: Process) -> None:
    while not happened() and not process.has_ended(0.001):
        pass


def _instant(chance: random.Random) -> str:
    return chance.choices(list(INSTANTS), list(INSTANTS.values()))[0]


def _all(service: CountingService) -> list[Call]:
    return [call for ledger in list(service.ledgers.values()) for call in list(ledger.calls)]


def _calls(service: CountingService) -> int:
    return sum(len(ledger.calls) for ledger in list(service.ledgers.values()))

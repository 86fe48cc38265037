"""The checks of durability in short, for a package with a planted fault: each says what it finds wrong, if anything."""

from __future__ import annotations

import errno
import random
from collections.abc import Callable
from pathlib import Path

from tests.durability.command_line import CommandLine, resume, run
from tests.durability.edits import COMPLETED, EDITS, FLOW, edited
from tests.durability.flows import CountingService, layered_flow, outcome_of, write
from tests.durability.interrupting import interrupted
from tests.durability.journals import JOURNAL
from tests.durability.killing import Ordeal
from tests.durability.power_loss import (
    LATER,
    Image,
    RecordedRun,
    images_before_syncs,
    images_of,
    problems_of_doubt,
    problems_of_image,
    record_run,
)
from tests.durability.preloading import compiled
from tests.durability.two_processes import problems_of_two

__all__ = ["Check", "broken_disk", "doubt", "edits", "kills", "power_loss", "two_processes"]

Check = Callable[[Path, Path], list[str]]
"""Takes the directory of the package and an empty one to work in."""

TASKS, IMAGES, ORDEALS = 12, 20, 3


def power_loss(source: Path, place: Path) -> list[str]:
    return _of_images(source, place, problems_of_image)


def doubt(source: Path, place: Path) -> list[str]:
    return _of_images(source, place, problems_of_doubt)


def _of_images(
    source: Path,
    place: Path,
    problems_of: Callable[[CommandLine, CountingService, RecordedRun, Image, Path], list[str]],
) -> list[str]:
    with CommandLine(place / "programs", source, [compiled("recording")]) as programs:
        recorded = record_run(programs, place, TASKS)
        with CountingService(already=LATER) as service:
            chosen = images_before_syncs(recorded.recording) + images_of(recorded.recording, IMAGES)
            for number, image in enumerate(chosen):
                disk = place / str(number)
                disk.mkdir()
                if problems := problems_of(programs, service, recorded, image, disk):
                    return problems
    return []


def kills(source: Path, place: Path) -> list[str]:
    with CommandLine(place / "programs", source) as programs:
        for seed in range(ORDEALS):
            ordeal = Ordeal(programs, place / str(seed), seed)
            ordeal.endure(10)
            if ordeal.problems:
                return ordeal.problems
    return []


def two_processes(source: Path, place: Path) -> list[str]:
    alt = write(place / "flow.alt.json", layered_flow(8, 4))
    with CommandLine(place / "programs", source) as programs, CountingService() as service:
        bundle = interrupted(programs, service, alt, place / "out", {"t0", "t1"})
        return problems_of_two(programs, service, bundle, 5.0)


def broken_disk(source: Path, place: Path) -> list[str]:
    """One fsync fails, and the next ones would not: nothing may be built on what nobody knows."""
    alt, output = write(place / "flow.alt.json", layered_flow(TASKS, 7)), place / "out"
    failing = {"ALTLAS_FAILING": f"fsync {errno.EIO} 20 20 {JOURNAL}"}
    with (
        CommandLine(place / "programs", source, [compiled("failing")]) as programs,
        CountingService() as service,
    ):
        status, process = programs.end_of(run(alt, output, service.url), failing)
        if status != 1 or "JOURNAL_IO" not in process.stderr + process.stdout:
            return [f"an fsync failed, and the run ended with {status}: {process.stderr[-500:]}"]
    return []


def edits(source: Path, place: Path) -> list[str]:
    chosen = random.Random(1).sample(EDITS, len(EDITS))
    alt = write(place / "flow.alt.json", FLOW)
    with CommandLine(place / "programs", source) as programs, CountingService() as service:
        for number, edit in enumerate(chosen):
            bundle = interrupted(programs, service, alt, place / str(number), COMPLETED)
            changed = write(place / "edited.alt.json", edited(edit))
            status, process = programs.end_of(resume(bundle, service.url, changed))
            counts = service.ledgers[bundle.name].counts()
            service.ledgers.clear()
            if status != 0 or counts != dict.fromkeys(edit.again, 1) or outcome_of(bundle)["success_rate"] != 1.0:
                return [f"{edit.name}: {status}, {counts}, {process.stderr[-500:]}"]
    return []

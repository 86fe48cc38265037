"""Takes the power from a recorded run at some instant, and goes on with what the disk has then."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from altlas_runner import LastFile
from tests.durability.command_line import CommandLine, resume, run
from tests.durability.flows import CountingService, layered_flow, outcome_of, write
from tests.durability.journals import JOURNAL, results_in
from tests.durability.recorded import Losing, Recording, disk_at

__all__ = ["LATER", "Image", "RecordedRun", "images_of", "problems_of_image", "record_run"]

EXIT_BUNDLE = 4
LATER = 1000


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """A run that was recorded and came to its end.

    Attributes:
        recording: what it did.
        outcome: what its LAST file says.
        name: of its bundle: its run id.
    """

    recording: Recording
    outcome: dict[str, Any]
    name: str


@dataclass(frozen=True, slots=True)
class Image:
    """A disk after a power loss: at which instant, which losses, and the seed of what random ones hit."""

    instant: int
    losing: Losing
    seed: int


def record_run(programs: CommandLine, place: Path, tasks: int) -> RecordedRun:
    """Record a run of so many tasks; the programs have recording.c."""
    alt, output, log = write(place / "flow.alt.json", layered_flow(tasks, 1)), place / "recorded", place / "log"
    output.mkdir()
    with CountingService(0.002) as service:
        status, process = programs.end_of(
            run(alt, output, service.url), {"ALTLAS_RECORD_BELOW": str(output), "ALTLAS_RECORD_INTO": str(log)}
        )
    assert status == 0, process.stderr
    (bundle,) = output.iterdir()
    return RecordedRun(Recording.read(log, output), outcome_of(bundle), bundle.name)


def images_of(recording: Recording, count: int) -> list[Image]:
    """So many different images, spread evenly over all writes; more than there are writes take several of each."""
    chance = random.Random(count)
    instants, kinds = recording.instants(), get_args(Losing)
    all_of_them = [Image(instant, losing, instant) for instant in instants for losing in kinds]
    while len(all_of_them) < count:
        all_of_them += [
            Image(instant, losing, len(all_of_them)) for instant in instants for losing in kinds if "some" in losing
        ]
    return chance.sample(all_of_them, count)


def problems_of_image(
    programs: CommandLine, service: CountingService, recorded: RecordedRun, image: Image, place: Path
) -> list[str]:
    """What is wrong with going on from an image; nothing is, when what was acknowledged is there and the rest is done.

    The service has answered every task once already, and says of each answer that it is a later one.
    """
    recording, instant = recorded.recording, image.instant
    disk = disk_at(recording, instant).after_power_loss(image.losing, random.Random(image.seed))
    for path, content in disk.items():
        target = place / Path(path).relative_to(recording.below)
        if content is None:
            target.mkdir(exist_ok=True)
        else:
            target.write_bytes(content)
    bundle, called = place / recorded.name, recording.called(instant)
    service.ledgers.clear()
    if not (bundle / JOURNAL).exists():
        if called:
            return [f"{len(called)} calls had gone out, but there is no journal"]
        if not bundle.exists():
            return []
    status, process = programs.end_of(resume(bundle, service.url))
    calls = service.ledgers[recorded.name].counts()
    if not called and status == EXIT_BUNDLE and not calls:
        return []  # nothing was lost: there was nothing yet, and the message says so
    if status != 0:
        return [f"the exit status is {status}: {process.stderr[-1500:]}"]
    return _differences(recorded, called, recording.acknowledged(instant), bundle, calls)


def _differences(
    recorded: RecordedRun, called: set[str], acknowledged: set[str], bundle: Path, calls: dict[str, int]
) -> list[str]:
    problems = [f"{task_id} was called {count} times" for task_id, count in sorted(calls.items()) if count > 1]
    for result in LastFile.from_path(bundle).task_results:
        task_id = result.task_id
        made_by = result.output["call"] if isinstance(result.output, dict) else None
        if task_id in acknowledged and (made_by != 1 or task_id in calls):
            problems.append(f"{task_id}: its acknowledged result was lost")
        elif task_id not in called and made_by != LATER + 1:
            problems.append(f"{task_id}: its result is that of call {made_by}, though none had been made")
        elif task_id in calls and made_by != LATER + 1:
            problems.append(f"{task_id} was called, and the result is another one")
    problems += [f"{count} results of {task_id}" for task_id, count in sorted(results_in(bundle).items()) if count > 1]
    if outcome_of(bundle) != recorded.outcome:
        problems.append("the LAST file is not that of the run that nothing happened to")
    return problems

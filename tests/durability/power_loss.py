"""Takes the power from a recorded run at some instant, and goes on with what the disk has then."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from altlas_runner import LastFile
from altlas_runner.errors import BundleError
from tests.durability.command_line import Arguments, CommandLine, Process, resume, run
from tests.durability.flows import CountingService, layered_flow, outcome_of, write
from tests.durability.interrupting import interrupted
from tests.durability.journals import JOURNAL, results_in
from tests.durability.recorded import Losing, Recording, disk_at

__all__ = [
    "LATER",
    "Image",
    "RecordedRun",
    "images_before_syncs",
    "images_of",
    "problems_of_doubt",
    "problems_of_image",
    "record_resume",
    "record_run",
]

EXIT_INCOMPLETE, EXIT_BUNDLE = 1, 4
LATER = 1000


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """A run that was recorded and came to its end.

    Attributes:
        recording: what it did.
        outcome: what its LAST file says.
        name: of its bundle: its run id.
        before: the tasks that had completed before the recording began.
    """

    recording: Recording
    outcome: dict[str, Any]
    name: str
    before: frozenset[str]

    def called(self, instant: int) -> set[str]:
        """The tasks that had been called by then."""
        return self.recording.called(instant) | self.before

    def acknowledged(self, instant: int) -> set[str]:
        """The tasks whose results had been acknowledged by then."""
        return self.recording.acknowledged(instant) | self.before


@dataclass(frozen=True, slots=True)
class Image:
    """A disk after a power loss: at which instant, which losses, and the seed of what random ones hit."""

    instant: int
    losing: Losing
    seed: int


def record_run(programs: CommandLine, place: Path, tasks: int) -> RecordedRun:
    """Record a run of so many tasks; the programs have recording.c."""
    alt, output = write(place / "flow.alt.json", layered_flow(tasks, 1)), place / "recorded"
    output.mkdir()
    with CountingService(0.002) as service:
        return _recorded(programs, output, lambda: run(alt, output, service.url), frozenset())


def record_resume(programs: CommandLine, place: Path, tasks: int) -> RecordedRun:
    """Record how such a run is resumed that was killed when three of its tasks had completed."""
    alt, output = write(place / "flow.alt.json", layered_flow(tasks, 1)), place / "recorded"
    with CountingService(0.002) as service:
        completed = frozenset({"t0", "t1", "t2"})
        bundle = interrupted(programs, service, alt, output, completed)
        return _recorded(programs, output, lambda: resume(bundle, service.url), completed)


def _recorded(
    programs: CommandLine, output: Path, arguments: Callable[[], Arguments], before: frozenset[str]
) -> RecordedRun:
    def record(env: Mapping[str, str]) -> None:
        status, process = programs.end_of(arguments(), env)
        assert status == 0, process.stderr

    recording = Recording.of(output, output.with_name("log"), record)
    (bundle,) = output.iterdir()
    return RecordedRun(recording, outcome_of(bundle), bundle.name, before)


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


def images_before_syncs(recording: Recording) -> list[Image]:
    """Of each moment at which something waits to be synced the worst: nothing of it arrives."""
    return [Image(instant, "everything", instant) for instant, deed in enumerate(recording.deeds) if deed.kind == "F"]


def problems_of_image(
    programs: CommandLine, service: CountingService, recorded: RecordedRun, image: Image, place: Path
) -> list[str]:
    """What is wrong with going on from an image; nothing is, when what was acknowledged is there and the rest is done.

    The service has answered every task once already, and says of each answer that it is a later one.
    """
    called = recorded.called(image.instant)
    bundle = _put(recorded, image, place)
    if bundle is None:
        return [f"{len(called)} calls had gone out, but there is no journal"] if called else []
    status, process, calls = _gone_on(programs, service, bundle)
    if not called and status == EXIT_BUNDLE and not calls:
        return []  # nothing was lost: there was nothing yet, and the message says so
    if status != 0:
        return [f"the exit status is {status}: {process.stderr[-1500:]}"]
    try:
        return _differences(recorded, called, recorded.acknowledged(image.instant), bundle, calls)
    except BundleError as error:
        return [f"the bundle cannot be read: {error}"]


def problems_of_doubt(
    programs: CommandLine, service: CountingService, recorded: RecordedRun, image: Image, place: Path
) -> list[str]:
    """What is wrong when nothing in doubt may be tried again: then no task is called that ever was called before."""
    called = recorded.called(image.instant)
    bundle = _put(recorded, image, place)
    if bundle is None:
        return [f"{len(called)} calls had gone out, but there is no journal"] if called else []
    status, process, calls = _gone_on(programs, service, bundle, "--in-doubt", "fail")
    allowed = {0, EXIT_INCOMPLETE}  # a start that was written is in doubt, also when its call had not gone out yet
    if status not in (allowed if called else allowed | {EXIT_BUNDLE}):
        return [f"the exit status is {status}: {process.stderr[-1500:]}"]
    return [f"{task_id} was called although it was in doubt" for task_id in sorted(called & calls.keys())]


def _put(recorded: RecordedRun, image: Image, place: Path) -> Path | None:
    """Put the files of an image into a place; the bundle there, if it has a journal."""
    recording = recorded.recording
    disk = disk_at(recording, image.instant).after_power_loss(image.losing, random.Random(image.seed))
    for path, content in disk.items():
        target = place / Path(path).relative_to(recording.below)
        if content is None:
            target.mkdir(exist_ok=True)
        else:
            target.write_bytes(content)
    bundle = place / recorded.name
    return bundle if (bundle / JOURNAL).exists() else None


def _gone_on(
    programs: CommandLine, service: CountingService, bundle: Path, *more: str
) -> tuple[int, Process, Counter[str]]:
    service.ledgers.clear()
    status, process = programs.end_of(resume(bundle, service.url, *more))
    return status, process, service.ledgers[bundle.name].counts()


def _differences(
    recorded: RecordedRun, called: set[str], acknowledged: set[str], bundle: Path, calls: Counter[str]
) -> list[str]:
    problems = [f"{task_id} was called {count} times" for task_id, count in sorted(calls.items()) if count > 1]
    written = results_in(bundle)
    for result in LastFile.from_path(bundle).task_results:
        task_id = result.task_id
        made_by = result.output["call"] if isinstance(result.output, dict) else None
        if task_id in acknowledged and (made_by != 1 or task_id in calls):
            problems.append(f"{task_id}: its acknowledged result was lost")
        elif task_id not in called and made_by != LATER + 1:
            problems.append(f"{task_id}: its result is that of call {made_by}, though none had been made")
        elif task_id in calls and made_by != LATER + 1:
            problems.append(f"{task_id} was called, and the result is another one")
        if written[task_id] != 1:
            problems.append(f"{written[task_id]} results of {task_id} in the journal")
    if outcome_of(bundle) != recorded.outcome:
        problems.append("the LAST file is not that of the run that nothing happened to")
    return problems

"""The power goes at any write of a run: what was acknowledged is on the disk, and the rest is done anew."""

import os
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.durability.command_line import CommandLine
from tests.durability.flows import CountingService
from tests.durability.power_loss import (
    LATER,
    Image,
    RecordedRun,
    images_of,
    problems_of_doubt,
    problems_of_image,
    record_resume,
    record_run,
)
from tests.durability.recorded import disk_at

pytestmark = pytest.mark.slow

IMAGES, RESUMED, IN_DOUBT = (2_400, 600, 400) if os.environ.get("ALTLAS_EXAMPLES") == "nightly" else (48, 16, 10)
TASKS = 50
SIDE_BY_SIDE = 2


@pytest.fixture(scope="module")
def recorded(preloaded_programs: CommandLine, tmp_path_factory: pytest.TempPathFactory) -> RecordedRun:
    return record_run(preloaded_programs, tmp_path_factory.mktemp("recorded"), TASKS)


@pytest.fixture(scope="module")
def resumed(preloaded_programs: CommandLine, tmp_path_factory: pytest.TempPathFactory) -> RecordedRun:
    return record_resume(preloaded_programs, tmp_path_factory.mktemp("resumed"), TASKS)


def _problems(
    recorded: RecordedRun, images: list[Image], problems_of: Callable[..., list[str]], place: Path
) -> dict[Image, list[str]]:
    """The problems of all images that have some, looked at side by side."""

    def work(number: int) -> dict[Image, list[str]]:
        found: dict[Image, list[str]] = {}
        with CommandLine(place / f"programs{number}") as programs, CountingService(already=LATER) as service:
            for image in images[number::SIDE_BY_SIDE]:
                with TemporaryDirectory(dir=place) as disk:
                    found[image] = problems_of(programs, service, recorded, image, Path(disk))
        return found

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        found = {image: problems for part in pool.map(work, range(SIDE_BY_SIDE)) for image, problems in part.items()}
    assert found.keys() == set(images)
    return {image: problems for image, problems in found.items() if problems}


def test_every_disk_after_a_power_loss_goes_on_to_the_right_end(recorded: RecordedRun, tmp_path: Path) -> None:
    """Whatever the disk made of what was not synced: nothing acknowledged is lost, nothing is called without need."""
    assert _problems(recorded, images_of(recorded.recording, IMAGES), problems_of_image, tmp_path) == {}


def test_every_disk_after_a_power_loss_while_a_run_is_resumed_goes_on_to_the_right_end(
    resumed: RecordedRun, tmp_path: Path
) -> None:
    """What stands in the journal from before must survive that it is opened, added to and closed again."""
    assert _problems(resumed, images_of(resumed.recording, RESUMED), problems_of_image, tmp_path) == {}


def test_after_a_power_loss_every_call_that_had_gone_out_is_known(recorded: RecordedRun, tmp_path: Path) -> None:
    """Who says that nothing in doubt may be tried again can rely on it."""
    assert _problems(recorded, images_of(recorded.recording, IN_DOUBT), problems_of_doubt, tmp_path) == {}


def test_the_recording_tells_the_disk_as_it_is(recorded: RecordedRun) -> None:
    """What the images are made of is what the process did: nothing got past the recording."""
    disk = disk_at(recorded.recording, len(recorded.recording.deeds))
    told = disk.after_power_loss("nothing", random.Random(0))
    below = recorded.recording.below
    there = {str(path): path.read_bytes() if path.is_file() else None for path in [below, *below.rglob("*")]}
    assert {path.removesuffix("-shm") for path in there} == {path.removesuffix("-shm") for path in told}
    assert {path: there[path] for path in there if not path.endswith("-shm")} == told

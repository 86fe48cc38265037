"""The power goes at any write of a run: what was acknowledged is on the disk, and the rest is done anew."""

import os
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.durability.command_line import CommandLine
from tests.durability.flows import CountingService
from tests.durability.power_loss import LATER, Image, RecordedRun, images_of, problems_of_image, record_run
from tests.durability.recorded import disk_at

pytestmark = pytest.mark.slow

IMAGES = 2_400 if os.environ.get("ALTLAS_EXAMPLES") == "nightly" else 200
TASKS = 50
SIDE_BY_SIDE = 2


@pytest.fixture(scope="module")
def recorded(preloaded_programs: CommandLine, tmp_path_factory: pytest.TempPathFactory) -> RecordedRun:
    return record_run(preloaded_programs, tmp_path_factory.mktemp("recorded"), TASKS)


def test_every_disk_after_a_power_loss_goes_on_to_the_right_end(recorded: RecordedRun, tmp_path: Path) -> None:
    images = images_of(recorded.recording, IMAGES)

    def work(number: int) -> dict[Image, list[str]]:
        found: dict[Image, list[str]] = {}
        with CommandLine(tmp_path / f"programs{number}") as programs, CountingService(already=LATER) as service:
            for image in images[number::SIDE_BY_SIDE]:
                place = tmp_path / f"{number}-{len(found)}"
                place.mkdir()
                found[image] = problems_of_image(programs, service, recorded, image, place)
        return found

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        found = {image: problems for part in pool.map(work, range(SIDE_BY_SIDE)) for image, problems in part.items()}
    assert {image: problems for image, problems in found.items() if problems} == {}
    assert len(found) == IMAGES


def test_the_recording_tells_the_disk_as_it_is(recorded: RecordedRun) -> None:
    """What the images are made of is what the process did: nothing got past the recording."""
    disk = disk_at(recorded.recording, len(recorded.recording.deeds))
    told = disk.after_power_loss("nothing", random.Random(0))
    below = recorded.recording.below
    there = {str(path): path.read_bytes() if path.is_file() else None for path in [below, *below.rglob("*")]}
    assert {path.removesuffix("-shm") for path in there} == {path.removesuffix("-shm") for path in told}
    assert {path: there[path] for path in there if not path.endswith("-shm")} == told

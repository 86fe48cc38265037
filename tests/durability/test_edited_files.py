"""A changed ALT file: what its changes touch runs again, and nothing else."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from altlas_runner import LastFile
from tests.durability.command_line import CommandLine, resume
from tests.durability.edits import COMPLETED, EDITS, FLOW, Edit, edited
from tests.durability.flows import CountingService, write
from tests.durability.interrupting import interrupted

pytestmark = pytest.mark.slow

EXIT_USAGE = 2
MOST_NAMED = 5


@pytest.fixture(scope="module")
def service() -> Iterator[CountingService]:
    with CountingService() as started:
        yield started


@pytest.fixture(scope="module")
def stopped(programs: CommandLine, service: CountingService, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("stopped")
    return interrupted(programs, service, write(place / "flow.alt.json", FLOW), place / "out", COMPLETED)


@pytest.mark.parametrize("edit", EDITS, ids=[edit.name for edit in EDITS])
def test_what_an_edit_touches_runs_again_and_nothing_else(
    programs: CommandLine, service: CountingService, stopped: Path, tmp_path: Path, edit: Edit
) -> None:
    """Who says --strict is refused, with the reasons, when anything that has ended would run again."""
    service.ledgers.clear()
    bundle = shutil.copytree(stopped, tmp_path / stopped.name)
    document = edited(edit)
    arguments = resume(bundle, service.url, write(tmp_path / "edited.alt.json", document))
    status, process = programs.end_of([*arguments, "--strict"])
    if touched := edit.again & COMPLETED:
        assert (status, service.ledgers[bundle.name].calls) == (EXIT_USAGE, []), process.stderr
        assert "strict" in process.stderr
        assert sum(f'"{task_id}", because' in process.stderr for task_id in touched) >= min(len(touched), MOST_NAMED)
        status, process = programs.end_of(arguments)
    assert status == 0, process.stderr
    assert service.ledgers[bundle.name].counts() == dict.fromkeys(edit.again, 1)
    results = LastFile.from_path(bundle).task_results
    assert [(result.task_id, result.status.value) for result in results] == [
        (task["id"], "completed") for task in document["tasks"]
    ]


def test_there_are_fifty_kinds_of_edits() -> None:
    assert len({edit.name for edit in EDITS}) >= 50

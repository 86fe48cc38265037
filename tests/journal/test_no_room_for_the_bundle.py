"""The run has ended, and its bundle cannot be written: who is told so is told what is lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from altlas_runner import AltFile, LastFile, Outcome, RunnerConfig, TaskAttempt
from altlas_runner.errors import BundleError, JournalError
from altlas_runner.runner import Runner
from altlas_runner.task_manager.journal import Database
from altlas_runner.testing import alt_file_of
from tests.small_disks import mounted, remounted

PAIR = alt_file_of({"id": "a"}, {"id": "b", "dependencies": ["a"]})


class Service:
    def __init__(self) -> None:
        self.asked: list[str] = []

    async def attempt(self, attempt: TaskAttempt) -> Outcome:
        self.asked.append(attempt.task.id)
        return Outcome.completed(f"of {attempt.task.id}")


def runner_on(disk: Path, service: Service, *, journal: bool = True) -> Runner:
    return Runner(RunnerConfig(output_dir=disk, journal=journal, generate_graphs=False), executor=service)


def refused(disk: Path, service: Service, alt: AltFile = PAIR, *, journal: bool = True) -> str:
    """What is said when there is no room for the bundle."""
    with pytest.raises(BundleError) as error:
        asyncio.run(runner_on(disk, service, journal=journal).execute(alt))
    return str(error.value)


def go_on(bundle: Path, service: Service) -> LastFile:
    remounted(bundle.parent, "size=16m")
    return asyncio.run(runner_on(bundle.parent, service).resume(bundle))


def test_when_the_journal_has_all_results_none_is_lost_and_a_resume_writes_the_bundle(tmp_path: Path) -> None:
    service = Service()
    with mounted(tmp_path / "disk", "size=120k") as disk:
        said = refused(disk, service)
        (bundle,) = disk.iterdir()
        assert said.startswith(str(bundle))
        assert "No space left on device; no result is lost, the journal has them: " in said
        assert said.endswith(f"altlas-runner resume {bundle} writes the bundle")
        assert go_on(bundle, service).status == "success"
        assert LastFile.from_path(bundle).status == "success"
    assert service.asked == ["a", "b"]


def test_when_neither_has_room_what_the_journal_has_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Database, content: bytes) -> None:
        if b"of b" in content:
            raise JournalError(self.path, "cannot be written: database or disk is full")
        add(self, content)

    add = Database.add
    service = Service()
    with mounted(tmp_path / "disk", "size=120k") as disk:
        with monkeypatch.context() as patch:
            patch.setattr(Database, "add", full)
            said = refused(disk, service)
        (bundle,) = disk.iterdir()
        assert "No space left on device; nor could the journal be; what it has of the run is not lost: " in said
        assert said.endswith(f"altlas-runner resume {bundle} goes on from there")
        assert go_on(bundle, service).status == "success"
    assert service.asked == ["a", "b", "b"]


def test_without_a_journal_the_results_are_lost(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=40k") as disk:
        said = refused(disk, Service(), journal=False)
        assert said.endswith("No space left on device; the results of the run are lost, for it kept no journal")

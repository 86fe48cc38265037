"""The list of runs while something happens to them."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from altlas_runner import RunnerConfig, runs
from altlas_runner.last_file.models import RESULT_NAME
from altlas_runner.runner import Runner
from altlas_runner.task_manager.journal import owner_of
from altlas_runner.testing import alt_file_of


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    runner = Runner(RunnerConfig(output_dir=tmp_path / "output", journal=True, generate_graphs=False))
    return runner.bundle_path(asyncio.run(runner.execute(alt_file_of())))


def test_a_run_that_ends_while_it_is_looked_at_is_not_taken_for_an_interrupted_one(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.move(bundle / RESULT_NAME, tmp_path)

    def let_it_end(directory: Path) -> int | None:
        shutil.move(tmp_path / RESULT_NAME, directory)
        return owner_of(directory)

    assert [each.state for each in runs.list_runs(bundle.parent)] == ["interrupted"]
    monkeypatch.setattr(runs, "owner_of", let_it_end)
    assert [each.state for each in runs.list_runs(bundle.parent)] == ["finished"]


def test_a_bundle_that_is_removed_while_it_is_looked_at_is_none(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def let_it_go(directory: Path) -> int | None:
        shutil.rmtree(directory)
        return owner_of(directory)

    monkeypatch.setattr(runs, "owner_of", let_it_go)
    assert runs.list_runs(bundle.parent) == []

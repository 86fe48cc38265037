"""prune when something is in its way: what can go goes."""

from __future__ import annotations

import asyncio
from pathlib import Path

from click.testing import CliRunner

from altlas_runner import RunnerConfig
from altlas_runner.cli.prune import prune
from altlas_runner.runner import Runner
from altlas_runner.runs import list_runs
from altlas_runner.task_manager.journal import LOCK_NAME
from altlas_runner.testing import alt_file_of


def test_a_bundle_that_cannot_be_removed_is_named_and_keeps_no_other_from_going(tmp_path: Path) -> None:
    config = RunnerConfig(output_dir=tmp_path, journal=True, generate_graphs=False)
    for _ in range(3):
        asyncio.run(Runner(config).execute(alt_file_of()))
    blocked = list_runs(tmp_path)[1].directory
    (blocked / LOCK_NAME).mkdir()  # stops the superuser, too
    pruned = CliRunner().invoke(prune, ["--output-dir", str(tmp_path), "--keep", "0"])
    assert pruned.exit_code == 4
    assert list(tmp_path.iterdir()) == [blocked]
    assert pruned.stdout.count("removed ") == 2
    assert pruned.stderr.splitlines() == [
        f"error: {blocked / LOCK_NAME}: cannot be locked: Is a directory",
        "error: 1 of 3 bundles could not be removed; prune again when that is mended",
    ]
    (blocked / LOCK_NAME).rmdir()
    assert CliRunner().invoke(prune, ["--output-dir", str(tmp_path), "--keep", "0"]).exit_code == 0
    assert not list(tmp_path.iterdir())

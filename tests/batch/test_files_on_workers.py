"""Whole files, or single tasks, on the workers of a cluster."""

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from distributed import LocalCluster

from altlas_runner import LastFile, Runner, RunnerConfig, run_resources
from altlas_runner.batch import BatchRow, BatchSummary, Unit, on_workers
from altlas_runner.dask_executor import DaskConnection
from altlas_runner.errors import ConfigurationError
from altlas_runner.testing import FakeExecutor
from tests.batch.many_files import alt_text, bundles_in, rows_in, runner_into, write_files
from tests.dask_executor.clusters import local_cluster, until, worker_pids

pytestmark = pytest.mark.slow


def on(cluster: LocalCluster, out: Path, files: list[Path], unit: str = "file", **options: object) -> BatchSummary:
    runner = runner_into(out, engine="dask", dask_address=cluster.scheduler_address)
    return asyncio.run(runner.execute_many(files, unit=unit, **options))  # type: ignore[arg-type]


@pytest.mark.parametrize("unit", ["file", "task"])
def test_files_run_on_workers(cluster: LocalCluster, unit: str, tmp_path: Path) -> None:
    files = write_files(tmp_path / "in", 12)
    files[3].write_text("{")
    summary = on(cluster, tmp_path / "out", files, unit)
    assert summary.statuses == {"success": 11, "invalid": 1}
    rows = rows_in(tmp_path / "out")
    workers = set()
    for row in rows:
        if row.status == "success":
            last_file = LastFile.from_path(tmp_path / "out" / str(row.last_file_id))
            workers.add(row.worker if unit == "file" else last_file.task_results[0].attempts[0].service)
    assert len(workers) == 2
    assert all(str(worker).startswith("tcp://") for worker in workers)
    assert on(cluster, tmp_path / "out", files, unit).skipped == 11


def test_a_large_file_goes_through_the_store(cluster: LocalCluster, tmp_path: Path) -> None:
    (file,) = write_files(tmp_path / "in", 1, 1, filler="x" * (2 << 20))
    assert on(cluster, tmp_path / "out", [file]).statuses == {"refused": 1}
    assert "dask_store" in str(rows_in(tmp_path / "out")[0].error)
    runner = runner_into(
        tmp_path / "again", engine="dask", dask_address=cluster.scheduler_address, dask_store=str(tmp_path / "store")
    )
    assert asyncio.run(runner.execute_many([file])).is_success
    assert list((tmp_path / "store").iterdir()) == []


def test_a_bundle_that_a_worker_cannot_write_is_told_of_its_file_alone(cluster: LocalCluster, tmp_path: Path) -> None:
    """The batch goes on, and what was refused is run when it goes on later."""
    files = write_files(tmp_path / "in", 6)
    files[2].write_text(alt_text("spoilt", 1, out=str(tmp_path / "out")).replace('"word"', '"spoil"'))
    summary = on(cluster, tmp_path / "out", files)
    assert summary.statuses == {"success": 5, "refused": 1}
    (row,) = [row for row in rows_in(tmp_path / "out") if row.status == "refused"]
    assert "result.last: cannot be written" in str(row.error)


@pytest.mark.parametrize("own", [{"executor": FakeExecutor()}, {"secrets": ["s3cret"]}], ids=str)
def test_what_cannot_travel_to_workers_is_refused(own: dict[str, Any], tmp_path: Path) -> None:
    """Workers would ask the AI service instead, or show the secret."""
    config = RunnerConfig(output_dir=tmp_path, engine="dask", dask_address="tcp://127.0.0.1:1")
    with pytest.raises(ConfigurationError, match="do not travel to workers"):
        asyncio.run(Runner(config, **own).execute_many([]))


def test_cancelling_stops_what_runs_there(cluster: LocalCluster, tmp_path: Path) -> None:
    log = tmp_path / "log"
    files = write_files(tmp_path / "in", 20, 5, log=str(log), seconds=0.3)
    runner = runner_into(tmp_path / "out", engine="dask", dask_address=cluster.scheduler_address)

    def cancel(row: BatchRow, summary: BatchSummary) -> None:
        runner.cancel()

    async def run() -> BatchSummary:
        summary = await runner.execute_many(files, on_row=cancel)
        begun = -1
        while begun != (now := len(log.read_text().split())):  # word of it may still be on its way
            begun = now
            await asyncio.sleep(0.8)  # more than twice what a task takes
        assert begun < 20 * 5
        return summary

    assert asyncio.run(run()).interrupted
    assert any(row.status == "cancelled" for row in rows_in(tmp_path / "out"))


def test_a_worker_closes_its_runner_when_no_more_files_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else each batch would leave one behind, with its connections and the processes of its handlers."""
    monkeypatch.setattr(on_workers, "_KEPT_SECONDS", 0.2)
    kept: dict[str, on_workers.KeptRunner] = {}

    async def run() -> None:
        settings = {"config": {"output_dir": str(tmp_path)}, "handlers": [], "use_installed_handlers": False}
        kept["a"] = one = on_workers.KeptRunner(settings, kept, "a")
        async with one.lent() as runner, one.lent() as again:
            await asyncio.sleep(0.4)
            assert runner is again
            assert runner._resources.is_open
        async with one.lent() as again:
            assert runner is again
        assert kept
        await until(lambda: not runner._resources.is_open, 10, "the runner is closed")
        assert not kept

    asyncio.run(run())


def test_a_batch_that_is_given_up_stops_what_runs_there(cluster: LocalCluster, tmp_path: Path) -> None:
    """The runner stays open, so that nothing else would stop it."""
    log = tmp_path / "log"
    files = write_files(tmp_path / "in", 20, 5, log=str(log), seconds=0.3)

    async def run() -> None:
        async with runner_into(tmp_path / "out", engine="dask", dask_address=cluster.scheduler_address) as runner:
            batch = asyncio.create_task(runner.execute_many(files))
            await until(log.exists, 60, "a task has begun")
            batch.cancel()
            await asyncio.wait([batch])
            await asyncio.sleep(0.5)
            begun = len(log.read_text().split())
            await asyncio.sleep(1)
            assert len(log.read_text().split()) == begun

    asyncio.run(run())


def test_workers_are_told_paths_that_mean_the_same_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = RunnerConfig(prices="prices.toml", cache=tmp_path / "cache", ai_api_key="k-123", ai_default_model="m")
    assert on_workers._travelling(config) == {
        "prices": str(tmp_path / "prices.toml"),
        "cache": str(tmp_path / "cache"),
        "ai_default_model": "m",
    }


def test_a_file_that_is_lost_with_its_worker_is_run_again(tmp_path: Path) -> None:
    files = write_files(tmp_path / "in", 12, 3, seconds=0.1)

    async def run() -> BatchSummary:
        async with local_cluster(2, 1) as cluster:
            runner = runner_into(tmp_path / "out", engine="dask", dask_address=cluster.scheduler_address)
            killed = False

            def kill(row: BatchRow, summary: BatchSummary) -> None:
                nonlocal killed
                if not killed:
                    killed = True
                    os.kill(worker_pids(cluster)[0], signal.SIGKILL)

            return await runner.execute_many(files, on_row=kill)

    assert asyncio.run(run()).is_success
    assert len(rows := rows_in(tmp_path / "out")) == 12
    assert bundles_in(tmp_path / "out") == {row.last_file_id for row in rows}  # also of the worker that was killed


@pytest.mark.parametrize("unit", ["file", "task"])
def test_a_batch_ends_when_the_cluster_has_no_worker_any_more(
    unit: Unit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else each of ten thousand files would wait for a worker in turn, or fail without one."""
    monkeypatch.setattr(
        run_resources, "connection_for", lambda config: DaskConnection(config.dask_address, silence_seconds=1)
    )
    files = write_files(tmp_path / "in", 100, 2, seconds=0.2)
    closing: list[asyncio.Future[None]] = []

    async def run() -> None:
        async with local_cluster(1, 1) as cluster:

            def close(row: BatchRow, summary: BatchSummary) -> None:
                if not closing:
                    closing.append(asyncio.ensure_future(_without_workers(cluster)))

            runner = runner_into(tmp_path / "out", engine="dask", dask_address=cluster.scheduler_address)
            await runner.execute_many(files, unit=unit, files_at_once=4, on_row=close)

    with pytest.raises(ConfigurationError, match="can be reached, and had none for 3 s: the batch was stopped"):
        asyncio.run(run())
    assert json.loads((tmp_path / "out" / "batch.json").read_text())["interrupted"]
    rows = rows_in(tmp_path / "out")
    assert len(rows) < 40
    assert bundles_in(tmp_path / "out") == {row.last_file_id for row in rows if row.last_file_id}


async def _without_workers(cluster: LocalCluster) -> None:
    await cluster.scale(0)

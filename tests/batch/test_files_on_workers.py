"""Whole files, or single tasks, on the workers of a cluster."""

import asyncio
import os
import signal
from pathlib import Path

import pytest
from distributed import LocalCluster

from altlas_runner import LastFile
from altlas_runner.batch import BatchRow, BatchSummary, on_workers
from tests.batch.many_files import rows_in, runner_into, write_files
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
    assert on(cluster, tmp_path / "out", files, unit).skipped == 12


def test_a_large_file_goes_through_the_store(cluster: LocalCluster, tmp_path: Path) -> None:
    (file,) = write_files(tmp_path / "in", 1, 1, filler="x" * (2 << 20))
    assert on(cluster, tmp_path / "out", [file]).statuses == {"refused": 1}
    assert "dask_store" in str(rows_in(tmp_path / "out")[0].error)
    runner = runner_into(
        tmp_path / "again", engine="dask", dask_address=cluster.scheduler_address, dask_store=str(tmp_path / "store")
    )
    assert asyncio.run(runner.execute_many([file])).is_success
    assert list((tmp_path / "store").iterdir()) == []


def test_cancelling_stops_what_runs_there(cluster: LocalCluster, tmp_path: Path) -> None:
    log = tmp_path / "log"
    files = write_files(tmp_path / "in", 20, 5, log=str(log), seconds=0.3)
    runner = runner_into(tmp_path / "out", engine="dask", dask_address=cluster.scheduler_address)

    def cancel(row: BatchRow, summary: BatchSummary) -> None:
        runner.cancel()

    async def run() -> BatchSummary:
        summary = await runner.execute_many(files, on_row=cancel)
        begun = len(log.read_text().split())
        await asyncio.sleep(0.8)  # more than twice what a task takes
        assert len(log.read_text().split()) == begun
        return summary

    assert asyncio.run(run()).interrupted
    assert any(row.status == "cancelled" for row in rows_in(tmp_path / "out"))


def test_a_worker_closes_its_runner_when_no_more_files_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else each batch would leave one behind, with its connections and the processes of its handlers."""
    monkeypatch.setattr(on_workers, "_KEPT_SECONDS", 0.2)
    kept: dict[str, on_workers.KeptRunner] = {}

    async def run() -> None:
        settings = {"config": {"output_dir": str(tmp_path)}, "handlers": []}
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
    assert len(rows_in(tmp_path / "out")) == 12

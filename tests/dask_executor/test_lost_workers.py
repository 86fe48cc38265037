"""Workers die, and what they did with them: nothing is lost in silence, nothing is recorded twice."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from distributed import LocalCluster

from altlas_runner import TaskManager
from altlas_runner.dask_executor import DaskExecutor
from altlas_runner.task_manager import Event, TaskFinished
from altlas_runner.testing import alt_file_of
from tests.dask_executor.clusters import HANDLERS, children, local_cluster, run_on, task, until, worker_pids
from tests.dask_executor.functions import notes, pids, running

NIGHTLY = os.environ.get("ALTLAS_EXAMPLES") == "nightly"


@pytest.mark.slow
@pytest.mark.parametrize("repetition", range(5 if NIGHTLY else 1))
def test_workers_that_are_killed_lose_no_task_and_double_none(repetition: int, tmp_path: Path) -> None:
    """Three worker processes of two threads, one killed every two seconds; by day three in short order."""
    count, log = 2000 if NIGHTLY else 300, tmp_path / "log"
    ended: Counter[str] = Counter()

    def count_end(event: Event) -> None:
        if isinstance(event, TaskFinished):
            ended[event.task_id] += 1

    async def run() -> int:
        kills = 0
        async with local_cluster(3, 2) as cluster, DaskExecutor(cluster, HANDLERS) as engine:
            scheduler: Any = cluster.scheduler

            async def kill() -> None:
                nonlocal kills
                dice = random.Random(repetition)
                while NIGHTLY or kills < 3:
                    await asyncio.sleep(2 if NIGHTLY else 0.7)
                    there = worker_pids(cluster)
                    if len(scheduler.workers) >= 2:  # on a busy machine a new one may take long to come
                        os.kill(dice.choice(there), signal.SIGKILL)
                        kills += 1

            killing = asyncio.create_task(kill())
            tasks = [task("nap", f"t{n}", parameters={"log": str(log)}, retry_count=5) for n in range(count)]
            results = await run_on(engine, *tasks, concurrency=12, on_event=count_end)
            killing.cancel()
            assert {result.status for result in results} == {"completed"}
            lost = [attempt for result in results for attempt in result.attempts if attempt.error_code]
            assert {attempt.error_code for attempt in lost} <= {"WORKER_LOST"}
        return kills

    kills = asyncio.run(run())
    assert kills >= 2
    assert len(ended) == count
    assert set(ended.values()) == {1}
    begun = Counter(notes(log, "start"))
    twice = sum(times > 1 for times in begun.values())
    to_the_end = sum(times > 1 for times in Counter(notes(log, "end")).values())
    print(f"{kills} kills, {twice} of {count} begun twice, {to_the_end} of them to the end each time")
    assert twice <= count * 0.05


@pytest.mark.slow
def test_a_task_that_kills_its_worker_fails_alone() -> None:
    """Dask would hand it from one worker to the next, and give up those that happened to be there with it."""

    async def run() -> tuple[list[str], float]:
        async with local_cluster(3, 1) as cluster, DaskExecutor(cluster, HANDLERS) as engine:
            others = [task("nap", f"t{n}", parameters={"seconds": 0.1}) for n in range(30)]
            began = time.monotonic()
            results = await run_on(engine, *others[:9], task("kill-worker", "killer"), *others[9:])
            (killer,) = [result for result in results if result.task_id == "killer"]
            assert (killer.status, killer.error_code, len(killer.attempts)) == ("failed", "WORKER_LOST", 1)
            assert killer.completed_at is not None
            assert killer.started_at is not None
            assert killer.attempts[0].service is not None
            took = (killer.completed_at - killer.started_at).total_seconds()
            assert time.monotonic() - began < 30
            return [result.status for result in results if result.task_id != "killer"], took

    statuses, took = asyncio.run(run())
    assert took < 10
    assert statuses == ["completed"] * 30


@pytest.mark.slow
def test_what_ran_beside_it_is_tried_again_within_its_retry_count(tmp_path: Path) -> None:
    """Nobody knows which of two tasks killed their worker; one without retries is not run a second time in silence."""
    log = tmp_path / "log"

    async def run() -> dict[str, tuple[str, int]]:
        async with local_cluster(1, 2) as cluster, DaskExecutor(cluster, HANDLERS) as engine:
            given = {"log": str(log), "seconds": 1}
            results = await run_on(
                engine, task("nap", "patient", parameters=given, retry_count=3), task("kill-worker", "killer")
            )
            again = await run_on(engine, task("nap", "single", parameters=given), task("kill-worker", "killer"))
            return {result.task_id: (result.status, len(result.attempts)) for result in (*results, *again)}

    ends = asyncio.run(run())
    assert ends["patient"] == ("completed", 2)
    assert ends["single"] == ("failed", 1)
    assert notes(log, "start").count("single") == 1


@pytest.mark.slow
def test_a_function_that_kills_its_process_harms_no_worker(cluster: LocalCluster) -> None:
    async def run() -> tuple[str | None, set[int], set[int]]:
        async with DaskExecutor(cluster, HANDLERS) as engine:
            before = set(worker_pids(cluster))
            (result,) = await run_on(engine, task("kill-itself"))
            return result.error_code, before, set(worker_pids(cluster))

    code, before, after = asyncio.run(run())
    assert code == "HANDLER_DIED"
    assert before == after


@pytest.mark.slow
def test_cancelling_stops_the_processes_of_running_handlers(tmp_path: Path) -> None:
    """Dask alone would let them run on. So many that spin leave little for anybody else: the best of three counts."""
    count = 50 if NIGHTLY else 16
    took: list[float] = []

    async def run() -> None:
        async with local_cluster(2, count // 2) as cluster, DaskExecutor(cluster, HANDLERS) as engine:
            while len(took) < 3 and min(took, default=9) >= 2:
                log = tmp_path / f"log{len(took)}"
                tasks = [task("spin", f"t{n}", parameters={"log": str(log)}) for n in range(count)]
                manager = TaskManager(alt_file_of(*tasks), None, count, engine=engine)
                run_of_it = asyncio.create_task(manager.run())
                await until(lambda log=log: len(pids(log)) == count, 120, "all handlers run")  # type: ignore[misc]
                began = time.monotonic()
                manager.cancel()
                await until(lambda log=log: not running(log), 20, "their processes are gone")  # type: ignore[misc]
                took.append(time.monotonic() - began)
                assert {result.status for result in await run_of_it} == {"cancelled"}

    asyncio.run(run())
    print(f"{count} processes gone after {', '.join(f'{seconds:.2f} s' for seconds in took)}")
    assert min(took) < 2


@pytest.mark.slow
def test_a_deadline_stops_a_handler_and_what_it_started(cluster: LocalCluster, tmp_path: Path) -> None:
    log = tmp_path / "log"

    async def run() -> str:
        async with DaskExecutor(cluster, HANDLERS) as engine:
            (result,) = await run_on(engine, task("spawn", parameters={"log": str(log)}, timeout_seconds=3))
            await until(lambda: not running(log), 5, "its processes are gone")
            return result.status

    assert asyncio.run(run()) == "timeout"
    assert len(pids(log)) == 2


@pytest.mark.slow
def test_a_driver_that_is_killed_leaves_no_handler_running(cluster: LocalCluster, tmp_path: Path) -> None:
    """Nobody is left who could cancel anything: the worker sees that nobody wants the task any more."""
    log = tmp_path / "log"

    async def run() -> None:
        address = cluster.scheduler_address
        command = (sys.executable, "-m", "tests.dask_executor.driver", address, str(log), "spin", "2")
        driver = subprocess.Popen(command)
        await until(lambda: len(pids(log)) == 2, 60, "the handlers run")
        driver.kill()
        driver.wait()
        await until(lambda: not running(log), 20, "their processes are gone")

    asyncio.run(run())


@pytest.mark.slow
def test_starting_and_closing_leaves_no_process(tmp_path: Path) -> None:
    async def run() -> None:
        async with local_cluster(1, 1) as cluster, DaskExecutor(cluster, HANDLERS) as engine:
            (result,) = await run_on(engine, task("add", parameters={"numbers": [1, 2]}))
            assert result.status == "completed"

    before = children()
    for _ in range(50 if NIGHTLY else 3):
        asyncio.run(run())
        trackers = {
            pid for pid in children() - before if b"resource_tracker" in Path(f"/proc/{pid}/cmdline").read_bytes()
        }
        assert children() - before == trackers  # multiprocessing keeps one for the whole program
    assert len(trackers) <= 1

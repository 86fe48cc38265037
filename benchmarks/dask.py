"""What a task costs on Dask: ours beside Dask's own client on the same tasks, and whole files beside single tasks.

The scheduler and two workers of two threads are processes of their own. Dask's client is asked for what a runner needs:
each result as soon as it is there. CPU time of driver, scheduler and workers together, and seconds: the least of
several rounds in which all take turns.
"""

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import distributed
import psutil
from distributed import Client, LocalCluster

from altlas_runner import AltFile, HandlerContext, Runner, RunnerConfig, Task, TaskManager, handler
from altlas_runner.dask_executor import DaskExecutor
from benchmarks.measure import Row, in_child

TASKS, ROUNDS, AT_ONCE = 1_000, 3, 64
FILES, TASKS_OF_FILE = 500, 5
MOST_CPU, LEAST_THROUGHPUT, LEAST_TIMES = 1.6, 0.6, 3
DASK, OURS = "Dask's own client", "altlas_runner"


@handler("nothing")
async def nothing(context: HandlerContext) -> int:
    await asyncio.sleep(0)
    return 1


async def the_same(number: int) -> int:
    await asyncio.sleep(0)
    return 1


def run() -> list[Row]:
    options: dict[str, Any] = {"n_workers": 2, "threads_per_worker": 2, "processes": True, "dashboard_address": ":0"}
    with LocalCluster(**options) as cluster:
        found = in_child("benchmarks.dask", cluster.scheduler_address, str(os.getpid()))
    table = []
    cpu, seconds = found["cpu"], found["seconds"]
    benchmark = f"{TASKS:,} tasks on Dask at {AT_ONCE}"
    table.append(Row(benchmark, DASK, cpu[DASK], 1e6 * cpu[DASK] / TASKS))
    table.append(Row(benchmark, OURS, cpu[OURS], 1e6 * cpu[OURS] / TASKS, DASK, cpu[OURS] / cpu[DASK], MOST_CPU))
    table.append(Row(benchmark, DASK, seconds[DASK], unit="s"))
    ratio = seconds[OURS] / seconds[DASK]
    table.append(Row(benchmark, OURS, seconds[OURS], None, DASK, ratio, 1 / LEAST_THROUGHPUT, "s"))
    benchmark, by_task, by_file = f"{FILES:,} files of {TASKS_OF_FILE} tasks on Dask", "unit=task", "unit=file"
    count = FILES * TASKS_OF_FILE
    for measured, unit, bound in ((cpu, "s CPU", None), (seconds, "s", 1 / LEAST_TIMES)):
        slow, quick = measured[by_task], measured[by_file]
        table.append(Row(benchmark, by_task, slow, 1e6 * slow / count, unit=unit))
        table.append(Row(benchmark, by_file, quick, 1e6 * quick / count, by_task, quick / slow, bound, unit))
    return table


def tasks_of(count: int) -> list[Task]:
    return [Task(id=f"t{n}", description="nothing", parameters={"task_type": "nothing"}) for n in range(count)]


async def dasks_own(address: str) -> None:
    async with Client(address, asynchronous=True, set_as_default=False) as client:
        with client.as_current():
            async for future in distributed.as_completed(client.map(the_same, range(TASKS), pure=False)):
                assert await future == 1


async def ours(address: str) -> None:
    async with DaskExecutor(address, [nothing]) as engine:
        alt_file = AltFile(id="benchmark", title="Benchmark", tasks=tasks_of(TASKS))
        results = await TaskManager(alt_file, None, AT_ONCE, engine=engine).run()
        assert all(result.status == "completed" for result in results)


async def batch(address: str, files: list[Path], output_dir: Path, unit: Any) -> None:
    config = RunnerConfig(output_dir=output_dir, generate_graphs=False, engine="dask", dask_address=address)
    summary = await Runner(config, handlers=[nothing]).execute_many(files, unit=unit)
    assert summary.is_success


def write_files(directory: Path) -> list[Path]:
    files = [directory / f"{number}.alt" for number in range(FILES)]
    for file in files:
        alt_file = AltFile(id=file.stem, title="Benchmark", tasks=tasks_of(TASKS_OF_FILE))
        file.write_text(alt_file.model_dump_json(exclude_unset=True))
    return files


def measure(address: str, cluster: int) -> dict[str, Any]:
    """The least CPU seconds and the least seconds of each subject; they take turns."""
    host = psutil.Process(cluster)
    subjects = (DASK, OURS, "unit=task", "unit=file")
    cpu, seconds = dict.fromkeys(subjects, float("inf")), dict.fromkeys(subjects, float("inf"))
    with tempfile.TemporaryDirectory() as directory:
        files = write_files(Path(directory))
        for turn in range(ROUNDS):
            work: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
                DASK: partial(dasks_own, address),
                OURS: partial(ours, address),
                "unit=task": partial(batch, address, files, Path(directory, f"tasks{turn}"), "task"),
                "unit=file": partial(batch, address, files, Path(directory, f"files{turn}"), "file"),
            }
            for name, subject in work.items():
                began, before = time.perf_counter(), _cpu_of(host)
                asyncio.run(subject())
                seconds[name] = min(seconds[name], time.perf_counter() - began)
                cpu[name] = min(cpu[name], _cpu_of(host) - before)
    return {"cpu": cpu, "seconds": seconds}


def _cpu_of(host: psutil.Process) -> float:
    """CPU seconds so far: of this process, of the one that has the scheduler, of the workers."""
    return sum(sum(process.cpu_times()[:2]) for process in {host, *host.children(recursive=True)})


if __name__ == "__main__":
    json.dump(measure(sys.argv[1], int(sys.argv[2])), sys.stdout)

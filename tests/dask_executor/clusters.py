"""Real clusters on this machine: schedulers and workers in processes of their own."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from distributed import LocalCluster

from altlas_runner import Task, TaskManager
from altlas_runner.dask_executor import DaskExecutor
from altlas_runner.results import TaskResult
from altlas_runner.task_manager import Event
from altlas_runner.testing import alt_file_of
from tests.dask_executor import functions

HANDLERS = [
    functions.nap, functions.add, functions.spin, functions.spawn, functions.kill_worker, functions.kill_itself,
    functions.large, functions.fail, functions.tell, functions.log,
]  # fmt: skip

_CLOSE_SECONDS = 60.0
_RUN_SECONDS = 300.0


@asynccontextmanager
async def local_cluster(workers: int = 2, threads: int = 2) -> AsyncIterator[LocalCluster]:
    """A cluster of worker processes that are started again when they die."""
    options: dict[str, Any] = {"n_workers": workers, "threads_per_worker": threads, "processes": True}
    cluster = await LocalCluster(**options, asynchronous=True, dashboard_address=":0")
    try:
        yield cluster
    finally:
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                closing = cluster.close()
                assert closing is not None
                await closing
        except TimeoutError:  # a test that would wait for ever tells nobody why
            for pid in worker_pids(cluster):
                os.kill(pid, signal.SIGKILL)
            raise


def task(task_type: str, task_id: str = "a", *, parameters: dict[str, Any] | None = None, **fields: Any) -> Task:
    """A task of a type."""
    return Task(id=task_id, description=task_type, parameters={"task_type": task_type, **(parameters or {})}, **fields)


async def run_on(
    engine: DaskExecutor,
    *tasks: Task,
    concurrency: int = 32,
    on_event: Callable[[Event], None] | None = None,
    **options: Any,
) -> list[TaskResult]:
    """Run tasks to their end, within minutes; what no handler does is refused."""
    manager = TaskManager(alt_file_of(*tasks), None, concurrency, engine=engine, on_event=on_event, seed=1, **options)
    async with asyncio.timeout(_RUN_SECONDS):
        return await manager.run()


def worker_pids(cluster: LocalCluster) -> list[int]:
    """The processes of the workers that run now."""
    found = [nanny.pid for nanny in cluster.workers.values()]
    return [pid for pid in found if pid is not None]


@contextmanager
def supervised(*command: str) -> Iterator[Callable[[], int]]:
    """A program that is started again when it ends, as a service manager does; yields what tells its process id."""
    stopping = False
    running: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        running.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def look() -> None:
        while not stopping:
            if running[-1].poll() is not None:
                time.sleep(0.3)
                if not stopping:
                    start()
            time.sleep(0.05)

    start()
    watching = threading.Thread(target=look, daemon=True)
    watching.start()
    try:
        yield lambda: running[-1].pid
    finally:
        stopping = True
        watching.join()
        for process in running:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.wait()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def dask_program(*words: str) -> list[str]:
    """The command `dask …` of this environment."""
    return [sys.executable, "-W", "ignore", "-m", "dask", *words]


async def until(condition: Callable[[], bool], within_seconds: float, what: str) -> None:
    """Wait for something."""
    end = time.monotonic() + within_seconds
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {within_seconds} s"
        await asyncio.sleep(0.02)


def children() -> set[int]:
    """The processes that this one started, at any depth, and that still are there."""
    parent_of = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_bytes().rpartition(b")")[2].split()
        except OSError:
            continue
        if fields[0] != b"Z":
            parent_of[int(entry.parent.name)] = int(fields[1])
    found: set[int] = set()
    grown = {os.getpid()}
    while grown:
        grown = {pid for pid, parent in parent_of.items() if parent in grown} - found
        found |= grown
    return found

"""The scheduler of Dask dies or cannot be reached: every task still ends, and in time."""

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from altlas_runner.dask_executor import DaskConnection, DaskExecutor
from altlas_runner.errors import ConfigurationError
from tests.dask_executor.clusters import HANDLERS, dask_program, free_port, run_on, supervised, task, until
from tests.dask_executor.functions import notes


@pytest.mark.slow
def test_a_scheduler_that_is_killed_and_started_again_loses_no_task(tmp_path: Path) -> None:
    """Its workers end with it and are started again, too: what ran is lost, and tried again on the new ones."""
    address, log = f"tcp://127.0.0.1:{(port := free_port())}", tmp_path / "log"

    async def run(scheduler: Callable[[], int]) -> list[str]:
        async with DaskConnection(address) as connection:
            await until(lambda: connection.threads >= 2, 60, "a worker is there")
            engine = DaskExecutor(connection, HANDLERS)
            given = {"log": str(log), "seconds": 0.2}
            tasks = [task("nap", f"t{n}", parameters=given, retry_count=20) for n in range(20)]
            running = asyncio.create_task(run_on(engine, *tasks, concurrency=4))
            await until(lambda: len(notes(log, "end")) >= 4, 60, "some tasks have completed")
            os.kill(scheduler(), signal.SIGKILL)
            results = await asyncio.wait_for(running, 120)
            assert any(attempt.error_code == "WORKER_LOST" for result in results for attempt in result.attempts)
            return [result.status for result in results]

    with ExitStack() as stack:
        options = ("--port", str(port), "--host", "127.0.0.1", "--no-dashboard")
        scheduler = stack.enter_context(supervised(*dask_program("scheduler", *options)))
        for _ in range(2):
            words = ("worker", address, "--nthreads", "2", "--no-nanny", "--no-dashboard", "--death-timeout", "10")
            stack.enter_context(supervised(*dask_program(*words)))
        statuses = asyncio.run(run(scheduler))
    assert statuses == ["completed"] * 20


@pytest.mark.slow
def test_an_address_without_scheduler_is_told() -> None:
    async def run() -> None:
        async with DaskConnection(f"tcp://127.0.0.1:{free_port()}", silence_seconds=1):
            pass

    with pytest.raises(ConfigurationError, match=r"cannot be reached.*is it running"):
        asyncio.run(run())

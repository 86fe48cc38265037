"""A driver in a process of its own: connects, runs tasks that take for ever, and prints how each ended, as JSON."""

import asyncio
import json
import sys
from pathlib import Path

from altlas_runner.dask_executor import DaskConnection, DaskExecutor
from tests.dask_executor.clusters import HANDLERS, run_on, task, until

DEADLINE_SECONDS = 6


async def main(address: str, log: str, task_type: str, count: str) -> None:
    given = {"log": log, "seconds": 600}
    tasks = [
        task(task_type, f"in-time-{n}", parameters=given, timeout_seconds=DEADLINE_SECONDS, retry_count=3)
        for n in range(6)
    ]
    tasks += [task(task_type, f"open-{n}", parameters=given, retry_count=0) for n in range(2)]
    tasks = tasks[: int(count)]
    async with DaskConnection(address, silence_seconds=4) as connection:
        await until(lambda: connection.threads >= len(tasks), 60, "the workers are there")
        results = await run_on(DaskExecutor(connection, HANDLERS), *tasks)
    ends = [[r.task_id, r.status, r.error_code, r.execution_time_ms / 1000] for r in results]
    Path(f"{log}.ends").write_text(json.dumps(ends))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

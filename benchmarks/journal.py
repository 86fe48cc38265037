"""What durability costs: runs with a journal beside the same runs without, and beside a durable step of somebody else.

`python -m benchmarks.journal http` and `… dbos` measure one of the two and print JSON. CPU time counts every thread of
the process, so also the one that writes the journal.
"""

import asyncio
import contextlib
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count as counting
from pathlib import Path
from typing import Any

from altlas_runner import AiServiceClient, AiServiceConfig, AltFile, AltParser, Task, TaskManager
from benchmarks.ai_service import KEY, PROMPT
from benchmarks.alt_files import text
from benchmarks.measure import Preparation, Row, already, in_child, prepared_cpu_seconds, rows
from benchmarks.static_server import static_server
from benchmarks.subjects import NoWork

TASKS, CONCURRENCY = 10_000, 64
WITHOUT, OURS, DBOS_STEP, DBOS_QUEUE = "without a journal", "altlas_runner, journal", "dbos, steps", "dbos, a queue"
MOST_OF_RUN = 1.15
DURABLE = {"chain": (300, DBOS_STEP, 10), "fan-out": (300, DBOS_QUEUE, 100)}  # tasks, rival, times cheaper


def run() -> list[Row]:
    seconds = in_child("benchmarks.journal", "http")
    bounds = {OURS: MOST_OF_RUN}
    table = rows(f"{TASKS:,} tasks over HTTP at {CONCURRENCY}, journal", seconds, TASKS, WITHOUT, bounds)
    for shape, seconds in in_child("benchmarks.journal", "dbos").items():
        count, rival, times = DURABLE[shape]
        table += rows(f"durable {shape} of {count:,} at {CONCURRENCY}", seconds, count, rival, {OURS: 1 / times})
    return table


Flow = Callable[[int], object]


@contextlib.contextmanager
def dbos_flows(place: Path) -> Iterator[dict[str, Flow]]:
    """The same nothing as durable steps of one workflow, and as workflows of one step that a queue starts."""
    from dbos import DBOS

    DBOS(
        config={
            "name": "benchmark",
            "system_database_url": f"sqlite:///{place}/dbos.sqlite",
            "run_admin_server": False,
            "log_level": "ERROR",
        }
    )

    @DBOS.step()
    async def nothing(number: int) -> int:
        await asyncio.sleep(0)
        return 0

    @DBOS.workflow()
    async def chain(count: int) -> None:
        for number in range(count):
            await nothing(number)

    @DBOS.workflow()
    async def task(number: int) -> int:
        result: int = await nothing(number)
        return result

    @DBOS.workflow()
    async def fan_out(count: int) -> None:
        await nothing(0)
        handles = [await queue.enqueue_async(task, number) for number in range(1, count)]
        for handle in handles:
            await handle.get_result()

    DBOS.launch()
    queue = DBOS.register_queue("fan", global_concurrency=CONCURRENCY)
    try:
        yield {"chain": lambda count: asyncio.run(chain(count)), "fan-out": lambda count: asyncio.run(fan_out(count))}
    finally:
        DBOS.destroy()


def measure_dbos() -> dict[str, dict[str, float]]:
    """For each shape the least CPU seconds of the rival and of ours, the same nothing in every task."""
    measured = {}
    with tempfile.TemporaryDirectory() as folder, dbos_flows(Path(folder)) as flows:
        for shape, (count, rival, _) in DURABLE.items():
            alt_file = AltParser().parse_from_string(text(shape, count))
            preparations: dict[str, Preparation] = {
                rival: partial(already, partial(flows[shape], count)),
                OURS: partial(durable, alt_file, NoWork(), Path(folder)),
            }
            measured[shape] = prepared_cpu_seconds(preparations, 3, collector=True)
    return measured


if __name__ == "__main__":
    json.dump({"http": measure_http, "dbos": measure_dbos}[sys.argv[1]](), sys.stdout)

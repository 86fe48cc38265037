"""What durability costs: runs with a journal beside the same runs without, and beside a durable step of somebody else.

`python -m benchmarks.journal http` and `… dbos` measure one of the two and print JSON. CPU time counts every thread of
the process, so also the one that writes the journal.
"""

import asyncio
import contextlib
import json
import sys
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from altlas_runner import AiServiceClient, AiServiceConfig, AltFile, AltParser, Executor, Task, TaskManager
from altlas_runner.redaction import Redactor
from altlas_runner.run_journal import JournalCleaning, RunDescription, begin_journal
from benchmarks.ai_service import KEY, PROMPT
from benchmarks.alt_files import text
from benchmarks.measure import Preparation, Row, already, in_child, prepared_cpu_seconds, rows
from benchmarks.static_server import static_server
from benchmarks.subjects import NoWork

TASKS, CONCURRENCY = 10_000, 64
WITHOUT, OURS, DBOS_STEP, DBOS_QUEUE = "without a journal", "altlas_runner, journal", "dbos, steps", "dbos, a queue"
MOST_OF_RUN = 1.15
DURABLE = {"chain": (1_000, DBOS_STEP, 10), "fan-out": (300, DBOS_QUEUE, 100)}  # tasks, rival, times cheaper


def run() -> list[Row]:
    seconds = in_child("benchmarks.journal", "http")
    bounds = {OURS: MOST_OF_RUN}
    table = rows(f"{TASKS:,} tasks over HTTP at {CONCURRENCY}, journal", seconds, TASKS, WITHOUT, bounds)
    for shape, seconds in in_child("benchmarks.journal", "dbos").items():
        count, rival, times = DURABLE[shape]
        table += rows(f"durable {shape} of {count:,} at {CONCURRENCY}", seconds, count, rival, {OURS: 1 / times})
    return table


def over_http(url: str, directory: Path | None) -> Callable[[], object]:
    """A run against the service, ready to begin; with a journal when there is a directory for bundles."""
    tasks = [Task(id=f"t{number}", description=PROMPT, timeout_seconds=60) for number in range(TASKS)]
    alt_file = AltFile(id="benchmark", title="Benchmark", tasks=tasks)
    client = AiServiceClient(AiServiceConfig(base_url=url, protocol="openai", model="static", api_key=KEY))
    run_it = durable(alt_file, client, directory)

    async def main() -> None:
        async with client:
            await run_it()

    return lambda: asyncio.run(main())


def durable(alt_file: AltFile, executor: Executor, directory: Path | None) -> Callable[[], Coroutine[Any, Any, None]]:
    """A run, ready to begin; its journal is made and closed within."""
    manager = TaskManager(alt_file, executor, CONCURRENCY)

    async def main() -> None:
        writer = None
        if directory is not None:
            bundle = directory / manager.run_id
            bundle.mkdir()
            redactor = Redactor({KEY})
            description = RunDescription.of(manager.run_id, datetime.now(UTC), alt_file, {}, None, {}, {}, redactor)
            writer = begin_journal(bundle, description, JournalCleaning(redactor, alt_file))
        results = await manager.run(writer)
        if writer is not None:
            writer.close()
            assert writer.failure is None
        assert all(result.status == "completed" for result in results)

    return main


def measure_http() -> dict[str, float]:
    with static_server() as url, tempfile.TemporaryDirectory() as folder:
        preparations: dict[str, Preparation] = {
            WITHOUT: partial(over_http, url, None),
            OURS: partial(over_http, url, Path(folder)),
        }
        return prepared_cpu_seconds(preparations, 5, collector=True)


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

    async def nothing(number: int) -> int:
        await asyncio.sleep(0)
        return 0

    async def chain(count: int) -> None:
        for number in range(count):
            await step(number)

    async def task(number: int) -> int:
        result: int = await step(number)
        return result

    async def fan_out(count: int) -> None:
        await step(0)
        handles = [await queue.enqueue_async(task_flow, number) for number in range(1, count)]
        for handle in handles:
            await handle.get_result()

    step: Any = DBOS.step()(nothing)
    chain_flow, task_flow, fan_flow = (DBOS.workflow()(each) for each in (chain, task, fan_out))
    DBOS.launch()
    queue = DBOS.register_queue("fan", global_concurrency=CONCURRENCY)
    try:
        yield {
            "chain": lambda count: asyncio.run(chain_flow(count)),
            "fan-out": lambda count: asyncio.run(fan_flow(count)),
        }
    finally:
        DBOS.destroy()


def without_service(alt_file: AltFile, directory: Path) -> Callable[[], object]:
    """A run whose tasks do nothing, ready to begin."""
    main = durable(alt_file, NoWork(), directory)
    return lambda: asyncio.run(main())


def measure_dbos() -> dict[str, dict[str, float]]:
    """For each shape the least CPU seconds of the rival and of ours, the same nothing in every task."""
    measured = {}
    with tempfile.TemporaryDirectory() as folder, dbos_flows(Path(folder)) as flows:
        for shape, (count, rival, _) in DURABLE.items():
            alt_file = AltParser().parse_from_string(text(shape, count))
            preparations: dict[str, Preparation] = {
                rival: partial(already, partial(flows[shape], count)),
                OURS: partial(without_service, alt_file, Path(folder)),
            }
            measured[shape] = prepared_cpu_seconds(preparations, 3, collector=True)
    return measured


if __name__ == "__main__":
    json.dump({"http": measure_http, "dbos": measure_dbos}[sys.argv[1]](), sys.stdout)

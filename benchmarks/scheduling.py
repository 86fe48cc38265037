"""What a task costs in the task manager, beside the barest worker loop that a person would write by hand."""

import asyncio
from collections import deque
from collections.abc import Sequence

from altlas_runner import AltFile, AltParser, Outcome, TaskAttempt, TaskManager
from altlas_runner.alt_file import TaskGraph
from benchmarks.alt_files import text
from benchmarks.measure import Row, cpu_seconds, rows

COUNT = 100_000
CONCURRENCY = 64


class NoWork:
    """Completes at once."""

    _done = Outcome.completed(None)

    async def attempt(self, attempt: TaskAttempt) -> Outcome:
        return self._done


async def bare_loop(dependents: Sequence[Sequence[int]], missing: list[int], concurrency: int) -> list[object]:
    """Workers that take from a deque, with no results, deadlines, retries, priorities or events."""
    done = asyncio.get_running_loop().create_future()
    ready = deque(task for task, count in enumerate(missing) if not count)
    idle: list[asyncio.Future[int]] = []
    left = len(missing)
    outputs: list[object] = [None] * left

    async def no_work(task: int) -> None:
        return None

    async def work() -> None:
        nonlocal left
        while True:
            if ready:
                task = ready.popleft()
            else:
                waiter: asyncio.Future[int] = asyncio.get_running_loop().create_future()
                idle.append(waiter)
                task = await waiter
            outputs[task] = await no_work(task)
            left -= 1
            if not left:
                done.set_result(None)
            for dependent in dependents[task]:
                missing[dependent] -= 1
                if not missing[dependent]:
                    if idle:
                        idle.pop().set_result(dependent)
                    else:
                        ready.append(dependent)

    workers = [asyncio.ensure_future(work()) for _ in range(concurrency)]
    await done
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    return outputs


def run() -> list[Row]:
    table: list[Row] = []
    for shape in ("chain", "fan-out", "layered"):
        alt_file: AltFile = AltParser().parse_from_string(text(shape, COUNT))
        graph = TaskGraph.from_alt_file(alt_file)
        dependents = graph.dependents
        manager_of = {}

        def prepare(observed: bool, alt_file: AltFile = alt_file) -> TaskManager:
            return TaskManager(alt_file, NoWork(), CONCURRENCY, on_event=(lambda event: None) if observed else None)

        rounds = 4
        manager_of = {observed: [prepare(observed) for _ in range(rounds)] for observed in (False, True)}
        seconds = cpu_seconds(
            {
                "bare worker loop": lambda d=dependents, g=graph: asyncio.run(
                    bare_loop(d, g.dependency_counts, CONCURRENCY)
                ),
                "altlas_runner": lambda m=manager_of: asyncio.run(m[False].pop().run()),
                "altlas_runner, observed": lambda m=manager_of: asyncio.run(m[True].pop().run()),
            },
            rounds,
        )
        table += rows(
            f"{shape} {COUNT:,} at {CONCURRENCY}",
            seconds,
            COUNT,
            "bare worker loop",
            {"altlas_runner": 2.0, "altlas_runner, observed": 3.0} if shape == "layered" else None,
        )
    return table

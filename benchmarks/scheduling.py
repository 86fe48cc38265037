"""What a task costs in the task manager, beside the barest worker loop that a person would write by hand."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from altlas_runner import AltParser, Outcome, TaskAttempt, TaskManager
from altlas_runner.alt_file import TaskGraph
from altlas_runner.task_manager import Event
from benchmarks.alt_files import text
from benchmarks.measure import Row, cpu_seconds, rows

COUNT = 100_000
CONCURRENCY = 64


class NoWork:
    """Gives way to the event loop once, then completes."""

    _done = Outcome.completed(None)

    async def attempt(self, attempt: TaskAttempt) -> Outcome:
        await asyncio.sleep(0)
        return self._done


async def bare_loop(dependents: Sequence[Sequence[int]], missing: list[int], concurrency: int) -> list[object]:
    """Workers that take from a deque, with no results, deadlines, retries, priorities or events."""
    done = asyncio.get_running_loop().create_future()
    ready = deque(task for task, count in enumerate(missing) if not count)
    idle: list[asyncio.Future[int]] = []
    left = len(missing)
    outputs: list[object] = [None] * left

    async def no_work(task: int) -> int:
        await asyncio.sleep(0)
        return task

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
    rounds = 4
    table: list[Row] = []
    for shape in ("chain", "fan-out", "layered"):
        alt_file = AltParser().parse_from_string(text(shape, COUNT))
        graph = TaskGraph.from_alt_file(alt_file)
        unobserved = [TaskManager(alt_file, NoWork(), CONCURRENCY) for _ in range(rounds)]
        observed = [TaskManager(alt_file, NoWork(), CONCURRENCY, on_event=ignore) for _ in range(rounds)]

        def bare(graph: TaskGraph = graph) -> object:
            return asyncio.run(bare_loop(graph.dependents, graph.dependency_counts, CONCURRENCY))

        def ours(managers: list[TaskManager] = unobserved) -> object:
            return asyncio.run(managers.pop().run())

        def ours_observed(managers: list[TaskManager] = observed) -> object:
            return asyncio.run(managers.pop().run())

        subjects: dict[str, Callable[[], object]] = {
            "bare worker loop": bare,
            "altlas_runner": ours,
            "altlas_runner, observed": ours_observed,
        }
        bounds = {"altlas_runner": 2.0, "altlas_runner, observed": 3.0} if shape == "layered" else None
        seconds = cpu_seconds(subjects, rounds)
        table += rows(f"{shape} {COUNT:,} at {CONCURRENCY}", seconds, COUNT, "bare worker loop", bounds)
    return table


def ignore(event: Event) -> None:
    """An observer that does nothing."""

"""How long real workflows take, beside the same policy in virtual time and beside what no scheduler can beat.

The tasks sleep. Their recorded runtimes are scaled so that the bound, max(critical path, work / concurrency), is 2 s.
The bound ignores that a task cannot be split, so that even the best schedule may lie above it.
"""

import asyncio
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, Literal

from altlas_runner import AltFile, AltParser, Outcome, Task, TaskAttempt, TaskManager
from altlas_runner.alt_file import TaskGraph
from altlas_runner.alt_file.planning import estimate_run, stated_seconds
from altlas_runner.testing import run_in_virtual_time
from benchmarks.measure import Row
from benchmarks.subjects import LOOPS

BOUND_SECONDS = 2.0
CONCURRENCIES = (16, 64)
MOST_OF_VIRTUAL = 1.03
ROUNDS = 3
Schedule = Literal["file-order", "critical-path"]
SCHEDULES: tuple[Schedule, ...] = ("file-order", "critical-path")


class Sleeper:
    """Sleeps for the task's recorded runtime, scaled."""

    _done = Outcome.completed(None)

    def __init__(self, scale: float) -> None:
        self._scale = scale

    async def attempt(self, attempt: TaskAttempt) -> Outcome:
        await asyncio.sleep(self._scale * (attempt.task.parameters or {})["runtime_seconds"])
        return self._done


def run() -> list[Row]:
    return [*three_tasks(), *real_workflows()]


def three_tasks() -> list[Row]:
    """`after` starts when `fast` ends, not when the level of `fast` and `slow` ends: 1.1 s, not 2 s."""
    runtimes: tuple[tuple[str, float, list[str]], ...] = (
        ("fast", 0.1, []),
        ("slow", 1.0, []),
        ("after", 1.0, ["fast"]),
    )
    tasks = [
        Task(id=name, description=name, dependencies=needed, parameters={"runtime_seconds": seconds})
        for name, seconds, needed in runtimes
    ]
    spent = _makespan(AltFile(id="three", title="Three tasks", tasks=tasks), 3, 1.0, "file-order", 1.12)
    return [Row("fast → after beside slow", "altlas_runner", spent, None, "1.12 s", spent / 1.12, 1.0, unit="s")]


def real_workflows() -> list[Row]:
    root = os.environ.get("ALTLAS_WORKLOADS")
    files = sorted(Path(root, "wfinstances").glob("*.json")) if root else []
    if not files:
        print(f"makespan: no workflows in {root or 'ALTLAS_WORKLOADS, which is not set'}; left out")
    table: list[Row] = []
    for file in files:
        alt_file = AltParser().parse_from_path(file)
        estimate = estimate_run(TaskGraph.from_alt_file(alt_file), stated_seconds(alt_file))
        assert estimate is not None, f"{file} tells no runtimes"
        for concurrency in CONCURRENCIES:
            scale = BOUND_SECONDS / max(estimate.critical_seconds, estimate.total_seconds / concurrency)
            for schedule in SCHEDULES:
                benchmark = f"{file.name.partition('-')[0]}, {len(alt_file.tasks)} tasks at {concurrency}"
                table += _real_and_virtual(benchmark, alt_file, concurrency, scale, schedule)
    return table


def _real_and_virtual(
    benchmark: str, alt_file: AltFile, concurrency: int, scale: float, schedule: Schedule
) -> list[Row]:
    virtual = run_in_virtual_time(lambda: _timed(alt_file, concurrency, scale, schedule))
    real = _makespan(alt_file, concurrency, scale, schedule, MOST_OF_VIRTUAL * virtual)
    bound = f"bound of {BOUND_SECONDS:g} s"
    return [
        Row(benchmark, f"{schedule}, virtual time", virtual, None, bound, virtual / BOUND_SECONDS, unit="s"),
        Row(benchmark, f"{schedule}, real", real, None, bound, real / BOUND_SECONDS, unit="s"),
        Row(benchmark, f"{schedule}, real", real, None, "virtual time", real / virtual, MOST_OF_VIRTUAL, unit="s"),
    ]


def _makespan(alt_file: AltFile, concurrency: int, scale: float, schedule: Schedule, enough: float) -> float:
    """The least of up to three real runs; one that was quick enough is not repeated."""
    least = float("inf")
    for _ in range(ROUNDS):
        with asyncio.Runner(loop_factory=LOOPS["asyncio"]) as runner:
            least = min(least, runner.run(_timed(alt_file, concurrency, scale, schedule)))
        if least <= enough:
            break
    return least


def _timed(alt_file: AltFile, concurrency: int, scale: float, schedule: Schedule) -> Coroutine[Any, Any, float]:
    manager = TaskManager(alt_file, Sleeper(scale), concurrency, schedule=schedule)

    async def timed() -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        results = await manager.run()
        assert all(result.status == "completed" for result in results)
        return loop.time() - began

    return timed()

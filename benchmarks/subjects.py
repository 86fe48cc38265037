"""What the scheduling benchmarks run: ours, and the barest worker loop that a person would write by hand.

The work of every task is the same nothing: where a subject runs coroutines, one that gives way to the event loop once
(`asyncio.sleep(0)`); where it runs plain functions, one that returns at once.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import uvloop

from altlas_runner import AltFile, Outcome, TaskAttempt, TaskManager
from altlas_runner.alt_file import TaskGraph
from altlas_runner.task_manager import Event

Loop = Callable[[], asyncio.AbstractEventLoop]
LOOPS: dict[str, Loop] = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


class NoWork:
    """Gives way to the event loop once, then completes."""

    _done = Outcome.completed(None)

    async def attempt(self, attempt: TaskAttempt) -> Outcome:
        await asyncio.sleep(0)
        return self._done


def ignore(event: Event) -> None:
    """An observer that does nothing."""


def ours(
    alt_file: AltFile, concurrency: int, loop: Loop = asyncio.new_event_loop, *, observed: bool = False
) -> Callable[[], object]:
    """A run of the file, ready to begin."""
    manager = TaskManager(alt_file, NoWork(), concurrency, on_event=ignore if observed else None)
    return lambda: _run_on(loop, manager.run())


def bare(graph: TaskGraph, concurrency: int, loop: Loop = asyncio.new_event_loop) -> Callable[[], object]:
    """The same graph in the bare loop, ready to begin."""
    dependents, missing = graph.dependents, graph.dependency_counts
    return lambda: _run_on(loop, bare_loop(dependents, missing, concurrency))


def _run_on(loop: Loop, main: Coroutine[Any, Any, object]) -> object:
    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(main)


async def bare_loop(dependents: Sequence[Sequence[int]], missing: list[int], concurrency: int) -> None:
    """Workers that take from a deque, woken exactly; no results, deadlines, retries, priorities, errors or events.

    A worker is made when there is a task for it and no idle worker, at most `concurrency` of them.
    """
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    ready = deque(task for task, count in enumerate(missing) if not count)
    idle: list[asyncio.Future[int]] = []
    left = len(missing)
    workers: list[asyncio.Task[None]] = []

    async def no_work(task: int) -> None:
        await asyncio.sleep(0)

    async def work(task: int) -> None:
        nonlocal left
        while True:
            await no_work(task)
            left -= 1
            if not left:
                done.set_result(None)
            for dependent in dependents[task]:
                missing[dependent] -= 1
                if not missing[dependent]:
                    ready.append(dependent)
            if ready:
                task = ready.popleft()
                if ready and (idle or len(workers) < concurrency):
                    share()
            else:
                waiter: asyncio.Future[int] = loop.create_future()
                idle.append(waiter)
                task = await waiter

    def share() -> None:
        while ready:
            if idle:
                idle.pop().set_result(ready.popleft())
            elif len(workers) < concurrency:
                workers.append(loop.create_task(work(ready.popleft())))
            else:
                return

    share()
    await done
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)

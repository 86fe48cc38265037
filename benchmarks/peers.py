"""What a task costs in other people's schedulers, and in ours on the same graph, side by side in one process a peer.

`python -m benchmarks.peers hamilton` measures one peer and prints JSON. CPU time counts every thread of the process; no
peer starts another process. Building a peer's graph is not counted.
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import count as counting
from typing import Any

from altlas_runner import AltParser
from altlas_runner.alt_file import TaskGraph
from benchmarks.alt_files import text
from benchmarks.measure import Row, already, in_child, prepared_cpu_seconds, rows
from benchmarks.scheduling import CONCURRENCIES, OURS, SHAPES
from benchmarks.subjects import ours

Dependencies = Sequence[Sequence[int]]
Peer = Callable[[Dependencies, int], "contextlib.AbstractContextManager[Callable[[], object]]"]


def nothing(*dependencies: object) -> int:
    return 0


@contextlib.contextmanager
def dask_threaded(dependencies: Dependencies, concurrency: int) -> Iterator[Callable[[], object]]:
    from dask.threaded import get

    graph = {f"t{task}": (nothing, *(f"t{each}" for each in needed)) for task, needed in enumerate(dependencies)}
    yield lambda: get(graph, list(graph), num_workers=concurrency)


@contextlib.contextmanager
def dask_distributed(dependencies: Dependencies, concurrency: int) -> Iterator[Callable[[], object]]:
    """Scheduler and worker threads in this process: cheaper than over sockets."""
    from distributed import Client, LocalCluster

    runs = counting()

    def run() -> object:
        number = next(runs)  # it would answer from memory if it had seen the keys before
        graph = {
            f"{number}-{task}": (nothing, *(f"{number}-{each}" for each in needed))
            for task, needed in enumerate(dependencies)
        }
        return client.get(graph, list(graph))

    with (
        LocalCluster(
            n_workers=1,
            threads_per_worker=concurrency,
            processes=False,
            dashboard_address=None,
            silence_logs=50,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield run


@contextlib.contextmanager
def langgraph(dependencies: Dependencies, concurrency: int) -> Iterator[Callable[[], object]]:
    from typing import TypedDict

    from langgraph.graph import START, StateGraph

    class State(TypedDict):
        number: int

    async def no_work(state: State) -> None:
        await asyncio.sleep(0)

    graph = StateGraph(State)
    for task in range(len(dependencies)):
        graph.add_node(f"t{task}", no_work)
    for task, needed in enumerate(dependencies):
        before = [f"t{each}" for each in needed]
        graph.add_edge(before if len(before) > 1 else before[0] if before else START, f"t{task}")
    compiled = graph.compile()
    settings = {"recursion_limit": len(dependencies) + 10, "max_concurrency": concurrency}
    yield lambda: asyncio.run(compiled.ainvoke({"number": 0}, settings))


@contextlib.contextmanager
def hamilton(dependencies: Dependencies, concurrency: int, *, pool: bool = True) -> Iterator[Callable[[], object]]:
    """With its thread pool; alone its driver runs one function after the other, whatever may run at once."""
    from hamilton import ad_hoc_utils, base, driver
    from hamilton.plugins.h_threadpool import FutureAdapter

    functions = []
    for task, needed in enumerate(dependencies):
        made: dict[str, Any] = {}
        exec(f"def t{task}({', '.join(f't{each}: int' for each in needed)}) -> int: return 0", made)
        functions.append(made[f"t{task}"])
    module = ad_hoc_utils.create_temporary_module(*functions, module_name=f"flow_{next(_modules)}")
    builder = driver.Builder().with_modules(module)
    adapters: Any = FutureAdapter(max_workers=concurrency) if pool else base.DictResult()
    built = builder.with_adapters(adapters).build()
    names = [function.__name__ for function in functions]
    yield lambda: built.execute(names)


@contextlib.contextmanager
def hamilton_async(dependencies: Dependencies, concurrency: int) -> Iterator[Callable[[], object]]:
    """Its driver for coroutines, which is what AI tasks are; it makes an asyncio task for each and knows no limit."""
    from hamilton import ad_hoc_utils, async_driver

    functions = []
    for task, needed in enumerate(dependencies):
        made: dict[str, Any] = {"sleep": asyncio.sleep}
        exec(f"async def t{task}({', '.join(f't{each}: int' for each in needed)}) -> int: await sleep(0)", made)
        functions.append(made[f"t{task}"])
    module = ad_hoc_utils.create_temporary_module(*functions, module_name=f"flow_{next(_modules)}")
    names = [function.__name__ for function in functions]
    with asyncio.Runner() as runner:
        built = runner.run(async_driver.Builder().with_modules(module).build())
        yield lambda: runner.run(built.execute(names))


_modules = counting()

DECISIVE = ("layered", 64)
MANY = 5_000  # tasks in the decisive case: so many that starting an event loop does not count

# name: (how to run it, tasks, how many times cheaper ours must be on the layered graph at 64)
PEERS: dict[str, tuple[Peer, int, float | None]] = {
    "hamilton, async driver": (hamilton_async, 1_000, 10),
    "hamilton, thread pool": (hamilton, 1_000, None),
    "hamilton, one at a time": (partial(hamilton, pool=False), 1_000, None),
    "langgraph": (langgraph, 1_000, 40),
    "dask.threaded": (dask_threaded, 1_000, None),
    "dask.distributed": (dask_distributed, 500, 100),
}


def run() -> list[Row]:
    table: list[Row] = []
    for name, (_, count, times) in PEERS.items():
        for shape, concurrency, seconds in in_child("benchmarks.peers", name):
            is_decisive = (shape, concurrency) == DECISIVE
            bounds = {OURS: 1 / times} if is_decisive and times is not None else None
            tasks = MANY if is_decisive else count
            table += rows(f"{shape} {tasks:,} at {concurrency:,}", seconds, tasks, name, bounds)
    return table


def measure(name: str) -> list[tuple[str, int, dict[str, float]]]:
    """For each shape and concurrency the least CPU seconds of the peer and of ours."""
    peer, count, _ = PEERS[name]
    sys.setrecursionlimit(20 * MANY)  # hamilton walks its graph by recursion
    measured = []
    for shape in SHAPES:
        for concurrency in CONCURRENCIES:
            tasks = MANY if (shape, concurrency) == DECISIVE else count
            alt_file = AltParser().parse_from_string(text(shape, tasks))
            graph = TaskGraph.from_alt_file(alt_file)
            if name == "hamilton, one at a time" and concurrency > 1:
                continue
            with peer(graph.dependencies, concurrency) as subject:
                seconds = prepared_cpu_seconds({name: partial(already, subject)}, 3, collector=True)
            # after it has closed: the threads of an idle cluster go on, and would be counted as ours
            seconds |= prepared_cpu_seconds({OURS: partial(ours, alt_file, concurrency)}, 3, collector=True)
            measured.append((shape, concurrency, seconds))
    return measured


if __name__ == "__main__":
    json.dump(measure(sys.argv[1]), sys.stdout)

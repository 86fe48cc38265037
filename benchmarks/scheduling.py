"""What a task costs in the task manager, beside the barest worker loop that a person would write by hand.

Results and deadlines included, Python's garbage collector on as in any program; making a TaskManager is not counted.
"""

from functools import partial

from altlas_runner import AltParser
from altlas_runner.alt_file import TaskGraph
from benchmarks.alt_files import text
from benchmarks.measure import Row, prepared_cpu_seconds, rows
from benchmarks.subjects import LOOPS, bare, ours

SHAPES = ("chain", "fan-out", "layered")
CONCURRENCIES = (1, 64, 1024)
MOST, FEWER = 100_000, 10_000
BARE, OURS, OBSERVED = "bare worker loop", "altlas_runner", "altlas_runner, one observer"


def run() -> list[Row]:
    table: list[Row] = []
    for shape in SHAPES:
        for concurrency in CONCURRENCIES:
            table += cost_of(shape, concurrency)
    return table


def cost_of(shape: str, concurrency: int) -> list[Row]:
    """Ours beside the bare loop on both event loops; the bounds stand where the graph is layered, 64 at a time."""
    decisive = (shape, concurrency) == ("layered", 64)
    count = MOST if decisive else FEWER
    alt_file = AltParser().parse_from_string(text(shape, count))
    graph = TaskGraph.from_alt_file(alt_file)
    preparations = {}
    for name, loop in LOOPS.items():
        preparations[name, BARE] = partial(bare, graph, concurrency, loop)
        preparations[name, OURS] = partial(ours, alt_file, concurrency, loop)
        preparations[name, OBSERVED] = partial(ours, alt_file, concurrency, loop, observed=True)
    seconds = prepared_cpu_seconds(preparations, 5 if decisive else 3, collector=True)
    table: list[Row] = []
    for loop_name in LOOPS:
        of_loop = {subject: spent for (name, subject), spent in seconds.items() if name == loop_name}
        bounds = {OURS: 2.0, OBSERVED: 3.0} if decisive and loop_name == "asyncio" else None
        table += rows(f"{shape} {count:,} at {concurrency:,}, {loop_name}", of_loop, count, BARE, bounds)
    return table

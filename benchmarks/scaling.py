"""Whether a task costs the same in a large file as in a small one, and how much memory it takes.

`python -m benchmarks.scaling cost 1000000` and `… memory 100000` measure in a process of their own and print JSON.
"""

import gc
import json
import sys
import tracemalloc
from functools import partial

from altlas_runner import AltFile, AltParser
from benchmarks.alt_files import text
from benchmarks.measure import Row, in_child, prepared_cpu_seconds
from benchmarks.subjects import ours

COUNTS = (1_000, 10_000, 100_000, 1_000_000)
MOST_GROWTH = 1.6
MOST_BYTES = 1_500
CONCURRENCY = 64


def run() -> list[Row]:
    table: list[Row] = []
    first = None
    for count in COUNTS:
        seconds: float = in_child("benchmarks.scaling", "cost", str(count))
        each = 1e6 * seconds / count
        first = first or each
        ratio = each / first if table else None
        against = f"{COUNTS[0]:,} tasks" if table else ""
        table.append(
            Row("layered, growth", f"{count:,} tasks", seconds, each, against, ratio, MOST_GROWTH if table else None)
        )
    count = COUNTS[2]
    taken = in_child("benchmarks.scaling", "memory", str(count)) / count
    bound = f"{MOST_BYTES:,} bytes"
    table.append(Row(f"layered {count:,}, memory", "a task", taken, None, bound, taken / MOST_BYTES, 1.0, unit="bytes"))
    return table


def _file(count: int) -> AltFile:
    return AltParser().parse_from_string(text("layered", count))


def cost(count: int) -> float:
    """The least CPU seconds of a run of so many tasks."""
    rounds = 50 if count <= 1_000 else 10 if count <= 10_000 else 3 if count <= 100_000 else 2
    return prepared_cpu_seconds({"": partial(ours, _file(count), CONCURRENCY)}, rounds, collector=True)[""]


def memory(count: int) -> int:
    """The most bytes that making a TaskManager and running it take beyond the ALT file, results included."""
    alt_file = _file(count)
    ours(alt_file.model_copy(update={"tasks": []}), CONCURRENCY)()  # modules loaded on the way are not counted
    gc.collect()
    tracemalloc.start()
    ours(alt_file, CONCURRENCY)()
    return tracemalloc.get_traced_memory()[1]


if __name__ == "__main__":
    json.dump({"cost": cost, "memory": memory}[sys.argv[1]](int(sys.argv[2])), sys.stdout)

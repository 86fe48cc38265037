"""10,000 files of five tasks in one batch on this machine: how many a second, and whether memory stays flat.

Each file is parsed, run, and written as a bundle with its report; the tasks themselves are a handler that does nothing.
"""

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import psutil

from altlas_runner import HandlerContext, Runner, RunnerConfig, handler
from altlas_runner.batch import BatchRow, BatchSummary
from benchmarks.measure import Row, in_child

FILES, TASKS, EARLY = 10_000, 5, 1_000
MOST_GROWTH = 1.25
MIB = 1 << 20


@handler("nothing")
async def nothing(context: HandlerContext) -> None:
    await asyncio.sleep(0)


def run() -> list[Row]:
    found = in_child("benchmarks.batch")
    benchmark = f"batch of {FILES:,} files of {TASKS} tasks"
    early, late = found["memory"]
    return [
        Row(benchmark, "altlas_runner", found["files_per_second"], 1e6 * found["cpu"] / FILES / TASKS, unit="files/s"),
        Row(f"memory in a batch, after {EARLY:,} files", "altlas_runner", early, unit="MiB"),
        Row(
            f"memory in a batch, after {FILES:,} files",
            "altlas_runner",
            late,
            None,
            "that",
            late / early,
            MOST_GROWTH,
            "MiB",
        ),
    ]


def measure() -> dict[str, Any]:
    process = psutil.Process()
    memory = []

    def look(row: BatchRow, summary: BatchSummary) -> None:
        if summary.rows in (EARLY, FILES):
            memory.append(process.memory_info().rss / MIB)

    with tempfile.TemporaryDirectory() as directory:
        tasks = [
            {
                "id": f"t{number}",
                "description": "nothing",
                "dependencies": [f"t{number - 1}"] if number else None,
                "parameters": {"task_type": "nothing"},
            }
            for number in range(TASKS)
        ]
        for number in range(FILES):
            text = json.dumps({"id": f"f{number}", "title": "Benchmark", "tasks": tasks})
            Path(directory, f"{number:05}.alt").write_text(text)
        config = RunnerConfig(output_dir=Path(directory, "out"), generate_graphs=False, log_level="error")
        files = sorted(Path(directory).glob("*.alt"))
        before = sum(process.cpu_times()[:2])
        summary = asyncio.run(Runner(config, handlers=[nothing]).execute_many(files, on_row=look))
        spent = sum(process.cpu_times()[:2]) - before
    assert summary.is_success
    return {"files_per_second": summary.files_per_second, "memory": memory, "cpu": spent}


if __name__ == "__main__":
    json.dump(measure(), sys.stdout)

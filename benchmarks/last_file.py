"""What writing `result.last` costs, beside a serializer that is handed the same values as plain dicts and lists."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from altlas_runner import AltFile, LastFile, Task, TaskResult, TaskStatus
from altlas_runner.atomic_file import write_atomically
from altlas_runner.collector import collector_paused
from altlas_runner.last_file.gather import gather_last_file
from altlas_runner.last_file.json_chunks import json_chunks
from altlas_runner.redaction import Redactor
from altlas_runner.results import Attempt, Usage
from benchmarks.measure import Row, cpu_seconds, rows

COUNT = 100_000
BOUND = 3.0
START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
AGAINST = "orjson.dumps, plain values"
OURS = "result.last written to disk"


def run() -> list[Row]:
    gather = _gathering()
    spent = writing_seconds(rounds=3)
    spent |= cpu_seconds(
        {"gathering": gather, "gathering with a key to look for": partial(gather, redactor=Redactor(["k-123456789"]))},
        3,
    )
    return rows(f"{COUNT:,} results, {_megabytes():.0f} MB", spent, COUNT, AGAINST, {OURS: BOUND})


def writing_seconds(rounds: int) -> dict[str, float]:
    """CPU seconds of writing the results to a disk, and of what it is compared with."""
    with collector_paused():
        last_file = _gathering()()
        plain = json.loads(last_file.to_json())
    with TemporaryDirectory() as directory:
        place = Path(directory, "result.last")
        subjects: dict[str, Callable[[], Any]] = {
            AGAINST: lambda: orjson.dumps(plain),
            OURS: lambda: write_atomically(place, json_chunks(last_file)),
        }
        return cpu_seconds(subjects, rounds)


def _gathering() -> Callable[..., LastFile]:
    alt = AltFile(id="f", title="F", tasks=[Task(id=f"task_{i}", description=f"do {i}") for i in range(COUNT)])
    results = [_result(number) for number in range(COUNT)]
    end = START + timedelta(hours=1)
    return partial(gather_last_file, alt, results, last_id="last_1", started_at=START, completed_at=end)


def _result(number: int) -> TaskResult:
    start = START + timedelta(milliseconds=number)
    end = start + timedelta(milliseconds=850)
    text = f"answer {number}: " + "lorem ipsum dolor sit amet " * 4
    return TaskResult(
        f"task_{number}",
        TaskStatus.COMPLETED,
        {"text": text, "model": "m-1", "finish_reason": "stop"},
        execution_time_ms=850,
        started_at=start,
        completed_at=end,
        attempts=[Attempt(1, start, end, TaskStatus.COMPLETED)],
        usage=Usage(120, 80, 0.0012),
    )


def _megabytes() -> float:
    return COUNT * len(orjson.dumps(_result(COUNT), option=orjson.OPT_UTC_Z)) / 1e6

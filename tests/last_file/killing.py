"""A program that makes bundles and is killed at random instants, again and again: `python killing.py PLACE SEED KILLS`.

Each child runs a whole file with artifacts, a large output and a report; half of them write one bundle anew.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

from altlas_runner import LastFileGenerator, Outcome, TaskAttempt, TaskManager
from altlas_runner.results import TaskResult
from altlas_runner.testing import alt_file_of, run_in_virtual_time

TASKS = ("a", "b", "large")
LONGEST_LIFE = 4
"""As many times as one bundle takes here and now, but not longer than:"""
LONGEST_SECONDS = 1.0


class Generous:
    """An executor whose tasks all have something to keep."""

    async def attempt(self, attempt: TaskAttempt) -> Outcome:
        output: dict[str, Any] = {"artifacts": [{"name": f"{i}.txt", "content": f"line {i}\n" * 500} for i in range(5)]}
        if attempt.task.id == "large":
            output["text"] = "y" * (1 << 20)
        return Outcome.completed(output)


def make_bundle(directory: Path, last_id: str) -> None:
    alt = alt_file_of(*({"id": task} for task in TASKS))
    generator = LastFileGenerator(directory).with_graphs(False)
    store = generator.artifact_store(last_id)

    async def results() -> list[TaskResult]:
        return await TaskManager(alt, Generous(), run_id=last_id, artifact_store=store).run()

    generator.generate(alt, run_in_virtual_time(results), last_id=last_id)


def main(place: Path, seed: int, kills: int) -> None:
    make_bundle(place, "warm")  # whatever is loaded on first use is loaded now
    began = time.monotonic()
    make_bundle(place, "measured")
    longest = min(LONGEST_SECONDS, LONGEST_LIFE * (time.monotonic() - began))
    chance = random.Random(seed)
    for number in range(kills):
        again = bool(number % 2)
        life = chance.uniform(0, longest)
        ready, begin = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(begin, b".")
            for count in range(1000):
                make_bundle(place, "again" if again else f"run{number}-{count}")
        os.read(ready, 1)
        time.sleep(life)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(ready)
        os.close(begin)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))

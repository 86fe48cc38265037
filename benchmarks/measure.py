"""How the benchmarks measure: CPU time of this process, the least of several rounds, rivals side by side in one run."""

import gc
import json
import subprocess
import sys
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar


@dataclass(frozen=True)
class Row:
    """One line of the table.

    `ratio` is this row's value divided by that of the row it is compared with; it holds when it is `bound` or less.
    """

    benchmark: str
    subject: str
    value: float
    per_item_us: float | None = None
    compared_with: str = ""
    ratio: float | None = None
    bound: float | None = None
    unit: str = "s CPU"

    @property
    def holds(self) -> bool:
        return self.bound is None or self.ratio is None or self.ratio <= self.bound


K = TypeVar("K", bound=Hashable)


def cpu_seconds(
    subjects: dict[str, Callable[[], Any]], rounds: int = 5, *, collector: bool = False
) -> dict[str, float]:
    """The least CPU seconds of each subject over the rounds; the subjects take turns within a round."""
    return prepared_cpu_seconds(
        {name: lambda subject=subject: subject for name, subject in subjects.items()}, rounds, collector=collector
    )


def prepared_cpu_seconds(
    preparations: Mapping[K, Callable[[], Callable[[], Any]]], rounds: int = 5, *, collector: bool = False
) -> dict[K, float]:
    """The same for subjects that are made anew for each round; making them is not counted."""
    best = dict.fromkeys(preparations, float("inf"))
    was_on = gc.isenabled()
    try:
        for _ in range(rounds):
            for name, prepare in preparations.items():
                subject = prepare()
                gc.collect()
                if not collector:
                    gc.disable()
                began = time.process_time()
                kept = subject()
                best[name] = min(best[name], time.process_time() - began)
                gc.enable()
                del subject, kept
    finally:
        (gc.enable if was_on else gc.disable)()
    return best


def rows(
    benchmark: str, seconds: dict[str, float], items: int, against: str, bounds: dict[str, float] | None = None
) -> list[Row]:
    """A row per subject, each compared with `against`."""
    bounds = bounds or {}
    return [
        Row(
            benchmark,
            name,
            spent,
            1e6 * spent / items,
            "" if name == against else against,
            None if name == against else spent / seconds[against],
            bounds.get(name),
        )
        for name, spent in seconds.items()
    ]


def in_child(module: str, *arguments: str) -> Any:
    """What `python -m module arguments` prints as JSON: a measurement that neither disturbs nor remembers others."""
    command = [sys.executable, "-W", "ignore", "-m", module, *arguments]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=900).stdout)

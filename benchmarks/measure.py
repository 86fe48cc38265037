"""How the benchmarks measure: CPU time of this process, the least of several rounds, rivals side by side in one run."""

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """One line of the table.

    `ratio` is this row's seconds divided by those of the row it is compared with.
    """

    benchmark: str
    subject: str
    seconds: float
    per_item_us: float
    compared_with: str = ""
    ratio: float | None = None
    bound: float | None = None

    @property
    def holds(self) -> bool:
        return self.bound is None or self.ratio is None or self.ratio <= self.bound


def cpu_seconds(
    subjects: dict[str, Callable[[], Any]], rounds: int = 5, *, collector: bool = False
) -> dict[str, float]:
    """The least CPU seconds of each subject over the rounds; the subjects take turns within a round."""
    best = dict.fromkeys(subjects, float("inf"))
    was_on = gc.isenabled()
    try:
        for _ in range(rounds):
            for name, subject in subjects.items():
                gc.collect()
                if not collector:
                    gc.disable()
                began = time.process_time()
                kept = subject()
                best[name] = min(best[name], time.process_time() - began)
                gc.enable()
                del kept
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

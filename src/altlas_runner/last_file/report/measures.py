"""Numbers about a run: percentiles of times, concurrency over time, tokens and cost, and what was spent in vain."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

from altlas_runner.last_file.report.run_record import NEVER
from altlas_runner.last_file.visible_text import shortened
from altlas_runner.statuses import TaskStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from altlas_runner.last_file.report.run_record import RunRecord

__all__ = ["PERCENTILES", "Spending", "Spread", "concurrency_of", "spending_of", "spreads_of"]

PERCENTILES = (50, 90, 95, 99)
_BUCKETS = 480
_MODELS = 12
_MODEL_LENGTH = 80


@dataclass(frozen=True, slots=True)
class Spread:
    """How a kind of time spreads: how many there were, the percentiles of PERCENTILES, the longest, and the sum."""

    name: str
    count: int
    percentiles: list[int]
    longest: int
    total: int


@dataclass(slots=True)
class Spending:
    """Tokens and cost of some tasks; `cost` holds those whose price is known, `unpriced` counts the others."""

    name: str
    tasks: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0
    unpriced: int = 0

    @property
    def is_priced(self) -> bool:
        """Whether any of it has a price."""
        return self.unpriced < self.tasks


def spreads_of(record: RunRecord) -> list[Spread]:
    """The spread of the times of tasks, of attempts and of both kinds of waits; empty ones are left out."""
    ran = [task for task, start in enumerate(record.starts) if start != NEVER]
    times = {
        "Task": [record.duration(task) for task in ran],
        "Attempt": [end - start for task in ran for start, end, _ in record.tries[task]],
        "Wait for a slot": [record.starts[task] - record.ready[task] for task in ran],
        "Wait between attempts": [record.wait_between(task) for task in ran if len(record.tries[task]) > 1],
    }
    return [_spread(name, sorted(found)) for name, found in times.items() if found]


def _spread(name: str, found: Sequence[int]) -> Spread:
    ranks = [found[max(0, ceil(len(found) * share / 100) - 1)] for share in PERCENTILES]
    return Spread(name, len(found), ranks, found[-1], sum(found))


def concurrency_of(record: RunRecord) -> list[int]:
    """The most attempts that ran at one time, in each of up to 480 equal parts of the run."""
    total = max(record.total_ms, max(record.ends, default=0), 1)
    buckets = min(_BUCKETS, total)
    moments = sorted(
        moment
        for tries in record.tries
        for start, end, _ in tries
        for moment in ((start, 1), (max(end, start + 1), -1))  # an end sorts before a start at the same instant
    )
    most = [0] * buckets
    running, bucket = 0, 0
    for moment, change in moments:
        here = min(moment * buckets // total, buckets - 1)
        while bucket < here:
            bucket += 1
            most[bucket] = running
        running += change
        most[here] = max(most[here], running)
    return most


def spending_of(record: RunRecord) -> tuple[Spending, list[Spending], list[Spending]]:
    """Tokens and cost: of everything, by model, and of tasks that failed or needed several attempts."""
    whole, lost, retried = Spending("All tasks"), Spending("Tasks that did not complete"), Spending("")
    retried.name = "Tasks that completed after a failed attempt, all their attempts"
    models: dict[str, Spending] = {}
    for task, result in enumerate(record.results):
        if result is None or result.usage is None:
            continue
        model = _model(result.output) or _model(record.notes[task].parameters) or "model not said"
        if model not in models and len(models) >= _MODELS:
            model = "other models"
        rows = [whole, models.setdefault(model, Spending(model))]
        if result.status is not TaskStatus.COMPLETED:
            rows.append(lost)
        elif len(record.tries[task]) > 1:
            rows.append(retried)
        for row in rows:
            row.tasks += 1
            row.input_tokens += result.usage.input_tokens
            row.output_tokens += result.usage.output_tokens
            row.cost += result.usage.cost or 0.0
            row.unpriced += result.usage.cost is None
    by_model = sorted(models.values(), key=lambda row: (-row.cost, -row.input_tokens - row.output_tokens, row.name))
    return whole, by_model, [row for row in (lost, retried) if row.tasks]


def time_in_vain(record: RunRecord) -> int:
    """Milliseconds that attempts took which did not complete."""
    return sum(_in_vain(tries) for tries in record.tries)


def _in_vain(tries: Iterable[tuple[int, int, TaskStatus]]) -> int:
    return sum(end - start for start, end, status in tries if status is not TaskStatus.COMPLETED)


def _model(value: Any) -> str:
    model = value.get("model") if isinstance(value, dict) else None
    return shortened(model, _MODEL_LENGTH) if isinstance(model, str) else ""

"""Numbers about a run: percentiles of times, concurrency over time, tokens and cost, and what was spent in vain."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

from altlas_runner.last_file.report.run_record import NEVER
from altlas_runner.last_file.visible_text import shortened
from altlas_runner.statuses import TaskStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from altlas_runner.last_file.report.run_record import RunRecord
    from altlas_runner.results import Usage

__all__ = [
    "PERCENTILES",
    "InVain",
    "Place",
    "Spending",
    "Spread",
    "concurrency_of",
    "in_vain",
    "places_of",
    "spending_of",
    "spreads_of",
]

PERCENTILES = (50, 90, 95, 99)
_BUCKETS = 480
_MODELS = 12
_MODEL_LENGTH = 80
_PLACES = 24
_PLACE_LENGTH = 120


@dataclass(frozen=True, slots=True)
class Spread:
    """How a kind of time spreads: how many there were, the percentiles of PERCENTILES, the longest, and the sum."""

    name: str
    count: int
    percentiles: list[int]
    longest: int
    total: int


@dataclass(slots=True)
class Place:
    """Where attempts were made: a service, or a worker of a cluster.

    Attributes:
        name: its address.
        attempts: how many were made there.
        failed: how many of them did not complete.
        milliseconds: that they took.
    """

    name: str
    attempts: int = 0
    failed: int = 0
    milliseconds: int = 0


@dataclass(slots=True)
class Spending:
    """Tokens and cost of some tasks or attempts.

    Attributes:
        name: what they are.
        count: those that said what they used.
        input_tokens: that they sent.
        output_tokens: that they received.
        cost: of those whose price is known.
        unpriced: how many the others are.
    """

    name: str
    count: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0
    unpriced: int = 0

    @property
    def is_priced(self) -> bool:
        """Whether any of it has a price."""
        return self.unpriced < self.count

    def add(self, usage: Usage) -> None:
        """One more of them."""
        self.count += 1
        self.input_tokens += usage.input_tokens
        self.output_tokens += usage.output_tokens
        self.cost += usage.cost or 0.0
        self.unpriced += usage.cost is None


@dataclass(frozen=True, slots=True)
class InVain:
    """What attempts took that did not complete.

    Attributes:
        attempts: how many there were.
        milliseconds: that they took.
        spent: by those that said so.
    """

    attempts: int
    milliseconds: int
    spent: Spending


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


def places_of(record: RunRecord) -> list[Place]:
    """Where attempts were made, as far as they say so; those with the most work first."""
    found: dict[str, Place] = {}
    for task, result in enumerate(record.results):
        if result is None:
            continue
        for attempt, (start, end, status) in zip(result.attempts, record.tries[task], strict=False):
            if attempt.service is None:
                continue
            name = attempt.service if attempt.service in found or len(found) < _PLACES else "other places"
            place = found.setdefault(name, Place(shortened(name, _PLACE_LENGTH)))
            place.attempts += 1
            place.failed += status is not TaskStatus.COMPLETED
            place.milliseconds += end - start
    return sorted(found.values(), key=lambda place: (-place.milliseconds, -place.attempts, place.name))


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
            row.add(result.usage)
    by_model = sorted(models.values(), key=lambda row: (-row.cost, -row.input_tokens - row.output_tokens, row.name))
    return whole, by_model, [row for row in (lost, retried) if row.count]


def in_vain(record: RunRecord) -> InVain:
    """Time, tokens and cost of the attempts that did not complete."""
    attempts, milliseconds, spent = 0, 0, Spending("Failed attempts")
    for task, tries in enumerate(record.tries):
        if all(status is TaskStatus.COMPLETED for _, _, status in tries):
            continue
        for (start, end, status), usage in zip(tries, record.usages(task), strict=True):
            if status is not TaskStatus.COMPLETED:
                attempts += 1
                milliseconds += end - start
                if usage is not None:
                    spent.add(usage)
    return InVain(attempts, milliseconds, spent)


def _model(value: Any) -> str:
    model = value.get("model") if isinstance(value, dict) else None
    return shortened(model, _MODEL_LENGTH) if isinstance(model, str) else ""

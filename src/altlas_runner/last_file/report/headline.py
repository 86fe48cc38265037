"""What the report says first: the verdict, how many tasks ended how, and the tiles."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from altlas_runner.last_file.models import RunStatus, percent
from altlas_runner.last_file.report.formats import format_cost, format_duration
from altlas_runner.last_file.visible_text import shortened
from altlas_runner.statuses import TaskStatus

if TYPE_CHECKING:
    from altlas_runner.last_file.report.critical_path import CriticalPath
    from altlas_runner.last_file.report.measures import InVain, Spending
    from altlas_runner.last_file.report.run_record import RunRecord

__all__ = ["Share", "Tile", "path_in_words", "price_in_words", "shares_of", "tiles_of", "vain_in_words", "verdict_of"]

_NAME_LENGTH = 24

_SHOWN_FIRST = (
    TaskStatus.COMPLETED,
    TaskStatus.RUNNING,
    TaskStatus.PENDING,
    TaskStatus.SKIPPED,
    TaskStatus.CANCELLED,
    TaskStatus.TIMEOUT,
    TaskStatus.FAILED,
)


@dataclass(frozen=True, slots=True)
class Share:
    """How many tasks have a status, and where they stand on a bar of 100 units."""

    status: TaskStatus
    count: int
    start: str
    length: str


@dataclass(frozen=True, slots=True)
class Tile:
    """One number with its name and a remark."""

    name: str
    value: str
    remark: str


def verdict_of(record: RunRecord) -> str:
    """The outcome in one line; it never claims more than was done."""
    total, done = len(record), record.graph.statuses.count(TaskStatus.COMPLETED)
    if not total:
        return "The file has no tasks"
    if record.last_file.status is RunStatus.SUCCESS:
        return "The task completed" if total == 1 else f"All {total:,} tasks completed"
    return f"{done:,} of {total:,} tasks completed" if done else "No task completed"


def shares_of(record: RunRecord) -> list[Share]:
    """The tasks by status; a share is never too narrow to be seen."""
    counts = Counter(record.graph.statuses)
    present = [status for status in _SHOWN_FIRST if counts[status]]
    widths = [max(1.0, 100 * counts[status] / len(record)) for status in present]
    scale, start, shares = 100 / sum(widths, 0.0) if widths else 0.0, 0.0, []
    for status, width in zip(present, widths, strict=True):
        shares.append(Share(status, counts[status], f"{start:.2f}", f"{width * scale:.2f}"))
        start += width * scale
    return shares


def tiles_of(record: RunRecord, path: CriticalPath, spent: Spending, vain: InVain) -> list[Tile]:
    """Success rate, duration, critical path, retries, tokens and cost."""
    results = record.last_file.task_results
    completed = sum(result.status is TaskStatus.COMPLETED for result in results)
    tokens = spent.input_tokens + spent.output_tokens
    retries = sum(result.retry_count for result in results)
    tries = sum(map(len, record.tries))
    return [
        Tile(
            "Success rate",
            percent(record.last_file.success_rate) if results else "none",
            f"{completed:,} of {len(results):,} {_tasks(len(results))}",
        ),
        Tile("Duration", format_duration(record.total_ms), f"{tries:,} attempt{'' if tries == 1 else 's'}"),
        Tile(
            "Critical path",
            format_duration(path.length_ms) if path.tasks else "none",
            f"{len(path.tasks):,} {_tasks(len(path.tasks))} in a row" if path.tasks else "no task ran",
        ),
        Tile(
            "Retries",
            f"{retries:,}",
            f"{format_duration(vain.milliseconds)} in failed attempts" if vain.attempts else "no attempt failed",
        ),
        Tile(
            "Tokens",
            f"{tokens:,}" if spent.count else "unknown",
            f"{spent.input_tokens:,} in, {spent.output_tokens:,} out" if spent.count else "none reported",
        ),
        Tile("Cost", format_cost(spent.cost) if spent.is_priced else "unpriced", _price_remark(spent, vain)),
    ]


def path_in_words(record: RunRecord, path: CriticalPath) -> str:
    """For example: critical path 3m 12s of 4m 05s; embed holds 41 %."""
    if not path.tasks:
        return ""
    longest = max(path.tasks, key=record.duration)
    share = f"{100 * record.duration(longest) / path.length_ms:.0f} %"
    return (
        f"Critical path {format_duration(path.length_ms)} of {format_duration(record.total_ms)}; "
        f"{shortened(record.graph.task_ids[longest], _NAME_LENGTH)} holds {share} of it"
    )


def price_in_words(spent: Spending) -> str:
    """What something cost, never without saying what of it has no known price."""
    if not spent.is_priced:
        return "unpriced"
    return format_cost(spent.cost) + (f" and {spent.unpriced:,} unpriced" if spent.unpriced else "")


def vain_in_words(vain: InVain) -> str:
    """For example: 3 failed attempts used 1,200 tokens in and 40 out and cost 0.0041; 1 of them did not say."""
    if not vain.attempts:
        return "No attempt failed"
    attempts = f"{vain.attempts:,} failed attempt{'' if vain.attempts == 1 else 's'}"
    spent, silent = vain.spent, vain.attempts - vain.spent.count
    if not spent.count:
        return f"What {attempts} used is unknown: {'it' if vain.attempts == 1 else 'they'} did not say"
    price = f" and cost {price_in_words(spent)}" if spent.is_priced else ", unpriced"
    used = f"{attempts} used {spent.input_tokens:,} tokens in and {spent.output_tokens:,} out{price}"
    return used + (f"; {silent:,} of them did not say" if silent else "")


def _price_remark(spent: Spending, vain: InVain) -> str:
    if not spent.is_priced:
        return "no price is known"
    remark = f"{spent.unpriced:,} {_tasks(spent.unpriced)} unpriced" if spent.unpriced else "all tasks priced"
    return f"{remark}; {price_in_words(vain.spent)} in failed attempts" if vain.spent.count else remark


def _tasks(count: int) -> str:
    return "task" if count == 1 else "tasks"

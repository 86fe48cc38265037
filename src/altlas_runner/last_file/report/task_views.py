"""What the report says of one task: a row for the table, a section with everything, a bar on the timeline."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from altlas_runner.last_file.models import as_utc
from altlas_runner.last_file.report.formats import Excerpt, excerpt_of, format_cost, format_duration, format_size
from altlas_runner.last_file.visible_text import shortened
from altlas_runner.statuses import TaskStatus

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from altlas_runner.last_file.task_notes import TaskNote
    from altlas_runner.results import Artifact, Attempt, TaskResult, Usage

__all__ = ["Bar", "Reference", "TaskRow", "TaskSection", "row_of", "section_of"]

ID_LENGTH = 200
_LISTED = 50
_FACTS, _FACT_LENGTH = 12, 80
_BAR_LENGTH = 100.0


@dataclass(frozen=True, slots=True)
class Reference:
    """A task that is mentioned; `link` is empty where it has no section on this page."""

    task_id: str
    link: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of time on a line of 100 units; `kind` is wait or a task status."""

    kind: str
    start: str
    length: str


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A line of the table."""

    task: Reference
    status: TaskStatus
    duration: str
    attempts: int
    tokens: str
    bars: list[Bar]


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One attempt: when, how long, after which wait, how it ended."""

    number: int
    status: TaskStatus
    start: str
    duration: str
    wait: str
    code: str
    error: str


@dataclass(frozen=True, slots=True)
class TaskSection:
    """Everything about one task; `output_facts` are the short values beside an output's text."""

    row: TaskRow
    anchor: str
    description: Excerpt
    dependencies: list[Reference]
    more_dependencies: int
    tags: list[str]
    parameters: Excerpt | None
    cause: Reference | None
    error_code: str
    error: Excerpt | None
    output: Excerpt | None
    output_text: Excerpt | None
    output_facts: list[tuple[str, str]]
    attempts: list[AttemptRow]
    usage: list[tuple[str, str]]
    artifacts: list[tuple[str, str]] = field(default_factory=list)


def row_of(task: Reference, result: TaskResult | None, started: datetime, total_ms: int) -> TaskRow:
    """The line of a task; a task without a result is pending."""
    if result is None:
        return TaskRow(task, TaskStatus.PENDING, "", 0, "", [])
    usage = result.usage
    return TaskRow(
        task=task,
        status=result.status,
        duration=format_duration(result.execution_time_ms) if result.started_at or result.execution_time_ms else "",
        attempts=len(result.attempts) or (result.retry_count + 1 if result.started_at else 0),
        tokens=f"{usage.input_tokens + usage.output_tokens:,}" if usage else "",
        bars=_bars(result, started, total_ms),
    )


def section_of(
    row: TaskRow,
    note: TaskNote,
    result: TaskResult | None,
    *,
    anchor: str,
    dependencies: Sequence[Reference],
    cause: Reference | None,
    started: datetime,
    limit: int,
) -> TaskSection:
    """The section of a task, each text of it cut to `limit` characters."""
    output_text, output, output_facts = _output(result, limit)
    return TaskSection(
        row=row,
        anchor=anchor,
        description=excerpt_of(note.description, limit),
        dependencies=list(dependencies[:_LISTED]),
        more_dependencies=max(0, len(dependencies) - _LISTED),
        tags=[shortened(tag, ID_LENGTH) for tag in note.tags[:_LISTED]],
        parameters=excerpt_of(note.parameters, limit) if note.parameters else None,
        cause=cause,
        error_code=(result.error_code or "") if result else "",
        error=excerpt_of(result.error, limit) if result and result.error else None,
        output=output,
        output_text=output_text,
        output_facts=output_facts,
        attempts=[_attempt_row(attempt, started) for attempt in result.attempts] if result else [],
        usage=_times(result, started) + _usage(result.usage) if result else [],
        artifacts=[_artifact(a) for a in (result.artifacts or ())[:_LISTED]] if result else [],
    )


def _output(result: TaskResult | None, limit: int) -> tuple[Excerpt | None, Excerpt | None, list[tuple[str, str]]]:
    """The output as text, as JSON and as facts: the answer of a model is a text and what stands beside it."""
    if result is None or (result.output is None and result.status is not TaskStatus.COMPLETED):
        return None, None, []
    output: Any = result.output
    if isinstance(output, str):
        return excerpt_of(output, limit), None, []
    if isinstance(output, dict) and isinstance(output.get("text"), str):
        text = excerpt_of(output["text"], limit)
        rest = {key: value for key, value in output.items() if key != "text"}
        if len(rest) <= _FACTS and all(_is_short(key) and _is_short(value) for key, value in rest.items()):
            return text, None, [(key, str(value)) for key, value in rest.items()]
        return text, excerpt_of(rest, limit), []
    return None, excerpt_of(output, limit), []


def _is_short(value: Any) -> bool:
    return not isinstance(value, dict | list) and len(str(value)) <= _FACT_LENGTH


def _attempt_row(attempt: Attempt, started: datetime) -> AttemptRow:
    begin, end = as_utc(attempt.started_at), as_utc(attempt.ended_at)
    return AttemptRow(
        number=attempt.number,
        status=attempt.status,
        start="+" + format_duration(_ms(begin, started)),
        duration=format_duration(_ms(end, begin)),
        wait=format_duration(attempt.wait_before_ms) if attempt.wait_before_ms else "",
        code=shortened(attempt.error_code or "", ID_LENGTH),
        error=shortened(attempt.error or "", 4 * ID_LENGTH),
    )


def _bars(result: TaskResult, started: datetime, total_ms: int) -> list[Bar]:
    """The task's time as parts of the run's: a wait from first start to end, with the attempts on it."""
    if result.started_at is None or not total_ms:
        return []
    end = result.completed_at or result.started_at
    stretches: list[tuple[str, datetime, datetime]] = [("wait", result.started_at, end)]
    stretches += [(attempt.status, attempt.started_at, attempt.ended_at) for attempt in result.attempts]
    if not result.attempts:
        stretches = [(result.status, result.started_at, end)]
    bars = []
    for kind, begin, finish in stretches:
        left = min(max(_ms(as_utc(begin), started) / total_ms, 0.0), 1.0) * _BAR_LENGTH
        right = min(max(_ms(as_utc(finish), started) / total_ms, 0.0), 1.0) * _BAR_LENGTH
        length = max(right - left, 0.6)  # what took next to no time is still seen
        bars.append(Bar(kind, f"{min(left, _BAR_LENGTH - 0.6):.2f}", f"{length:.2f}"))
    return bars


def _times(result: TaskResult, started: datetime) -> list[tuple[str, str]]:
    if result.started_at is None:
        return []
    return [
        ("Started", "+" + format_duration(_ms(as_utc(result.started_at), started))),
        ("Took", format_duration(result.execution_time_ms)),
    ]


def _usage(usage: Usage | None) -> list[tuple[str, str]]:
    if usage is None:
        return []
    cost = "unpriced" if usage.cost is None else format_cost(usage.cost)
    return [
        ("Input tokens", f"{usage.input_tokens:,}"),
        ("Output tokens", f"{usage.output_tokens:,}"),
        ("Cost", cost),
    ]


def _artifact(artifact: Artifact) -> tuple[str, str]:
    kind = f"{artifact.artifact_type}, {shortened(artifact.mime_type, ID_LENGTH)}, {format_size(artifact.size_bytes)}"
    return shortened(artifact.path, ID_LENGTH), kind


def _ms(moment: datetime, since: datetime) -> float:
    return (moment - since).total_seconds() * 1000

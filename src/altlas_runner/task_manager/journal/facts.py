"""What a journal says of a run, as lines of text: on each the facts of one step, and a checksum before them. Pure.

A line is `<CRC-32 of the rest, eight hexadecimal digits> <JSON array>`; in the array each fact is an array again, which
begins with its kind.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from typing import Any, NamedTuple

import orjson
from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from altlas_runner.results import Attempt, TaskResult, Usage
from altlas_runner.statuses import TaskStatus

__all__ = [
    "AttemptBegan",
    "AttemptEnded",
    "AttemptWithdrawn",
    "Fact",
    "RunBegun",
    "RunEnded",
    "TaskCompleted",
    "TaskEnded",
    "TasksReopened",
    "UnreadableFactError",
    "line_of",
    "read_line",
]


class RunBegun(NamedTuple):
    """The run was begun, or resumed: everything that its bundle is made from but the results.

    Attributes:
        description: JSON object, for who runs the run: the journal does not look into it.
    """

    description: dict[str, Any]


class TasksReopened(NamedTuple):
    """A resume takes back the results of these tasks: they run again.

    Attributes:
        task_ids: the tasks.
        anew: those of them that are asked for something else than before, or for another answer.
    """

    task_ids: list[str]
    anew: list[str]


class AttemptBegan(NamedTuple):
    """An attempt begins now; without another fact about it, nobody knows what became of it."""

    task_id: str
    number: int
    at: datetime


class AttemptWithdrawn(NamedTuple):
    """The executor had no room: the attempt that began last was none."""

    task_id: str


class AttemptEnded(NamedTuple):
    """An attempt ended, and the task has no result yet."""

    task_id: str
    attempt: Attempt


class TaskCompleted(NamedTuple):
    """The task completed at its first attempt, and nothing else is to be said: most of a large run.

    Attributes:
        task_id: of the task.
        output: any JSON value.
        usage: what it consumed, or None.
        started: when it began, in POSIX seconds.
        ended: when it ended.
        execution_time_ms: milliseconds between the two.
    """

    task_id: str
    output: Any
    usage: Usage | None
    started: float
    ended: float
    execution_time_ms: int

    @property
    def result(self) -> TaskResult:
        """The result of the task."""
        started, ended = datetime.fromtimestamp(self.started, UTC), datetime.fromtimestamp(self.ended, UTC)
        return TaskResult(
            self.task_id,
            TaskStatus.COMPLETED,
            self.output,
            execution_time_ms=self.execution_time_ms,
            started_at=started,
            completed_at=ended,
            attempts=[Attempt(1, started, ended, TaskStatus.COMPLETED)],
            usage=self.usage,
        )


class TaskEnded(NamedTuple):
    """The task has its result."""

    result: TaskResult


class RunEnded(NamedTuple):
    """Every task has its result.

    Attributes:
        at: when.
        task_count: how many tasks it had.
        completed: how many of them completed.
        reason: what ended the run early (CANCELLED, RUN_DEADLINE, …), or None.
    """

    at: datetime
    task_count: int
    completed: int
    reason: str | None


Fact = RunBegun | TasksReopened | AttemptBegan | AttemptWithdrawn | AttemptEnded | TaskCompleted | TaskEnded | RunEnded

_KINDS: dict[str, type[Fact]] = {
    "run": RunBegun,
    "reopened": TasksReopened,
    "began": AttemptBegan,
    "withdrawn": AttemptWithdrawn,
    "attempt": AttemptEnded,
    "done": TaskCompleted,
    "task": TaskEnded,
    "ended": RunEnded,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


class UnreadableFactError(ValueError):
    """A line is none that `line_of` made."""


def line_of(facts: Iterable[Fact]) -> bytes:
    """The facts as one line, with its line feed. Every value in them must be one of JSON."""
    text = _as_json([_row(fact) for fact in facts])
    return b"%08x %b\n" % (zlib.crc32(text), text)


def read_line(line: bytes) -> list[Fact]:
    """The facts on a line, which is without its line feed.

    Raises:
        UnreadableFactError: the line was changed, or has a fact that this version does not know.
    """
    checksum, _, text = line.partition(b" ")
    if checksum != b"%08x" % zlib.crc32(text):
        raise UnreadableFactError("its checksum differs")
    try:
        return [_reader(name).validate_python(tuple(values)) for name, *values in from_json(text)]
    except (ValueError, TypeError, KeyError, ValidationError) as error:
        raise UnreadableFactError("another version wrote it") from error


def _row(fact: Fact) -> list[Any]:
    row: list[Any] = [_NAMES[type(fact)], *fact]
    if isinstance(fact, TaskCompleted):
        row[3] = fact.usage and _plain_usage(fact.usage)
    elif isinstance(fact, TaskEnded):
        row[1] = _plain_result(fact.result)
    elif isinstance(fact, AttemptEnded):
        row[2] = _plain_attempt(fact.attempt)
    return row


@cache
def _reader(name: str) -> TypeAdapter[Any]:
    return TypeAdapter(_KINDS[name])


def _as_json(value: Any) -> bytes:
    """A value as JSON. pydantic takes four times as long, but knows integers of any size."""
    try:
        return orjson.dumps(value, option=orjson.OPT_UTC_Z)
    except TypeError:
        return to_json(value)


def _plain_result(result: TaskResult) -> dict[str, Any]:
    """The result without what is as it is by default."""
    row: dict[str, Any] = {"task_id": result.task_id, "status": result.status.value}
    for name in ("output", "error", "error_code", "artifacts", "metadata", "started_at", "completed_at"):
        value = getattr(result, name)
        if value is not None:
            row[name] = value
    row["execution_time_ms"] = result.execution_time_ms
    row["retry_count"] = result.retry_count
    row["attempts"] = [_plain_attempt(attempt) for attempt in result.attempts]
    if result.usage is not None:
        row["usage"] = _plain_usage(result.usage)
    return row


def _plain_attempt(attempt: Attempt) -> dict[str, Any]:
    row: dict[str, Any] = {
        "number": attempt.number,
        "started_at": attempt.started_at,
        "ended_at": attempt.ended_at,
        "status": attempt.status.value,
    }
    if attempt.wait_before_ms:
        row["wait_before_ms"] = attempt.wait_before_ms
    for name in ("error_code", "error", "model", "service"):
        value = getattr(attempt, name)
        if value is not None:
            row[name] = value
    if attempt.usage is not None:
        row["usage"] = _plain_usage(attempt.usage)
    return row


def _plain_usage(usage: Usage) -> dict[str, Any]:
    return {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens, "cost": usage.cost}

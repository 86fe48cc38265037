"""What a journal says of a run, as lines of text: one fact on each, with a checksum before it. Pure.

A line is `<CRC-32 of the rest, eight hexadecimal digits> <JSON array>`; the array begins with the kind of the fact.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

import orjson
from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from altlas_runner.results import Attempt, TaskResult, Usage

__all__ = [
    "AttemptBegan",
    "AttemptEnded",
    "AttemptWithdrawn",
    "Fact",
    "RunBegun",
    "RunEnded",
    "TaskEnded",
    "TasksReopened",
    "UnreadableFactError",
    "lines_of",
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


Fact = RunBegun | TasksReopened | AttemptBegan | AttemptWithdrawn | AttemptEnded | TaskEnded | RunEnded

_KINDS: dict[str, type[Fact]] = {
    "run": RunBegun,
    "reopened": TasksReopened,
    "began": AttemptBegan,
    "withdrawn": AttemptWithdrawn,
    "attempt": AttemptEnded,
    "task": TaskEnded,
    "ended": RunEnded,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


class UnreadableFactError(ValueError):
    """A line is none that `lines_of` made."""


def lines_of(facts: Iterable[Fact]) -> bytes:
    """The facts as lines. Every value in them must be one of JSON."""
    lines = []
    for fact in facts:
        kind = type(fact)
        row: list[Any] = [_NAMES[kind], *fact]
        if kind is TaskEnded:
            row[1] = _plain_result(fact.result)  # type: ignore[union-attr]
        elif kind is AttemptEnded:
            row[2] = _plain_attempt(fact.attempt)  # type: ignore[union-attr]
        text = _as_json(row)
        lines.append(b"%08x %b\n" % (zlib.crc32(text), text))
    return b"".join(lines)


def read_line(line: bytes) -> Fact:
    """The fact on a line, which is without its line feed.

    Raises:
        UnreadableFactError: the line was changed, or is of a kind that this version does not know.
    """
    checksum, _, text = line.partition(b" ")
    if checksum != b"%08x" % zlib.crc32(text):
        raise UnreadableFactError("its checksum differs")
    try:
        name, *values = from_json(text)
        fact: Fact = _reader(name).validate_python(tuple(values))
    except (ValueError, TypeError, KeyError, ValidationError) as error:
        raise UnreadableFactError("another version wrote it") from error
    return fact


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

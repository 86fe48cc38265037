"""Events as JSON, one object for each, the same wherever they leave the process; docs/progress.md lists the fields."""

from __future__ import annotations

import json
from datetime import datetime
from functools import lru_cache
from typing import Any

from pydantic_core import to_json

from altlas_runner.last_file.export import instants
from altlas_runner.last_file.json_values import as_json_value
from altlas_runner.results import TaskResult
from altlas_runner.task_manager.events import (
    AttemptFailed,
    Event,
    RunFinished,
    RunPaused,
    RunResumed,
    RunStarted,
    TaskFinished,
    TaskProgress,
    TaskReady,
    TaskStarted,
    TaskWaiting,
)

__all__ = ["EVENT_NAMES", "event_to_dict", "event_to_json", "json_line", "rfc3339"]

EVENT_NAMES: dict[type[Event], str] = {
    RunStarted: "run_started",
    RunPaused: "run_paused",
    RunResumed: "run_resumed",
    RunFinished: "run_finished",
    TaskReady: "task_ready",
    TaskStarted: "task_started",
    TaskProgress: "task_progress",
    AttemptFailed: "attempt_failed",
    TaskWaiting: "task_waiting",
    TaskFinished: "task_finished",
}
"""The name of each kind of event, the field `event` of its JSON."""

_FIELDS = {kind: tuple(name for name in kind._fields if name != "at") for kind in EVENT_NAMES}
_FIELDS[TaskFinished] = ("task_id",)
_OF_RESULT = ("status", "error_code", "error", "execution_time_ms", "retry_count", "started_at")


def event_to_dict(event: Event) -> dict[str, Any]:
    """The event as a JSON object: `event`, `at`, and its own fields.

    Of a finished task it says how it ended, not what came out: outputs can be of any size, and are in the LAST file.

    Example:
        >>> event_to_dict(TaskReady(datetime(2026, 3, 1, 12, tzinfo=UTC), "fetch"))
        {'event': 'task_ready', 'at': '2026-03-01T12:00:00.000000Z', 'task_id': 'fetch'}
    """
    kind = type(event)
    row: dict[str, Any] = {"event": EVENT_NAMES[kind], "at": rfc3339(event.at)}
    for name in _FIELDS[kind]:
        row[name] = _value(getattr(event, name))
    if isinstance(event, TaskFinished):
        row |= _end_of(event.result)
    return row


def event_to_json(event: Event) -> str:
    """The event as one line of JSON in ASCII, without a line feed; nothing in it can steer a terminal."""
    return json_line(event_to_dict(event))


def json_line(row: dict[str, Any]) -> str:
    """A JSON object as one line in ASCII. Its values are those of JSON."""
    text = to_json(row)
    if text.isascii():  # nearly always, and in a third of the time
        return text.decode().replace("\x7f", "\\u007f")
    return json.dumps(row, allow_nan=False, separators=(",", ":")).replace("\x7f", "\\u007f")


rfc3339 = lru_cache(maxsize=1024)(instants.rfc3339)  # events of one instant share it, and a start is told twice


def _end_of(result: TaskResult) -> dict[str, Any]:
    end = {name: _value(getattr(result, name)) for name in _OF_RESULT}
    usage = result.usage
    end["usage"] = usage and {
        "input_tokens": _value(usage.input_tokens),
        "output_tokens": _value(usage.output_tokens),
        "cost": _value(usage.cost),
    }
    return end


def _value(value: Any) -> Any:
    kind = type(value)
    if kind is int or value is None or (kind is str and value.isascii()):
        return value if kind is not int or value.bit_length() < 64 else as_json_value(value)
    return rfc3339(value) if isinstance(value, datetime) else as_json_value(value)

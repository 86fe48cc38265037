"""Wrong types and missing fields, in plain English: from what pydantic found to ALT303 diagnostics."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from pydantic import ValidationError

from altlas_runner.alt_file.diagnostics import Found, Path, found_at, quoted
from altlas_runner.alt_file.models import AltFile, AltMode, Priority, Task
from altlas_runner.alt_file.spelling import Spelling
from altlas_runner.statuses import TaskStatus

__all__ = ["described", "explain_wrong_types", "name_of"]

_EXPECTED = {
    "id": "a string",
    "version": "a string",
    "created_at": "a time such as 2026-03-01T12:00:00Z (RFC 3339)",
    "title": "a string",
    "description": "a string",
    "mode": "normal, dream, explore or chaos",
    "persona": "a string",
    "tasks": "an array of tasks",
    "metadata": "an object",
    "priority": "low, medium, high or critical",
    "tags": "an array of strings",
    "expected_completion_time": "a whole number of seconds, 0 or more",
    "dependencies": "an array of task ids",
    "parameters": "an object",
    "timeout_seconds": "a whole number of seconds, 0 or more",
    "retry_count": "a whole number from 0 to 255",
    "status": "pending, running, completed, failed, timeout, cancelled or skipped",
    # The Segmentation Service has these instead of title, created_at, tasks and description.
    "command": "a string",
    "timestamp": "a time such as 2026-03-01T12:00:00Z (RFC 3339)",
    "segments": "an array of segments",
    "content": "a string",
}
_TASK_LISTS = ("tasks", "segments")
_WORDS = {"mode": Spelling(AltMode), "priority": Spelling(Priority), "status": Spelling(TaskStatus)}
_NULLABLE = {
    name for model in (AltFile, Task) for name, field in model.model_fields.items() if field.default is None
} | {"status"}


def explain_wrong_types(
    error: ValidationError, document: Any, as_written: Callable[[Path], Path] = lambda path: path
) -> Iterator[Found]:
    """One diagnostic for each wrong type and each missing field of the document that pydantic refused.

    When pydantic was given a translation of the document, `as_written` leads from paths there to paths in the document.
    """
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        path = as_written(problem["loc"])
        task_id = _task_id(document, path)
        if problem["type"] == "missing":
            field = path[-1]
            owner = name_of(path[:-1], task_id)
            help_text = f'add "{field}": {_EXPECTED[str(field)]}'
            message = f'{owner} has no "{field}"'
            yield found_at(path[:-1], "ALT303", message, task_id=task_id, help=help_text)
            continue
        value = _value_at(document, path)
        message = f"{name_of(path, task_id)} must be {_expected(path)}, not {described(value)}"
        yield found_at(path, "ALT303", message, task_id=task_id, help=_help(path, value))


def _expected(path: Path) -> str:
    if not path:
        return "an object"
    last = path[-1]
    if isinstance(last, int):
        return "an object" if path[-2] in _TASK_LISTS else "a string"
    words = _EXPECTED[last]
    at_task = len(path) > 1
    may_be_null = last in _NULLABLE and not (last == "description" and at_task)
    return f"{words}, or null" if may_be_null else words


def name_of(path: Path, task_id: str | None) -> str:
    """What is meant, in words: `timeout_seconds of task "b"`, `tasks[3]`, `the file`."""
    if not path:
        return "the file"
    if path[0] not in _TASK_LISTS or len(path) < 2:
        return _dotted(path)
    task = f"{path[0]}[{path[1]}]" if task_id is None or not task_id.strip() else f"task {quoted(task_id)}"
    return f"{_dotted(path[2:])} of {task}" if len(path) > 2 else task


def _dotted(path: Path) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def described(value: Any) -> str:
    """A value in a few words: `null`, `the number 5`, `the string "x"`, `an array`."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, (int, float)):
        shown = json.dumps(value)
        return f"the number {shown if len(shown) <= 40 else shown[:39] + '…'}"
    if isinstance(value, str):
        return f"the string {quoted(value)}"
    return "an array" if isinstance(value, list) else "an object"


def _help(path: Path, value: Any) -> str | None:
    field = next((part for part in reversed(path) if isinstance(part, str)), "")
    if field in _WORDS and isinstance(value, str):
        return _WORDS[field].help(value)
    wants_number = "whole number" in _EXPECTED.get(field, "")
    if wants_number and isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return f"write {int(value)} without quotes"
    if wants_number and isinstance(value, float) and value.is_integer() and 0 <= value < 1e15:
        return f"write {int(value)}"
    if isinstance(value, str) and _EXPECTED.get(field, "").startswith("an array") and isinstance(path[-1], str):
        return f"write [{quoted(value)}]"
    return None


def _task_id(document: Any, path: Path) -> str | None:
    if len(path) < 2 or path[0] not in _TASK_LISTS:
        return None
    task = _value_at(document, path[:2])
    task_id = task.get("id") if isinstance(task, dict) else None
    return task_id if isinstance(task_id, str) else None


def _value_at(document: Any, path: Path) -> Any:
    for part in path:
        document = document[part]
    return document

"""Small builders: ALT files and results without a run."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from altlas_runner.alt_file import AltFile
from altlas_runner.last_file import LastFile
from altlas_runner.last_file.gather import gather_last_file
from altlas_runner.results import Attempt, TaskResult, Usage
from altlas_runner.statuses import TaskStatus

START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def alt_file(tasks: Mapping[str, Sequence[str]] | Sequence[dict[str, Any]] = (), **fields: Any) -> AltFile:
    """An ALT file; tasks are given as documents, or as ids with their dependencies."""
    documents = (
        [{"id": task, "description": f"do {task}", "dependencies": list(found)} for task, found in tasks.items()]
        if isinstance(tasks, Mapping)
        else list(tasks)
    )
    document = {"id": "flow", "title": "A flow", "tasks": documents, **fields}
    return AltFile.model_validate_json(json.dumps(document))


def completed(task_id: str, output: Any = "done", *, start: float = 0, end: float = 1, **fields: Any) -> TaskResult:
    attempts = fields.pop("attempts", None) or [Attempt(1, at(start), at(end), TaskStatus.COMPLETED)]
    return TaskResult(
        task_id,
        TaskStatus.COMPLETED,
        output,
        started_at=at(start),
        completed_at=at(end),
        execution_time_ms=round((end - start) * 1000),
        attempts=attempts,
        retry_count=len(attempts) - 1,
        **fields,
    )


def failed(task_id: str, error: str = "the service answered 503", *, code: str = "AI_UPSTREAM") -> TaskResult:
    attempts = [
        Attempt(1, at(0), at(1), TaskStatus.FAILED, code, error),
        Attempt(2, at(3), at(4), TaskStatus.FAILED, code, error, wait_before_ms=2000),
    ]
    return TaskResult(
        task_id,
        TaskStatus.FAILED,
        error=error,
        error_code=code,
        execution_time_ms=4000,
        retry_count=1,
        started_at=at(0),
        completed_at=at(4),
        attempts=attempts,
        usage=Usage(10, 0),
    )


def ended(task_id: str, status: TaskStatus, error: str | None = None) -> TaskResult:
    """A task that never started."""
    return TaskResult(task_id, status, error=error)


DIAMOND = {"fetch": (), "left": ("fetch",), "right": ("fetch",), "join": ("left", "right"), "send": ("join",)}


def broken_diamond() -> tuple[AltFile, list[TaskResult]]:
    """A diamond in which one side failed, so that everything behind it was skipped."""
    skipped = TaskStatus.SKIPPED
    return alt_file(DIAMOND), [
        completed("fetch"),
        failed("left"),
        completed("right", {"answer": 42}),
        ended("join", skipped, 'dependency "left" failed'),
        ended("send", skipped, 'dependency "join" was skipped'),
    ]


def gathered(file: AltFile, results: Sequence[TaskResult], **options: Any) -> LastFile:
    settings = {"last_id": "last_1", "started_at": START, "completed_at": at(5), **options}
    return gather_last_file(file, results, **settings)

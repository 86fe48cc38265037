"""A run as spans in OTLP JSON: post it to `/v1/traces` of any OpenTelemetry collector."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from altlas_runner import __version__
from altlas_runner.last_file.export.instants import nanoseconds
from altlas_runner.last_file.task_notes import read_task_notes
from altlas_runner.statuses import TaskStatus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from altlas_runner.last_file.models import LastFile
    from altlas_runner.results import TaskResult

__all__ = ["otel_traces"]

_INTERNAL = 1
_OK, _ERROR = 1, 2


def otel_traces(last_file: LastFile) -> dict[str, Any]:
    """The document: one trace, a span for the run, in it one for each task that ran, in these one for each attempt.

    A task's span has links to those of its dependencies. Equal LAST files give equal ids.
    """
    resource = {"service.name": "altlas-runner", "service.version": __version__}
    return {
        "resourceSpans": [
            {
                "resource": {"attributes": _attributes(resource)},
                "scopeSpans": [
                    {"scope": {"name": "altlas_runner", "version": __version__}, "spans": list(_spans(last_file))}
                ],
            }
        ]
    }


def _spans(last_file: LastFile) -> Iterator[dict[str, Any]]:
    trace = hashlib.sha256(last_file.id.encode()).hexdigest()[:32]
    run = _span_id(last_file.id)
    failed = last_file.status.value != "success"
    yield _span(
        trace, run, "", last_file.title, last_file.execution_started, last_file.execution_completed,
        {
            "altlas.run.id": last_file.id,
            "altlas.alt_file.id": last_file.alt_file_id,
            "altlas.run.mode": last_file.mode,
            "altlas.run.status": last_file.status.value,
            "altlas.run.success_rate": last_file.success_rate,
        },
        last_file.status.value if failed else None,
    )  # fmt: skip
    ran = {result.task_id for result in last_file.task_results if result.started_at}
    dependencies = {note.task_id: note.dependencies for note in read_task_notes(last_file.metadata)}
    for result in last_file.task_results:
        if result.started_at is None:
            continue
        task = _span_id(last_file.id, result.task_id)
        ended = result.completed_at or result.started_at
        error = None if result.status is TaskStatus.COMPLETED else result.error or result.status.value
        span = _span(trace, task, run, result.task_id, result.started_at, ended, _of_task(result), error)
        links = [_span_id(last_file.id, each) for each in dependencies.get(result.task_id, ()) if each in ran]
        span["links"] = [{"traceId": trace, "spanId": each} for each in links]
        yield span
        for attempt in result.attempts:
            about: dict[str, Any] = {"altlas.attempt.number": attempt.number}
            if attempt.wait_before_ms:
                about["altlas.attempt.wait_before_ms"] = attempt.wait_before_ms
            if attempt.error_code:
                about["error.type"] = attempt.error_code
            failure = None if attempt.status is TaskStatus.COMPLETED else attempt.error or attempt.status.value
            own = _span_id(last_file.id, result.task_id, str(attempt.number))
            name = f"attempt {attempt.number}"
            yield _span(trace, own, task, name, attempt.started_at, attempt.ended_at, about, failure)


def _of_task(result: TaskResult) -> dict[str, Any]:
    about: dict[str, Any] = {"altlas.task.id": result.task_id, "altlas.task.status": result.status.value}
    if result.error_code:
        about["error.type"] = result.error_code
    if result.usage:
        about["gen_ai.usage.input_tokens"] = result.usage.input_tokens
        about["gen_ai.usage.output_tokens"] = result.usage.output_tokens
        if result.usage.cost is not None:
            about["altlas.usage.cost"] = result.usage.cost
    return about


def _span(
    trace: str,
    span: str,
    within: str,
    name: str,
    start: datetime,
    end: datetime,
    about: dict[str, Any],
    error: str | None,
) -> dict[str, Any]:
    return {
        "traceId": trace,
        "spanId": span,
        "parentSpanId": within,
        "name": name,
        "kind": _INTERNAL,
        "startTimeUnixNano": nanoseconds(start),
        "endTimeUnixNano": nanoseconds(max(start, end)),
        "attributes": _attributes(about),
        "status": {"code": _OK} if error is None else {"code": _ERROR, "message": error},
    }


def _span_id(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _attributes(about: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in about.items()]


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": value}

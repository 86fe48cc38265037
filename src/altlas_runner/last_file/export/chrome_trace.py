"""Attempts over time in the Trace Event Format: for chrome://tracing, Perfetto and speedscope."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any

from altlas_runner.last_file.export.instants import microseconds

if TYPE_CHECKING:
    from altlas_runner.last_file.models import LastFile
    from altlas_runner.results import Attempt, TaskResult

__all__ = ["chrome_trace"]


def chrome_trace(last_file: LastFile) -> dict[str, Any]:
    """The document: a bar for each attempt, on as few lanes as there were attempts at one time."""
    bars = sorted(
        (
            (microseconds(attempt.started_at), microseconds(attempt.ended_at), index, attempt)
            for index, result in enumerate(last_file.task_results)
            for attempt in result.attempts
        ),
        key=lambda bar: (bar[0], bar[2], bar[3].number),
    )
    lanes: list[tuple[int, int]] = []  # when each is free again
    events: list[dict[str, Any]] = []
    for start, end, index, attempt in bars:
        lane = heapq.heappop(lanes)[1] if lanes and lanes[0][0] <= start else len(lanes)
        heapq.heappush(lanes, (max(start, end), lane))
        result = last_file.task_results[index]
        events.append(
            {
                "name": result.task_id if len(result.attempts) == 1 else f"{result.task_id} ({attempt.number})",
                "cat": attempt.status.value,
                "ph": "X",
                "ts": start,
                "dur": max(0, end - start),
                "pid": 1,
                "tid": lane + 1,
                "args": _details(result, attempt),
            }
        )
    names = [
        ("process_name", 1, last_file.title),
        *(("thread_name", n + 1, f"slot {n + 1}") for n in range(len(lanes))),
    ]
    heads = [{"name": kind, "ph": "M", "pid": 1, "tid": lane, "args": {"name": name}} for kind, lane, name in names]
    return {
        "traceEvents": [*heads, *events],
        "displayTimeUnit": "ms",
        "otherData": {"last_file_id": last_file.id, "status": last_file.status.value},
    }


def _details(result: TaskResult, attempt: Attempt) -> dict[str, Any]:
    details: dict[str, Any] = {"task_id": result.task_id, "attempt": attempt.number, "status": attempt.status.value}
    if attempt.wait_before_ms:
        details["waited_ms"] = attempt.wait_before_ms
    if attempt.error_code:
        details |= {"error_code": attempt.error_code, "error": attempt.error}
    return details

"""A LAST file as the text of `result.last`, piece by piece, so that a hundred thousand results are never held twice."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from altlas_runner.last_file.models import LastFile, last_file_adapter
from altlas_runner.statuses import TaskStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from altlas_runner.results import TaskResult, Usage

__all__ = ["json_chunks"]

_RESULTS_A_CHUNK = 200
_NO_RESULTS = b'"task_results":[]'
_NO_METADATA = b'"metadata":{}'
_TEXT_OF: dict[str, str] = {status: status.value for status in TaskStatus}


def json_chunks(last_file: LastFile) -> Iterator[bytes | memoryview]:
    """JSON in UTF-8 on one line, times with Z, a line feed at the end; equal values give equal bytes."""
    around = last_file_adapter().dump_json(replace(last_file, task_results=[], metadata={}))
    before, _, rest = around.partition(_NO_RESULTS)  # no field before these can hold quotes that are not escaped
    between, _, after = rest.rpartition(_NO_METADATA)
    yield before + _NO_RESULTS[:-1]
    results = last_file.task_results
    for first in range(0, len(results), _RESULTS_A_CHUNK):
        chunk = _as_json([_plain(result) for result in results[first : first + _RESULTS_A_CHUNK]])
        if first:
            yield b","
        yield memoryview(chunk)[1:-1]
    yield b"]" + between + _NO_METADATA[:-2]
    yield _as_json(last_file.metadata)
    yield after + b"\n"


def _as_json(value: Any) -> bytes:
    """A value as JSON. pydantic takes four times as long, but knows integers of any size."""
    import orjson

    try:
        return orjson.dumps(value, option=orjson.OPT_UTC_Z)
    except TypeError:
        return to_json(value)


def _plain(result: TaskResult) -> dict[str, Any]:
    """The result as orjson takes it quickest: in one expression, because there are a hundred thousand."""
    usage = result.usage
    return {
        "task_id": result.task_id,
        "status": _TEXT_OF[result.status],
        "output": result.output,
        "error": result.error,
        "error_code": result.error_code,
        "execution_time_ms": result.execution_time_ms,
        "retry_count": result.retry_count,
        "artifacts": result.artifacts,
        "metadata": result.metadata,
        "started_at": result.started_at,
        "completed_at": result.completed_at,
        "attempts": [
            {
                "number": attempt.number,
                "started_at": attempt.started_at,
                "ended_at": attempt.ended_at,
                "status": _TEXT_OF[attempt.status],
                "error_code": attempt.error_code,
                "error": attempt.error,
                "wait_before_ms": attempt.wait_before_ms,
                "model": attempt.model,
                "service": attempt.service,
                "usage": attempt.usage and _usage(attempt.usage),
            }
            for attempt in result.attempts
        ],
        "usage": usage and _usage(usage),
    }


def _usage(usage: Usage) -> dict[str, Any]:
    return {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens, "cost": usage.cost}

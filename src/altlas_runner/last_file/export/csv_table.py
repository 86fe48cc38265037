"""One row for each result, for spreadsheets; no cell can act in one."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from altlas_runner.last_file.export.instants import rfc3339

if TYPE_CHECKING:
    from altlas_runner.last_file.models import LastFile
    from altlas_runner.results import TaskResult

__all__ = ["COLUMNS", "csv_table"]

COLUMNS = (
    "task_id", "status", "started_at", "completed_at", "execution_time_ms", "attempts", "error_code", "error",
    "input_tokens", "output_tokens", "cost", "artifacts", "output",
)  # fmt: skip
"""The names of the columns, in order."""

_LONGEST_CELL = 32_000
"""Spreadsheets cut or refuse cells of more than 32,767 characters."""

_ACTING = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001  full-width ones act as well


def csv_table(last_file: LastFile) -> str:
    """The results as CSV (RFC 4180, UTF-8, with a header).

    A text that a spreadsheet would take for a formula gets a `'` before it. A cell of more than 32,000 characters is
    cut and says how long it is.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    writer.writerows(map(_row, last_file.task_results))
    return buffer.getvalue()


def harmless(text: str) -> str:
    """The text as a cell that is only text.

    Example:
        >>> harmless("=1+1"), harmless("1+1")
        ("'=1+1", '1+1')
    """
    if len(text) > _LONGEST_CELL:
        text = f"{text[:_LONGEST_CELL]}… ({len(text):,} characters)"
    return f"'{text}" if text.lstrip(" ").startswith(_ACTING) else text


def _row(result: TaskResult) -> list[Any]:
    usage, output = result.usage, result.output
    return [
        harmless(result.task_id),
        result.status.value,
        rfc3339(result.started_at) if result.started_at else "",
        rfc3339(result.completed_at) if result.completed_at else "",
        result.execution_time_ms,
        len(result.attempts),
        harmless(result.error_code or ""),
        harmless(result.error or ""),
        usage.input_tokens if usage else "",
        usage.output_tokens if usage else "",
        "" if usage is None or usage.cost is None else usage.cost,
        harmless(" ".join(artifact.path for artifact in result.artifacts or ())),
        "" if output is None else harmless(output if isinstance(output, str) else to_json(output).decode()),
    ]

"""`LastFile`: the record of one run, as `result.last` holds it."""

from __future__ import annotations

import gc
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import from_json as parse_json

from altlas_runner.errors import BundleError
from altlas_runner.results import Artifact, TaskResult
from altlas_runner.statuses import TaskStatus

__all__ = ["FORMAT_VERSION", "RESULT_NAME", "LastFile", "RunStatus", "as_utc", "last_file_adapter", "percent"]

FORMAT_VERSION = "1.0"
"""The version of the LAST format that is written. A file of the same major version can be read."""

RESULT_NAME = "result.last"
"""The name of the LAST file inside its bundle."""


class RunStatus(StrEnum):
    """How a whole run ended."""

    SUCCESS = "success"
    """Every task completed. A file without tasks is a success too."""
    PARTIAL_SUCCESS = "partial_success"
    """At least one task completed and at least one did not."""
    FAILURE = "failure"
    """No task completed."""


@dataclass(slots=True)
class LastFile:
    """The results of one run of an ALT file.

    Attributes:
        id: `last_<uuid>`; also the run id and the name of the bundle directory.
        alt_file_id: the id of the ALT file that was run.
        title: `Result of <title of the ALT file>`.
        description: the ALT file's, or None.
        execution_started: when the run began (UTC).
        execution_completed: when the run ended (UTC).
        mode: the ALT file's mode: normal, dream, explore or chaos.
        persona: the ALT file's persona, or None.
        task_results: one per task that was part of the run, in ALT file order.
        success_rate: completed results divided by all results, 0.0 to 1.0; 0.0 when there are none.
        total_execution_time_ms: milliseconds from start to end of the run.
        status: success, partial_success or failure.
        summary: the outcome in a few lines of text.
        execution_graph_path: the picture of the graph, relative to the bundle, or None.
        metadata: the ALT file's, with what the runner adds under `runner`: versions, selection, tasks, warnings.
        version: of the LAST format.
    """

    id: str
    alt_file_id: str
    title: str
    description: str | None
    execution_started: datetime
    execution_completed: datetime
    mode: str
    persona: str | None
    task_results: list[TaskResult] = field(repr=False)  # asyncio.run() asks for the repr of what it returns
    success_rate: Annotated[float, Field(ge=0, le=1)]
    total_execution_time_ms: Annotated[int, Field(ge=0)]
    status: RunStatus
    summary: str = ""
    execution_graph_path: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    version: str = FORMAT_VERSION

    @classmethod
    def from_json(cls, content: bytes | str, *, source: Path | str = RESULT_NAME) -> LastFile:
        """Read a LAST file from its JSON text.

        Fields that this version does not know are ignored.

        Args:
            content: UTF-8 JSON.
            source: what errors name as the file.

        Raises:
            BundleError: the text is not JSON, not a LAST file, or of another major version.
        """
        collecting = gc.isenabled()
        gc.disable()  # 100,000 results are a million objects, none of them garbage
        try:
            last_file = last_file_adapter().validate_json(content, strict=True)
            _times_to_utc(last_file)
        except ValidationError as error:
            raise BundleError(source, _foreign_version(content) or _reason(error)) from error
        except OverflowError as error:
            raise BundleError(source, "not a LAST file: a time lies outside the years 1 to 9999") from error
        finally:
            if collecting:
                gc.enable()
        if reason := _other_version(last_file.version):
            raise BundleError(source, reason)
        return last_file

    @classmethod
    def from_path(cls, path: Path | str) -> LastFile:
        """Read a LAST file from a bundle directory or from a `result.last` itself.

        Raises:
            BundleError: there is none, it cannot be read, or `from_json` refuses it.
        """
        file = Path(path)
        try:
            if file.is_dir():
                file = file / RESULT_NAME
                if not file.exists():
                    raise BundleError(path, f"no {RESULT_NAME} in it: not a LAST bundle, or its run has not ended")
            if file.exists() and not file.is_file():
                raise BundleError(path, "not a regular file: give a bundle directory or its result.last")
            content = file.read_bytes()
        except OSError as error:
            raise BundleError(file, f"cannot be read: {error.strerror or error}") from error
        return cls.from_json(content, source=file)

    def to_json(self) -> bytes:
        """The text of `result.last`: JSON in UTF-8 on one line, times with Z; equal values give equal bytes."""
        from altlas_runner.last_file.json_chunks import json_chunks

        return b"".join(json_chunks(self))

    def get_task_result(self, task_id: str) -> TaskResult | None:
        """The result of one task, or None when the task was not part of the run."""
        return next((result for result in self.task_results if result.task_id == task_id), None)

    def get_successful_tasks(self) -> list[TaskResult]:
        """The results of the tasks that completed."""
        return [result for result in self.task_results if result.status is TaskStatus.COMPLETED]

    def get_failed_tasks(self) -> list[TaskResult]:
        """The results of the tasks that failed by themselves: failed and timeout, neither skipped nor cancelled."""
        return [result for result in self.task_results if result.status in (TaskStatus.FAILED, TaskStatus.TIMEOUT)]

    def get_all_artifacts(self) -> list[Artifact]:
        """The artifacts of all tasks, in the order of the tasks."""
        return [artifact for result in self.task_results for artifact in result.artifacts or ()]

    def generate_summary(self) -> str:
        """The outcome in words: one line with counts and duration, then one for each of the first failures."""
        counts = Counter(result.status for result in self.task_results)
        total = len(self.task_results)
        seconds = self.total_execution_time_ms / 1000
        if not total:
            return f"{self.title}: no tasks were run ({seconds:.1f} s)."
        others = [f"{counts[status]} {status}" for status in TaskStatus if status in counts and status != "completed"]
        parts = [f"{counts[TaskStatus.COMPLETED]} of {total} tasks completed ({percent(self.success_rate)})", *others]
        lines = [f"{self.title}: {', '.join(parts)}, in {seconds:.1f} s."]
        failures = self.get_failed_tasks()
        for result in failures[:_SUMMARY_FAILURES]:
            code = f" [{result.error_code}]" if result.error_code else ""
            reason = " ".join((result.error or "no reason given").split())
            lines.append(f"- {result.task_id}: {result.status}{code}: {_shortened(reason)}")
        if len(failures) > _SUMMARY_FAILURES:
            lines.append(f"- and {len(failures) - _SUMMARY_FAILURES} more")
        return "\n".join(lines)


_SUMMARY_FAILURES = 5
_SUMMARY_REASON_LENGTH = 200


def as_utc(moment: datetime) -> datetime:
    """The same instant in UTC; a time without zone is read as UTC."""
    if moment.tzinfo is UTC:  # nearly always, and in a tenth of the time
        return moment
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def percent(rate: float) -> str:
    """A rate in words, cut to a tenth: 9,999 of 10,000 is no hundred per cent.

    Example:
        >>> percent(0.99999), percent(1.0), percent(0.5)
        ('99.9 %', '100 %', '50 %')
    """
    return f"{int(rate * 1000 + 1e-9) / 10:g} %"


def _shortened(text: str) -> str:
    return text if len(text) <= _SUMMARY_REASON_LENGTH else text[: _SUMMARY_REASON_LENGTH - 1] + "…"


@cache
def last_file_adapter() -> TypeAdapter[LastFile]:
    """What pydantic makes of the record: it reads, writes, and knows its schema."""
    return TypeAdapter(LastFile)


def _times_to_utc(last_file: LastFile) -> None:
    last_file.execution_started = as_utc(last_file.execution_started)
    last_file.execution_completed = as_utc(last_file.execution_completed)
    for result in last_file.task_results:
        result.started_at = result.started_at and as_utc(result.started_at)
        result.completed_at = result.completed_at and as_utc(result.completed_at)
        for attempt in result.attempts:
            attempt.started_at = as_utc(attempt.started_at)
            attempt.ended_at = as_utc(attempt.ended_at)


def _other_version(version: str) -> str | None:
    if version.partition(".")[0] == FORMAT_VERSION.partition(".")[0]:
        return None
    return f"it has LAST format version {version[:20]!r}; this altlas_runner reads 1.x: use the one that wrote it"


def _foreign_version(content: bytes | str) -> str | None:
    """Why a file that does not fit the models is refused, when the reason is its version."""
    try:
        value = parse_json(content)
    except ValueError:
        return None
    if isinstance(value, dict) and "task_results" in value and isinstance(value.get("version"), str):
        return _other_version(value["version"])
    return None


def _reason(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    first = problems[0]
    if first["type"] == "json_invalid":
        return f"not JSON: {first['msg'].removeprefix('Invalid JSON: ')}"
    place = "/".join(str(part) for part in first["loc"])
    more = f" (and {len(problems) - 1} more problems)" if len(problems) > 1 else ""
    return f"not a LAST file: {f'/{place}: ' if place else ''}{first['msg']}{more}"

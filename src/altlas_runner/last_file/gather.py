"""From an ALT file and its task results to a `LastFile`: pure, no clock, no file."""

from __future__ import annotations

import math
import platform
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from altlas_runner import __version__
from altlas_runner.last_file.json_values import as_json_text, as_json_value
from altlas_runner.last_file.models import FORMAT_VERSION, LastFile, RunStatus, as_utc
from altlas_runner.last_file.task_notes import write_task_note
from altlas_runner.redaction import Redactor, redact_key_like, secrets_in
from altlas_runner.results import Artifact, Attempt, TaskResult, Usage
from altlas_runner.statuses import TaskStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from altlas_runner.alt_file import AltFile, Task

__all__ = ["Cleaning", "gather_last_file", "redactor_for"]


def redactor_for(alt_file: AltFile, resolved: Mapping[str, Task], configured: Redactor | None) -> Redactor:
    """What removes configured secrets, and echoes of the values under key-like names in the ALT file.

    Args:
        alt_file: what was run.
        resolved: tasks with their references resolved, by id.
        configured: removes configured secrets, or None when there are none.
    """
    own = Redactor(_secrets_of(alt_file, resolved.values()))
    return own | configured if configured else own


def gather_last_file(
    alt_file: AltFile,
    task_results: Iterable[TaskResult],
    *,
    last_id: str,
    started_at: datetime,
    completed_at: datetime,
    selection: Sequence[str] | None = None,
    resolved: Mapping[str, Task] | None = None,
    redactor: Redactor | None = None,
    provenance: Mapping[str, str] | None = None,
    warnings: Sequence[str] = (),
    journal: bool = False,
) -> LastFile:
    """Make the LAST file of a run.

    Results are put in ALT file order; of two for one task the later counts, and results of tasks that the file does
    not have come last. Values under key-like names in the ALT file are redacted, and so are echoes of them in results.

    Args:
        alt_file: what was run.
        task_results: one for each task of the run, in any order. They are copied, not kept.
        last_id: the id of the run.
        started_at: when the run began.
        completed_at: when it ended; an instant before `started_at` counts as `started_at`.
        selection: ids of the tasks that were meant to run, or None for all.
        resolved: tasks with their references resolved, by id; the others stand as they are in the file.
        redactor: as `redactor_for` makes it; None looks for the secrets of the ALT file only.
        provenance: facts by name about where the run comes from, or None.
        warnings: what else must be known of the run, in words.
        journal: whether the bundle has a journal, so that the run can be resumed.
    """
    started, ended = as_utc(started_at), max(as_utc(started_at), as_utc(completed_at))
    chosen = None if selection is None else set(selection)
    expected = [task for task in alt_file.tasks if chosen is None or task.id in chosen]
    resolved = resolved or {}
    asked = [resolved.get(task.id, task) for task in expected]
    redact = Cleaning(redactor_for(alt_file, resolved, None) if redactor is None else redactor)

    results = [redact.result(result) for result in _in_file_order(alt_file.tasks, task_results)]
    completed = {result.task_id for result in results if result.status is TaskStatus.COMPLETED}
    all_completed = len(completed) == len(results) and all(task.id in completed for task in expected)

    metadata = redact.value(redact_key_like(as_json_value(alt_file.metadata or {})))
    runner: dict[str, Any] = {
        "versions": {"altlas_runner": __version__, "python": platform.python_version(), "last_format": FORMAT_VERSION},
        "selection": None if selection is None else list(selection),
        "tasks": [
            write_task_note(task, redact.text(task.description), redact.value(task.parameters)) for task in asked
        ],
        "warnings": list(map(redact.text, warnings)),
    }
    if journal:
        runner["journal"] = True
    if provenance:
        runner["provenance"] = {name: redact.text(fact) for name, fact in provenance.items()}
    if "runner" in metadata:
        runner["alt_file_runner"] = metadata["runner"]  # the ALT file's own entry of this name is kept
    last_file = LastFile(
        id=last_id,
        alt_file_id=alt_file.id,
        title=redact.text(f"Result of {alt_file.title}"),
        description=redact.optional(alt_file.description),
        execution_started=started,
        execution_completed=ended,
        mode=alt_file.mode.value,
        persona=redact.optional(alt_file.persona),
        task_results=results,
        success_rate=len(completed) / len(results) if results else 0.0,
        total_execution_time_ms=round((ended - started).total_seconds() * 1000),
        status=_status(all_completed, bool(completed)),
        metadata={**metadata, "runner": runner},
    )
    last_file.summary = last_file.generate_summary()
    return last_file


def _status(all_completed: bool, some_completed: bool) -> RunStatus:
    if all_completed:
        return RunStatus.SUCCESS
    return RunStatus.PARTIAL_SUCCESS if some_completed else RunStatus.FAILURE


def _in_file_order(tasks: Sequence[Task], task_results: Iterable[TaskResult]) -> list[TaskResult]:
    by_id = {result.task_id: result for result in task_results}
    ordered = [by_id.pop(task.id) for task in tasks if task.id in by_id]
    return [*ordered, *by_id.values()]


def _secrets_of(alt_file: AltFile, resolved: Iterable[Task]) -> set[str]:
    """The texts under key-like names anywhere in the file, and in the tasks that were resolved."""
    places: list[Any] = [alt_file.metadata, alt_file.model_extra]
    for task in (*alt_file.tasks, *resolved):
        places += (task.parameters, task.model_extra)
    return secrets_in([as_json_value(place) for place in places if place])


class Cleaning:
    """Makes texts and values fit for the LAST file: JSON only, and without secrets."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def text(self, text: str) -> str:
        """A text that UTF-8 can hold."""
        return self._redactor.text(as_json_text(text))

    def optional(self, text: str | None) -> str | None:
        """The same for one that may be missing."""
        return None if text is None else self.text(text)

    def value(self, value: Any) -> Any:
        """A value that JSON can hold."""
        return None if value is None else self._redactor.value(as_json_value(value))

    def result(self, result: TaskResult) -> TaskResult:
        """A copy of a result with clean texts and values, times in UTC and its status as the enum."""
        return TaskResult(
            task_id=as_json_text(result.task_id),
            status=TaskStatus(result.status),
            output=self.value(result.output),
            error=self.optional(result.error),
            error_code=self.optional(result.error_code),
            execution_time_ms=result.execution_time_ms,
            retry_count=result.retry_count,
            artifacts=result.artifacts and [self._artifact(artifact) for artifact in result.artifacts],
            metadata=self.value(result.metadata),
            started_at=result.started_at and as_utc(result.started_at),
            completed_at=result.completed_at and as_utc(result.completed_at),
            attempts=[self.attempt(attempt) for attempt in result.attempts],
            usage=result.usage and _finite(result.usage),
        )

    def attempt(self, attempt: Attempt) -> Attempt:
        """A copy of an attempt with clean texts and times in UTC."""
        return Attempt(
            attempt.number,
            as_utc(attempt.started_at),
            as_utc(attempt.ended_at),
            TaskStatus(attempt.status),
            self.optional(attempt.error_code),
            self.optional(attempt.error),
            attempt.wait_before_ms,
            self.optional(attempt.model),
            self.optional(attempt.service),
            attempt.usage and _finite(attempt.usage),
        )

    def _artifact(self, artifact: Artifact) -> Artifact:
        return replace(
            artifact,
            path=as_json_text(artifact.path),
            description=self.optional(artifact.description),
            metadata=self.value(artifact.metadata),
        )


def _finite(usage: Usage) -> Usage:
    """A copy whose cost is a number that JSON can hold, or unknown."""
    known = usage.cost is not None and math.isfinite(usage.cost)
    return Usage(usage.input_tokens, usage.output_tokens, usage.cost if known else None)

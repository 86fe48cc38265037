"""What a task's end looks like: the records that LAST files hold.

Plain slotted dataclasses, because a run makes one for every task; pydantic reads them back from JSON where needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from altlas_runner.statuses import TaskStatus

__all__ = ["Artifact", "ArtifactType", "Attempt", "KeptArtifacts", "TaskResult", "TaskStatus", "Usage"]

ArtifactType = Literal["file", "image", "text", "json", "log", "other"]


@dataclass(slots=True)
class Usage:
    """What a task consumed.

    Attributes:
        input_tokens: tokens sent, over all attempts whose answer said so.
        output_tokens: tokens received.
        cost: in the currency of the price table, or None when the price is not known (never 0 for unknown).
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None

    def plus(self, other: Usage) -> Usage:
        """Both together; the cost is known only if both are."""
        cost = None if self.cost is None or other.cost is None else self.cost + other.cost
        return Usage(self.input_tokens + other.input_tokens, self.output_tokens + other.output_tokens, cost)


@dataclass(slots=True)
class Attempt:
    """One try of a task.

    Attributes:
        number: counted from 1.
        started_at: when it began (UTC).
        ended_at: when it ended (UTC).
        status: completed, failed, timeout or cancelled.
        error_code: the typed reason, such as AI_UPSTREAM; None when it completed.
        error: the reason in words; None when it completed.
        wait_before_ms: milliseconds waited between the end of the attempt before and the start of this one.
        model: which model was asked, where the executor has several to fall back on; else None.
        service: where that model is, such as `api.example.com`, or the worker of a cluster that made this attempt.
        usage: what this attempt consumed. None when nothing was said about it, or when it is the only one and
            completed: the task's usage says it then.
    """

    number: int
    started_at: datetime
    ended_at: datetime
    status: TaskStatus
    error_code: str | None = None
    error: str | None = None
    wait_before_ms: int = 0
    model: str | None = None
    service: str | None = None
    usage: Usage | None = None


@dataclass(slots=True)
class Artifact:
    """A file in the bundle that a task produced.

    Attributes:
        id: unique in the LAST file.
        artifact_type: file, image, text, json, log or other.
        mime_type: of the content before compression.
        size_bytes: of the content before compression.
        sha256: of the content before compression, lower-case hexadecimal.
        path: relative to the bundle, with forward slashes.
        description: free text, or None.
        metadata: free object, or None.
    """

    id: str
    artifact_type: ArtifactType
    mime_type: str
    size_bytes: int
    sha256: str
    path: str
    description: str | None = None
    metadata: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class KeptArtifacts:
    """What became of the artifacts that a task offered.

    Attributes:
        artifacts: those that are in the bundle now.
        problems: in words, for each that is not, why; free of secrets.
    """

    artifacts: Sequence[Artifact]
    problems: Sequence[str] = ()


@dataclass(slots=True)
class TaskResult:
    """The end of one task. Only `task_id` and `status` must be given; the rest has defaults.

    Attributes:
        task_id: as in the ALT file.
        status: one of the terminal statuses.
        output: any JSON value; None unless the task completed.
        error: the reason in words when the task did not complete.
        error_code: the typed reason when the task did not complete.
        execution_time_ms: milliseconds from the first start to the end, waits between attempts included.
        retry_count: attempts after the first.
        artifacts: the files it produced that are in the bundle, or None when nobody looked for any.
        metadata: free object, or None; `artifact_problems` says in words which artifacts were not kept and why.
        started_at: when the task first got a slot (UTC); None if it never did.
        completed_at: when it ended (UTC).
        attempts: every attempt, in order.
        usage: tokens and cost, or None when nothing was said about them.
    """

    task_id: str
    status: TaskStatus
    output: Any = None
    error: str | None = None
    error_code: str | None = None
    execution_time_ms: int = 0
    retry_count: int = 0
    artifacts: list[Artifact] | None = None
    metadata: dict[str, Any] | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    attempts: list[Attempt] = field(default_factory=list)
    usage: Usage | None = None

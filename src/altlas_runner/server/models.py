"""What comes in and what goes out, as models: the service reads and writes by them, and `/openapi.json` shows them."""

from __future__ import annotations

import json
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    PrivateAttr,
    field_validator,
    model_validator,
)
from pydantic_core import to_json

from altlas_runner.statuses import TaskStatus

__all__ = [
    "Accepted",
    "DiagnosticAnswer",
    "ExecuteAnswer",
    "Health",
    "ProblemAnswer",
    "Readiness",
    "RunAnswer",
    "RunList",
    "RunRequest",
    "RunState",
    "ServiceStatus",
    "ValidateAnswer",
    "ValidateRequest",
    "shown_title",
]

_LONGEST_TITLE = 1000

_ONE_FILE: dict[str, Any] = {
    "oneOf": [
        {
            "required": ["alt_file_content"],
            "properties": {"alt_file_content": {"type": ["string", "object"]}, "alt_file_path": {"type": "null"}},
        },
        {
            "required": ["alt_file_path"],
            "properties": {"alt_file_path": {"type": "string"}, "alt_file_content": {"type": "null"}},
        },
    ]
}


def shown_title(title: str) -> str:
    """As much of the title of an ALT file as lists show; a file may have any."""
    return title if len(title) <= _LONGEST_TITLE else title[: _LONGEST_TITLE - 1] + "…"


def _whole(value: Any) -> Any:
    """JSON knows one kind of number: 5.0 is the integer 5."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


AiServiceState = Literal["reachable", "unreachable", "embedded", "unknown"]


class RunState(StrEnum):
    """Where a run stands. The last five are its end."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCESS = "success"
    PARTIAL_SUCCESS = "partial_success"
    FAILURE = "failure"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen."""
        return self not in (RunState.QUEUED, RunState.RUNNING)


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)


class ValidateRequest(_Strict):
    """An ALT file: its content, or its path below the directory that the service was given for files."""

    model_config = ConfigDict(json_schema_extra=_ONE_FILE)

    alt_file_content: str | dict[str, Any] | None = Field(
        None, description="The ALT file: JSON or YAML text, or the object itself."
    )
    alt_file_path: Annotated[str, Field(min_length=1, max_length=4096)] | None = Field(
        None, description="A path relative to the service's directory for ALT files (off unless it was given one)."
    )

    _content: bytes | None = PrivateAttr(None)

    @model_validator(mode="after")
    def _one_file(self) -> ValidateRequest:
        given = self.alt_file_content
        if (given is None) == (self.alt_file_path is None):
            raise ValueError("give either alt_file_content or alt_file_path")
        if given is not None:  # made here, for a long body is validated beside the event loop
            self._content = given.encode() if isinstance(given, str) else to_json(given, inf_nan_mode="constants")
        return self

    @property
    def content(self) -> bytes | None:
        """The ALT file, an object as JSON; None where only its path is given."""
        return self._content


class RunRequest(ValidateRequest):
    """An ALT file to run, and what the AI service is asked for where its tasks do not say."""

    model_config = ConfigDict(json_schema_extra=_ONE_FILE)

    model: Annotated[str, Field(min_length=1, max_length=256)] | None = Field(None, description="The model.")
    temperature: Annotated[float, Field(ge=0, le=2)] | None = Field(None, description="The sampling temperature.")
    max_tokens: Annotated[int, Field(ge=1, le=2**31 - 1), BeforeValidator(_whole)] | None = Field(
        None, description="Longest answer in tokens."
    )
    stream: bool | None = Field(None, description="Whether answers are asked for piece by piece.")
    inputs: dict[str, JsonValue] | None = Field(None, description="Values for references to inputs, by name.")

    @field_validator("inputs")
    @classmethod
    def _are_json(cls, inputs: dict[str, JsonValue] | None) -> dict[str, JsonValue] | None:
        try:
            json.dumps(inputs, allow_nan=False)
        except ValueError:
            raise ValueError("a number is NaN, Infinity or too large for JSON") from None
        return inputs


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ExecuteAnswer(_Answer):
    """A run that has ended."""

    last_file_id: str
    last_file_path: str
    report_path: str
    success_rate: Annotated[float, Field(ge=0, le=1)]
    execution_time_ms: Annotated[int, Field(ge=0)]
    task_count: Annotated[int, Field(ge=0)]
    successful_tasks: Annotated[int, Field(ge=0)]
    failed_tasks: Annotated[int, Field(ge=0)]


class Accepted(_Answer):
    """A run that was accepted."""

    request_id: str = Field(description="The id of the run, and of its LAST file.")
    status: RunState
    run_url: str = Field(description="Where it can be looked at, and cancelled.")
    events_url: str = Field(description="Its events, as they happen.")


class RelatedPlace(_Answer):
    """A second place that helps to understand a problem."""

    path: str
    message: str
    line: int | None
    column: int | None


class DiagnosticAnswer(_Answer):
    """One problem of an ALT file."""

    code: str
    severity: Literal["error", "warning"]
    message: str
    path: str = Field(description="JSON pointer to the value.")
    line: int | None = Field(description="From 1; null when the file was not given as text.")
    column: int | None = Field(description="From 1, in code points.")
    task_id: str | None
    help: str | None
    related: list[RelatedPlace]
    part: str | None


class _Told(_Answer):
    diagnostics: list[DiagnosticAnswer] = Field(
        description="The problems of an ALT file; of more than 1,000, or 1 MiB, the first, errors before warnings."
    )
    error_count: Annotated[int, Field(ge=0)] = Field(description="How many errors were found.")
    warning_count: Annotated[int, Field(ge=0)] = Field(description="How many warnings were found.")


class ValidateAnswer(_Told):
    """What is wrong or doubtful in an ALT file."""

    valid: bool = Field(description="Whether it has no error; warnings do not count.")


class TaskCounts(_Answer):
    """How many tasks have each status."""

    pending: Annotated[int, Field(ge=0)] = 0
    running: Annotated[int, Field(ge=0)] = 0
    completed: Annotated[int, Field(ge=0)] = 0
    failed: Annotated[int, Field(ge=0)] = 0
    timeout: Annotated[int, Field(ge=0)] = 0
    cancelled: Annotated[int, Field(ge=0)] = 0
    skipped: Annotated[int, Field(ge=0)] = 0


assert {*TaskCounts.model_fields} == {*TaskStatus}


class RunAnswer(_Answer):
    """A run."""

    request_id: str
    title: Annotated[str, Field(max_length=_LONGEST_TITLE)] = Field(description="Of the ALT file; a long one is cut.")
    status: RunState
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    task_count: Annotated[int, Field(ge=0)]
    counts: TaskCounts
    last_file_path: str | None = Field(description="The LAST file; null before the run has ended.")
    report_path: str | None = Field(description="The report; null before the run has ended.")
    report_url: str | None = Field(description="The report over HTTP; where a token is needed, good for twelve hours.")
    error: str | None = Field(description="Why there is no LAST file, or why the run ended early.")


class RunList(_Answer):
    """Runs, the newest first."""

    runs: list[RunAnswer]
    next_before: str | None = Field(description="The value of `before` that gives the next page; null at the end.")


class Health(_Answer):
    """The service lives."""

    status: Literal["UP"] = "UP"
    version: str


class Readiness(_Answer):
    """Whether runs can be started now, and do what they should."""

    status: Literal["ready", "not_ready"]
    ai_service: AiServiceState
    accepts_runs: bool = Field(description="False while the service stops.")
    writes_bundles: bool = Field(description="False while the output directory cannot be made or written, or is full.")
    reason: str | None = Field(description="Why it is not ready; else null.")


class ServiceStatus(_Answer):
    """What the service is doing."""

    status: Literal["UP", "STOPPING"]
    version: str
    started_at: datetime
    uptime_seconds: Annotated[float, Field(ge=0)]
    ai_service: AiServiceState
    ai_protocol: str
    max_concurrent_tasks: Annotated[int, Field(ge=1)]
    running_runs: Annotated[int, Field(ge=0)]
    queued_runs: Annotated[int, Field(ge=0)]
    ended_runs: dict[str, int] = Field(description="Runs that ended since the start, by status.")


class ProblemAnswer(_Told):
    """A problem, as RFC 9457 has it."""

    type: str
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str
    error: str = Field(description="The same as `detail`.")

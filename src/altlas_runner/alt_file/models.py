"""The models of an ALT file: `AltFile` and `Task`, as contract §1 defines them.

Validators are declarative (types, patterns, bounds), so that pydantic checks a whole file in one pass of compiled code.
Unknown fields are kept and written back; a field that was not set is not written.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from altlas_runner.statuses import TaskStatus

__all__ = ["AltFile", "AltMode", "Priority", "Task"]


class AltMode(StrEnum):
    """How freely the AI service should treat the tasks."""

    NORMAL = "normal"
    DREAM = "dream"
    EXPLORE = "explore"
    CHAOS = "chaos"


class Priority(StrEnum):
    """Among ready tasks the higher priority starts first, then the order in the file."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


def _lower_case(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _as_utc(value: datetime) -> datetime:
    return value if value.tzinfo else value.replace(tzinfo=UTC)


class Task(BaseModel):
    """One task: what the AI service (or a handler) is asked to do, and after which other tasks."""

    model_config = ConfigDict(extra="allow", strict=True)

    id: str
    """Names the task in dependencies, references and results; unique in the file."""
    description: str
    """What the AI service is asked to do."""
    dependencies: list[str] | None = None
    """Ids of the tasks that must complete before this one starts."""
    parameters: dict[str, Any] | None = None
    """Passed to the executor."""
    timeout_seconds: Annotated[int, Field(ge=0)] | None = None
    """One deadline for the whole task, in seconds from its first start; None is no deadline."""
    retry_count: Annotated[int, Field(ge=0, le=255)] | None = None
    """Extra attempts after the first; None leaves it to the executor."""
    status: TaskStatus | None = TaskStatus.PENDING
    """Shown, kept, and ignored when the file is run."""
    priority: Priority | None = None
    """None takes the file's, else medium."""
    tags: list[str] | None = None
    """Free labels."""


class AltFile(BaseModel):
    """An ALT file: tasks for an AI service, with dependencies."""

    model_config = ConfigDict(extra="allow", strict=True)

    id: str
    version: str = "1.0"
    created_at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    title: str
    description: str | None = None
    mode: Annotated[AltMode, BeforeValidator(_lower_case)] = AltMode.NORMAL
    persona: str | None = None
    tasks: list[Task]
    metadata: dict[str, Any] | None = None
    priority: Priority | None = None
    tags: list[str] | None = None
    expected_completion_time: Annotated[int, Field(ge=0)] | None = None
    """Seconds the author expects the whole run to take."""

"""The models of an ALT file: `AltFile` and `Task`.

Validators are declarative (types, bounds), so that pydantic checks a whole file in one pass of compiled code; the two
that are Python run once a file. Types are strict. Unknown fields are kept, and a field that was not set is not written.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from altlas_runner.alt_file.times import RFC3339_PATTERN, parse_rfc3339
from altlas_runner.statuses import TaskStatus

__all__ = ["AltFile", "AltMode", "Priority", "Task", "as_document"]


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


def _as_time(value: Any) -> Any:
    if isinstance(value, str):
        value = parse_rfc3339(value)
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value


def _any_letter_case(words: type[StrEnum]) -> dict[str, Any]:
    """A JSON Schema for these words in any letter case, with the plain words apart for editors that complete."""
    spellings = "|".join("".join(f"[{c.upper()}{c}]" for c in word) for word in words)
    return {"type": "string", "anyOf": [{"enum": list(map(str, words))}, {"pattern": rf"^(?:{spellings})$(?!\n)"}]}


# Strict enums take no strings from Python code, and nothing but the right strings converts to them.
_Mode = Annotated[AltMode, Field(strict=False), BeforeValidator(_lower_case), WithJsonSchema(_any_letter_case(AltMode))]
_Priority = Annotated[Priority, Field(strict=False)]
_Status = Annotated[TaskStatus, Field(strict=False)]
_Time = Annotated[
    datetime,
    BeforeValidator(_as_time),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": RFC3339_PATTERN}),
]
_Seconds = Annotated[int, Field(ge=0)]


# In a large file hardly a text stands twice within reach of the cache, so only keys are worth looking up there.
_CONFIG = ConfigDict(
    extra="allow", strict=True, use_attribute_docstrings=True, ser_json_inf_nan="constants", cache_strings="keys"
)


class Task(BaseModel):
    """One task: what the AI service (or a handler) is asked to do, and after which other tasks."""

    model_config = _CONFIG

    id: str
    """Names the task in dependencies, references and results; unique in the file."""
    description: str
    """What the AI service is asked to do."""
    dependencies: list[str] | None = None
    """Ids of the tasks that must complete before this one starts."""
    parameters: dict[str, Any] | None = None
    """Passed to the executor. Any JSON."""
    timeout_seconds: _Seconds | None = None
    """One deadline for the whole task, in seconds from its first start; null is no deadline."""
    retry_count: Annotated[int, Field(ge=0, le=255)] | None = None
    """Extra attempts after the first; null leaves it to the executor."""
    status: _Status | None = TaskStatus.PENDING
    """Shown, kept, and ignored when the file is run."""
    priority: _Priority | None = None
    """Among ready tasks the higher starts first; null takes the file's, else medium."""
    tags: list[str] | None = None
    """Free labels."""


class AltFile(BaseModel):
    """An ALT file: tasks for an AI service, with dependencies.

    Example:
        >>> alt = AltFile(id="demo", title="Demo", tasks=[Task(id="a", description="Say hello")])
        >>> alt.execution_order()
        ['a']
    """

    model_config = _CONFIG

    id: str
    """Names the file in its results."""
    version: str = "1.0"
    """Version of the format."""
    created_at: _Time = Field(default_factory=lambda: datetime.now(UTC))
    """When the file was made: an RFC 3339 time; without a zone it is UTC."""
    title: str
    """What the file is for, in a few words."""
    description: str | None = None
    """What the file is for, at length."""
    mode: _Mode = AltMode.NORMAL
    """How freely the AI service should treat the tasks: normal, dream, explore or chaos, in any letter case."""
    persona: str | None = None
    """Who the AI service should speak as."""
    tasks: list[Task]
    """The tasks, in any order."""
    metadata: dict[str, Any] | None = None
    """Free object, copied to the result."""
    priority: _Priority | None = None
    """Of tasks that have none of their own."""
    tags: list[str] | None = None
    """Free labels."""
    expected_completion_time: _Seconds | None = None
    """Seconds the author expects the whole run to take."""

    def get_task(self, task_id: str) -> Task | None:
        """The task with this id, or None. It looks through the file each time."""
        return next((task for task in self.tasks if task.id == task_id), None)

    def get_root_tasks(self) -> list[Task]:
        """The tasks that wait for no other, in file order."""
        return [task for task in self.tasks if not task.dependencies]

    def get_dependent_tasks(self, task_id: str) -> list[Task]:
        """The tasks that list this one among their dependencies, in file order."""
        return [task for task in self.tasks if task_id in (task.dependencies or ())]

    def get_tasks_by_tag(self, tag: str) -> list[Task]:
        """The tasks that carry this tag themselves, in file order."""
        return [task for task in self.tasks if tag in (task.tags or ())]

    def get_tasks_by_priority(self, priority: Priority | str) -> list[Task]:
        """The tasks that run with this priority: their own, else the file's, else medium; in file order."""
        default = self.priority or Priority.MEDIUM
        return [task for task in self.tasks if (task.priority or default) == priority]

    def get_tasks_by_status(self, status: TaskStatus | str) -> list[Task]:
        """The tasks with this status in the file (none means pending), in file order."""
        return [task for task in self.tasks if (task.status or TaskStatus.PENDING) == status]

    def execution_order(self) -> list[str]:
        """The task ids in an order in which they can run one by one: that of the file where it can be.

        Raises:
            AltValidationError: the file has errors; `diagnostics` names them.
        """
        from altlas_runner.alt_file.graph import TaskGraph
        from altlas_runner.alt_file.validator import validate_alt_file
        from altlas_runner.errors import AltValidationError

        diagnostics = validate_alt_file(self)
        if any(diagnostic.severity == "error" for diagnostic in diagnostics):
            raise AltValidationError(diagnostics)
        graph = TaskGraph.from_alt_file(self)
        return [graph.ids[index] for index in graph.order]


def as_document(alt_file: AltFile) -> dict[str, Any]:
    """A file as the dictionaries that its models keep, to be looked at and not changed; no value is copied.

    Fields that were not set have their defaults here. Known fields come first, in the order of the models.
    """
    tasks = [
        {**task.__dict__, **task.__pydantic_extra__} if task.__pydantic_extra__ else task.__dict__
        for task in alt_file.tasks
    ]
    return {**alt_file.__dict__, **(alt_file.__pydantic_extra__ or {}), "tasks": tasks}

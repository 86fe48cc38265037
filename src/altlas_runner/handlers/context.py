"""What a handler is given."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from altlas_runner import log_records
from altlas_runner.alt_file import Task
from altlas_runner.execution import RunInfo
from altlas_runner.handlers.artifact_directory import ArtifactDirectory, temporary_artifacts_path
from altlas_runner.handlers.json_values import json_copy

__all__ = ["HandlerContext", "TaskLog"]


class TaskLog(logging.LoggerAdapter[logging.Logger]):
    """Puts the task's id before each message."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """The message as it is logged."""
        task_id = json.dumps((self.extra or {}).get("task_id")).replace("%", "%%")
        return f"task {task_id}: {msg}", kwargs


def _no_listener(kind: str, fields: Mapping[str, Any]) -> None:
    """Drop a progress report that nobody listens to."""


@dataclass(frozen=True, slots=True)
class HandlerContext:
    """One attempt at a task, as a handler sees it. To try a handler by hand, a task is enough.

    Attributes:
        task: what to do, output references already resolved.
        run: the run it belongs to (run_id, mode, persona, metadata).
        attempt: counted from 1.
        outputs: of the direct dependencies, by task id. To be read only: others are given the same values.
        deadline: instant on `time.monotonic()` by which the whole task must have ended, or None.
        artifacts: the task's own directory for files.
        log: a logger that names the task.
        listener: told what the handler emits.
        stop: set when the attempt is told to stop; the handler reads `cancelled`.

    Example:
        >>> context = HandlerContext(Task(id="a", description="halve it", parameters={"width": 800}))
        >>> context.parameters["width"] // 2
        400
    """

    task: Task
    run: RunInfo = field(default_factory=lambda: RunInfo("last_by_hand"))
    attempt: int = 1
    outputs: Mapping[str, Any] = field(default_factory=dict)
    deadline: float | None = None
    artifacts: ArtifactDirectory = field(default_factory=lambda: ArtifactDirectory(temporary_artifacts_path(), "task"))
    listener: Callable[[str, Mapping[str, Any]], None] = field(default=_no_listener, repr=False)
    stop: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The task's parameters, output references already resolved; empty when it has none."""
        return self.task.parameters or {}

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """A logger that names the task; from a process handler its messages travel to the runner's logger."""
        return TaskLog(logging.getLogger(log_records.HANDLERS), {"task_id": self.task.id})

    @property
    def remaining_seconds(self) -> float | None:
        """Seconds until the deadline, 0 when it has passed; None without a deadline."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())

    @property
    def cancelled(self) -> bool:
        """Whether the attempt was told to stop (deadline or cancel).

        A plain function in a thread cannot be interrupted: it should look here now and then. An async function gets
        `asyncio.CancelledError`; a process is killed.
        """
        return self.stop.is_set()

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt of this task in this run: for services that must not do a thing twice."""
        return self.run.idempotency_key(self.task.id)

    def emit(self, kind: str, **fields: Any) -> None:
        """Report progress to the observers of the run: a kind and any JSON fields.

        Raises:
            HandlerError: a field is no JSON.
        """
        self.listener(kind, json_copy(fields, "the progress report"))

"""The executor of a run with handlers: tasks of their types run in Python, all others go on to another executor."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

from altlas_runner.alt_file import AltFile, Task
from altlas_runner.alt_file.diagnostics import quoted
from altlas_runner.alt_file.spelling import Spelling
from altlas_runner.errors import ConfigurationError
from altlas_runner.execution import Executor, Outcome, RetryingExecutor, TaskAttempt
from altlas_runner.handlers.artifact_directory import temporary_artifacts_path
from altlas_runner.handlers.declaring import Handler
from altlas_runner.handlers.host import HandlerHost
from altlas_runner.handlers.places import is_loading_script
from altlas_runner.retrying import RetryPolicy

__all__ = ["HandlerEngine", "HandlerExecutor", "handled_tasks", "task_type_of"]

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")


def task_type_of(task: Task) -> str | None:
    """The type of a task as it stands in the file: a reference in it is not followed.

    What an AI service answers must not decide which code runs.
    """
    task_type = (task.parameters or {}).get("task_type")
    return task_type if isinstance(task_type, str) else None


def handled_tasks(tasks: Iterable[Task], handlers: Mapping[str, Handler]) -> dict[str, Handler]:
    """The handler of each task that has one, by task id."""
    if not handlers:
        return {}
    found = ((task.id, handlers.get(task_type_of(task) or "")) for task in tasks)
    return {task_id: handler for task_id, handler in found if handler is not None}


class HandlerEngine(Executor, Protocol):
    """An executor that runs handlers of its own somewhere else, such as on a cluster.

    It is given the tasks of their types only, and the files that it names in `Outcome.artifacts` stand in
    `TaskAttempt.files`.
    """

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """The handlers by task type."""
        ...


class HandlerExecutor:
    """Makes the attempts of one run.

    Args:
        alt_file: what is run; it says which task is of which type.
        handlers: by task type.
        executor: for all other tasks; None when there are none.
        engine: runs handlers of its own elsewhere; those given here go before them.
        host: runs the handlers, and is left open; None takes a new one, which `aclose` closes.
        artifacts_dir: where each task with a handler gets a directory for its files; None takes a temporary one.

    Attributes:
        handled: the handler of each task that has one, by task id.

    Raises:
        ConfigurationError: a task has no handler and there is no other executor, or a process could not find a
            handler.
    """

    def __init__(
        self,
        alt_file: AltFile,
        handlers: Mapping[str, Handler],
        executor: Executor | None,
        *,
        engine: HandlerEngine | None = None,
        host: HandlerHost | None = None,
        artifacts_dir: Path | None = None,
    ) -> None:
        if is_loading_script():
            raise ConfigurationError(
                "the process of a handler is loading this script, which starts a run by itself: "
                'put what it runs under `if __name__ == "__main__":`'
            )
        here = handled_tasks(alt_file.tasks, handlers)
        there = handled_tasks(alt_file.tasks, engine.handlers) if engine is not None else {}
        self._handler_of = {**there, **here}
        self._elsewhere = there.keys() - here.keys()
        self._executor = executor
        self._engine = engine
        if executor is None:
            known = {**(engine.handlers if engine is not None else {}), **handlers}
            _refuse_tasks_without_handler(alt_file, self._handler_of, known)
        for each in {handler.name: handler for handler in here.values()}.values():
            if each.runs_in == "process":
                each.place()  # says now what is wrong with it
        self._directory_number = {task_id: number for number, task_id in enumerate(self._handler_of)}
        self._artifacts_dir = (artifacts_dir or temporary_artifacts_path()).absolute()
        self._host = host or HandlerHost()
        self._owns_host = host is None

    @property
    def handled(self) -> Mapping[str, Handler]:
        """The handler of each task that has one, by task id."""
        return self._handler_of

    @property
    def retry_policy(self) -> RetryPolicy:
        """The policy of the other executor."""
        return self._executor.retry_policy if isinstance(self._executor, RetryingExecutor) else RetryPolicy()

    async def attempt(self, attempt: TaskAttempt) -> Outcome:
        """Make one try, in Python when the task has a handler."""
        task_id = attempt.task.id
        handler = self._handler_of.get(task_id)
        if handler is None:
            assert self._executor is not None
            return await self._executor.attempt(attempt)
        attempt.files = self.files_of(task_id)
        if task_id in self._elsewhere:
            assert self._engine is not None
            return await self._engine.attempt(attempt)
        return await self._host.run(handler, attempt)

    def files_of(self, task_id: str) -> Path | None:
        """The directory in which the handler of a task may put files; None for a task without handler."""
        number = self._directory_number.get(task_id)
        return None if number is None else self._artifacts_dir / f"{number}-{_UNSAFE.sub('_', task_id[:40])}"

    async def aclose(self) -> None:
        """Leave no process behind, and no thread but those that refuse to stop, unless they are somebody else's."""
        if self._owns_host:
            await self._host.aclose()


def _refuse_tasks_without_handler(
    alt_file: AltFile, handled: Mapping[str, Handler], handlers: Mapping[str, Handler]
) -> None:
    for task in alt_file.tasks:
        if task.id not in handled:
            task_type = task_type_of(task)
            what = "has no task_type" if task_type is None else f"is of the type {quoted(task_type)}"
            known = ", ".join(sorted(handlers)) or "none"
            help_text = Spelling(handlers).help(task_type or "")
            raise ConfigurationError(
                f"task {quoted(task.id)} {what}; there is no handler for it (there are: {known}) and no executor was "
                "given" + (f"; {help_text}" if help_text else "")
            )

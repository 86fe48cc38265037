"""The executor of a run with handlers: tasks of their types run in Python, all others go on to another executor."""

from __future__ import annotations

import asyncio
import inspect
import logging
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from altlas_runner.alt_file import AltFile, Task
from altlas_runner.alt_file.diagnostics import quoted
from altlas_runner.alt_file.spelling import Spelling
from altlas_runner.errors import ConfigurationError
from altlas_runner.execution import Executor, Outcome, RetryingExecutor, TaskAttempt
from altlas_runner.retrying import RetryPolicy
from altlas_runner.handlers.artifact_directory import ArtifactDirectory, temporary_artifacts_path
from altlas_runner.handlers.context import LOGGER_NAME, HandlerContext
from altlas_runner.handlers.declaring import FunctionPlace, Handler
from altlas_runner.handlers.outcomes import call, failure_of, outcome_of
from altlas_runner.handlers.threads import Threads
from altlas_runner.handlers.worker_pool import WorkerPool

__all__ = ["HandlerExecutor", "handled_tasks", "task_type_of"]

_log = logging.getLogger("altlas_runner")

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")

loading_script = False
"""Whether this is a worker process that is loading the script in which a handler stands."""


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


class HandlerExecutor:
    """Makes the attempts of one run.

    Args:
        alt_file: what is run; it says which task is of which type.
        handlers: by task type.
        executor: for all other tasks; None when there are none.
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
        artifacts_dir: Path | None = None,
    ) -> None:
        if loading_script:
            raise ConfigurationError(
                "the process of a handler is loading this script, which starts a run by itself: "
                'put what it runs under `if __name__ == "__main__":`'
            )
        self._handler_of = handled_tasks(alt_file.tasks, handlers)
        self._executor = executor
        if executor is None:
            _refuse_tasks_without_handler(alt_file, self._handler_of, handlers)
        used = {handler.name: handler for handler in self._handler_of.values()}
        self._places = {name: each.place() for name, each in used.items() if each.runs_in == "process"}
        self._directory_number = {task_id: number for number, task_id in enumerate(self._handler_of)}
        self._artifacts_dir = (artifacts_dir or temporary_artifacts_path()).absolute()
        self._threads = Threads()
        self._workers = WorkerPool()

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
        handler = self._handler_of.get(attempt.task.id)
        if handler is None:
            assert self._executor is not None
            return await self._executor.attempt(attempt)
        context = self._context(attempt)
        try:
            if handler.runs_in == "process":
                return await self._in_process(self._places[handler.name], attempt, context)
            if handler.runs_in == "thread":
                work = partial(call, handler.function, context)
                return await self._threads.run(work, context.stop)
            return await _in_loop(handler, context)
        except Exception as error:  # no process, no thread
            return failure_of(error)

    def files_of(self, task_id: str) -> Path | None:
        """The directory in which the handler of a task may put files; None for a task without handler."""
        number = self._directory_number.get(task_id)
        return None if number is None else self._artifacts_dir / f"{number}-{_UNSAFE.sub('_', task_id[:40])}"

    async def aclose(self) -> None:
        """Leave no process behind, and no thread but those that refuse to stop."""
        self._threads.close()
        await self._workers.aclose()

    def _context(self, attempt: TaskAttempt) -> HandlerContext:
        loop = asyncio.get_running_loop()
        files = self.files_of(attempt.task.id)
        assert files is not None
        return HandlerContext(
            task=attempt.task,
            run=attempt.run,
            attempt=attempt.number,
            outputs=attempt.context,
            deadline=None if attempt.deadline is None else time.monotonic() + (attempt.deadline - loop.time()),
            artifacts=ArtifactDirectory(files.parent, files.name),
            listener=partial(_tell, loop, threading.get_ident(), attempt.emit),
        )

    async def _in_process(self, place: FunctionPlace, attempt: TaskAttempt, context: HandlerContext) -> Outcome:
        run = attempt.run
        request = {
            "module": place.module,
            "script": place.script,
            "name": place.name,
            "task": attempt.task.model_dump_json(exclude_unset=True),
            "run": {"run_id": run.run_id, "mode": run.mode, "persona": run.persona, "metadata": dict(run.metadata)},
            "attempt": attempt.number,
            "outputs": dict(attempt.context),
            "remaining_seconds": context.remaining_seconds,
            "artifacts": str(self._artifacts_dir),
            "artifacts_name": context.artifacts.name,
            "log_level": logging.getLogger(LOGGER_NAME).getEffectiveLevel(),
        }
        return await self._workers.run(request, partial(_pass_on, attempt.emit))


async def _in_loop(handler: Handler, context: HandlerContext) -> Outcome:
    try:
        value = handler.function(context)
        return outcome_of(await value if inspect.isawaitable(value) else value, context.artifacts)
    except (KeyboardInterrupt, GeneratorExit):  # not the handler's: somebody ends the program
        raise
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            context.stop.set()
            raise
        return failure_of(error)  # the handler raised it by itself
    except BaseException as error:  # SystemExit among them: it must not end the program
        _log.debug("the handler raised", exc_info=True)
        return failure_of(error)


def _tell(
    loop: asyncio.AbstractEventLoop,
    thread_id: int,
    emit: Callable[[str, Mapping[str, Any]], None],
    kind: str,
    fields: Mapping[str, Any],
) -> None:
    """Report progress on the loop's thread, wherever the handler runs."""
    if threading.get_ident() == thread_id:
        emit(kind, fields)
    elif not loop.is_closed():
        loop.call_soon_threadsafe(emit, kind, fields)


def _pass_on(emit: Callable[[str, Mapping[str, Any]], None], message: Mapping[str, Any]) -> None:
    """Pass on what a handler says from its process."""
    if "log" in message:
        level, text = message["log"]
        logging.getLogger(LOGGER_NAME).log(level, "%s", text)
    else:
        emit(*message["emit"])


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

"""Where handlers run: in the event loop, in threads, in processes that a stop kills."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from altlas_runner import log_records
from altlas_runner.execution import Outcome, TaskAttempt
from altlas_runner.handlers.artifact_directory import ArtifactDirectory
from altlas_runner.handlers.context import HandlerContext
from altlas_runner.handlers.declaring import Handler
from altlas_runner.handlers.outcomes import call, failure_of, outcome_of
from altlas_runner.handlers.places import FunctionPlace
from altlas_runner.handlers.threads import Threads
from altlas_runner.handlers.worker_pool import WorkerPool

__all__ = ["HandlerHost"]

_log = logging.getLogger("altlas_runner")


class HandlerHost:
    """Runs handlers for attempts that have a directory for files (`TaskAttempt.files`).

    Threads and processes are kept for the next handler until the host is closed.
    """

    def __init__(self) -> None:
        self._threads = Threads()
        self._workers = WorkerPool()

    async def run(self, handler: Handler, attempt: TaskAttempt) -> Outcome:
        """Run a handler where it wants to run. When this is cancelled, it is told to stop, or killed."""
        if handler.runs_in == "process":
            return await self.run_in_process(handler.place(), attempt)
        context = _context(attempt)
        try:
            if handler.runs_in == "thread":
                return await self._threads.run(partial(call, handler.function, context), context.stop)
            return await _in_loop(handler, context)
        except Exception as error:  # no thread
            return failure_of(error)

    async def run_in_process(self, place: FunctionPlace, attempt: TaskAttempt) -> Outcome:
        """Run the function at a place in a process. When this is cancelled, the process is killed and waited for."""
        context = _context(attempt)
        assert attempt.files is not None
        request = {
            "module": place.module,
            "script": place.script,
            "name": place.name,
            "task": attempt.task.model_dump_json(exclude_unset=True),
            "run": attempt.run.as_seen_by(attempt.task.id),
            "attempt": attempt.number,
            "outputs": dict(attempt.context),
            "remaining_seconds": context.remaining_seconds,
            "artifacts": str(attempt.files.parent),
            "artifacts_name": attempt.files.name,
            "log_level": logging.getLogger(log_records.HANDLERS).getEffectiveLevel(),
        }
        try:
            return await self._workers.run(request, partial(_pass_on, attempt.emit))
        except Exception as error:  # no process
            return failure_of(error)

    async def aclose(self) -> None:
        """Leave no process behind, and no thread but those that refuse to stop."""
        self._threads.close()
        await self._workers.aclose()


def _context(attempt: TaskAttempt) -> HandlerContext:
    loop = asyncio.get_running_loop()
    assert attempt.files is not None
    return HandlerContext(
        task=attempt.task,
        run=attempt.run,
        attempt=attempt.number,
        outputs=attempt.context,
        deadline=None if attempt.deadline is None else time.monotonic() + (attempt.deadline - loop.time()),
        artifacts=ArtifactDirectory(attempt.files.parent, attempt.files.name),
        listener=partial(_tell, loop, threading.get_ident(), attempt.emit),
    )


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
        logging.getLogger(log_records.HANDLERS).log(level, "%s", text)
    else:
        emit(*message["emit"])

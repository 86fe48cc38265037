"""`DaskExecutor`: handlers on the workers of a Dask cluster, one attempt at a time, behind the Executor protocol."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from altlas_runner.dask_executor.by_reference import MOST_INLINE_BYTES, ReferenceStore, StoreError, is_reference
from altlas_runner.dask_executor.connection import DaskConnection, LostError, Where
from altlas_runner.dask_executor.envelope import Reply, TaskCall, payload_of
from altlas_runner.dask_executor.worker_side import run_task
from altlas_runner.execution import Outcome, TaskAttempt
from altlas_runner.handlers import Handler, HandlerSource, collect_handlers, source_digest, task_type_of
from altlas_runner.handlers.outcomes import outcome_from_json
from altlas_runner.redaction import Redactor

__all__ = ["DaskExecutor"]


class DaskExecutor:
    """Runs handlers on a Dask cluster: `async def` in the event loop of a worker, any other in a process there.

    Give it to a `TaskManager` as its engine; what the handlers do not do goes to the manager's own executor. It makes
    one attempt at a time for each task and never retries; an attempt whose worker is lost fails with WORKER_LOST, and
    the task's `retry_count` says how often it is tried again.

    Use it as an async context manager.

    Args:
        where: the address of a Dask scheduler, a `distributed.Client`, a cluster such as `LocalCluster`, or an opened
            `DaskConnection`, which is shared and left open.
        handlers: functions by task type, or a list of functions that `@handler` named and of texts `module:attribute`.
            Workers must be able to import their modules.
        store: what takes contents of more than 1 MiB: a directory that the driver and all workers share, or an fsspec
            URL. None: an attempt with such a content fails.
        redactor: knows secrets of the run. Workers are told those that a task is given, and keep them out of the log,
            as they do with values under key-like names.

    Raises:
        ConfigurationError: a worker could not find one of the functions.
        StoreError: the store cannot be used here.

    Example:
        >>> async with DaskExecutor("tcp://10.0.0.1:8786", ["my_package.pictures:resize"]) as engine:  # doctest: +SKIP
        ...     results = await TaskManager(alt_file, None, 64, engine=engine).run()
    """

    def __init__(
        self,
        where: Where | DaskConnection,
        handlers: HandlerSource,
        *,
        store: str | None = None,
        redactor: Redactor | None = None,
    ) -> None:
        self._connection = where if isinstance(where, DaskConnection) else DaskConnection(where)
        self._opens = not isinstance(where, DaskConnection)
        self._handlers = collect_handlers(handlers)
        self._places = {name: each.place() for name, each in self._handlers.items()}
        self._digests = {name: source_digest(place) for name, place in self._places.items()}
        self._store = ReferenceStore(store)
        self._redactor = redactor or Redactor(())

    async def __aenter__(self) -> Self:
        if self._opens:
            await self._connection.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._opens:
            await self._connection.__aexit__(kind, error, traceback)

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """The handlers by task type."""
        return self._handlers

    async def attempt(self, attempt: TaskAttempt) -> Outcome:
        """Make one try on a worker. When this is cancelled, the worker is told to stop it."""
        handler = self._handlers.get(task_type_of(attempt.task) or "")
        if handler is None:
            return Outcome.failed("HANDLER_UNKNOWN", "there is no handler for tasks of this type on the Dask cluster")
        payload: Any = None
        try:
            payload = await self._packed(attempt)
            call = self._call(handler, attempt, payload)
            body = {"task": call.to_json(), "store": self._store.url}
            reply = await self._connection.call(run_task, body, partial(_tell, attempt.emit))
            if reply.kind == "refused":
                return _at(Outcome.failed("DASK_MISMATCH", reply.body), reply.worker)
            return _at(await self._unpacked(reply, attempt.files), reply.worker)
        except LostError as error:
            return _at(Outcome.failed(error.code, str(error), retry="yes"), error.worker)
        except StoreError as error:
            return Outcome.failed("DASK_STORE", str(error))
        finally:
            if is_reference(payload):
                await asyncio.to_thread(self._store.remove, payload)

    def _call(self, handler: Handler, attempt: TaskAttempt, payload: Any) -> TaskCall:
        place = self._places[handler.name]
        loop = asyncio.get_running_loop()
        return TaskCall(
            run_id=attempt.run.run_id,
            task_id=attempt.task.id,
            attempt=attempt.number,
            idempotency_key=attempt.idempotency_key,
            handler=handler.name,
            module=place.module,
            script=place.script,
            function=place.name,
            runs_in="loop" if handler.runs_in == "loop" else "process",
            digest=self._digests[handler.name],
            remaining_seconds=None if attempt.deadline is None else max(0.0, attempt.deadline - loop.time()),
            payload=payload,
            secrets=self._secrets_given(attempt) if self._redactor else [],
        )

    def _secrets_given(self, attempt: TaskAttempt) -> list[str]:
        return self._redactor.found_in([attempt.task.model_dump(), dict(attempt.context), dict(attempt.run.metadata)])

    async def _packed(self, attempt: TaskAttempt) -> Any:
        """The payload as it travels: a text, or a reference to a long one."""
        content = payload_of(attempt)
        if len(content) <= MOST_INLINE_BYTES:
            return content.decode()
        return await asyncio.to_thread(self._store.put, content)

    async def _unpacked(self, reply: Reply, files: Path | None) -> Outcome:
        """The outcome in a reply, its files where the task may have files."""
        found = reply.body["outcome"]
        if is_reference(found):
            found = await asyncio.to_thread(self._taken, found)
        outcome = outcome_from_json(json.loads(found))
        if any(is_reference(artifact.get("path")) for artifact in outcome.artifacts):
            artifacts = await asyncio.to_thread(self._taken_files, outcome.artifacts, files)
            outcome = replace(outcome, artifacts=artifacts)
        return outcome

    def _taken(self, reference: Mapping[str, Any]) -> bytes:
        try:
            return self._store.take(reference)
        finally:
            self._store.remove(reference)

    def _taken_files(self, artifacts: Any, files: Path | None) -> list[dict[str, Any]]:
        taken = []
        for artifact in artifacts:
            if is_reference(reference := artifact.get("path")):
                if files is None:
                    raise StoreError(
                        "a handler gave away a file of more than 1 MiB, which only a run with handlers keeps"
                    )
                files.mkdir(mode=0o700, parents=True, exist_ok=True)
                path = files / uuid4().hex  # the artifact has its name beside it
                self._store.take_file(reference, path)
                self._store.remove(reference)
                artifact = {**artifact, "path": str(path)}
            taken.append(artifact)
        return taken


def _tell(emit: Callable[[str, Mapping[str, Any]], None], body: Any) -> None:
    emit(body["kind"], body["fields"])


def _at(outcome: Outcome, worker: str | None) -> Outcome:
    """The outcome, and which worker made it."""
    return replace(outcome, service=worker)

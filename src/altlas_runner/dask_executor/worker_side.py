"""`run_task`: what a worker does for one attempt at a task."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from altlas_runner import log_records
from altlas_runner.dask_executor.by_reference import MOST_INLINE_BYTES, ReferenceStore, StoreError, is_reference
from altlas_runner.dask_executor.envelope import TaskCall, attempt_of, check_digest
from altlas_runner.dask_executor.serving import Say, Service, serve
from altlas_runner.errors import ConfigurationError
from altlas_runner.execution import DEADLINE_PASSED, Outcome, TaskAttempt
from altlas_runner.handlers import Handler, load_function, source_digest
from altlas_runner.handlers.artifact_directory import temporary_artifacts
from altlas_runner.handlers.outcomes import outcome_to_json
from altlas_runner.redaction import Redactor, secrets_in

__all__ = ["run_task"]


async def run_task(content: bytes) -> bytes:
    """Make one attempt at a task; both sides are bytes that `envelope` describes."""
    return await serve(content, _attempt)


async def _attempt(body: Mapping[str, Any], service: Service, say: Say) -> dict[str, Any]:
    call = TaskCall.from_json(body["task"])
    try:
        store = ReferenceStore(body["store"])
        check_digest(call.handler, call.place, call.digest, source_digest(call.place))
        payload: Any = call.payload
        if is_reference(payload):
            payload = (await asyncio.to_thread(store.take, payload)).decode()
    except ConfigurationError as error:
        return _answer(Outcome.failed("DASK_WORKER", str(error)))
    except StoreError as error:
        return _answer(Outcome.failed("DASK_STORE", str(error)))
    attempt = attempt_of(call, payload)
    attempt.emit = partial(_emit, say)
    with temporary_artifacts() as directory:
        attempt.files = directory / "task"
        try:
            async with asyncio.timeout(call.remaining_seconds) as limit:
                if call.remaining_seconds is not None:
                    attempt.deadline = limit.when()
                with log_records.redacted(_redactor(call, attempt)):
                    outcome = await _run(call, attempt, service)
        except TimeoutError:
            return _answer(Outcome.failed(DEADLINE_PASSED, "the task's deadline passed on the worker"))
        try:
            return await asyncio.to_thread(_pack, outcome, store)
        except (StoreError, OSError) as error:
            return _answer(Outcome.failed("DASK_STORE", str(error)))
        except (ValueError, TypeError) as error:  # an integer too long to print, an odd field of an Outcome
            return _answer(Outcome.failed("HANDLER_OUTPUT", f"the output is no JSON: {error}"))


async def _run(call: TaskCall, attempt: TaskAttempt, service: Service) -> Outcome:
    if call.runs_in == "process":
        return await service.host.run_in_process(call.place, attempt)
    try:
        function = await asyncio.to_thread(load_function, call.place)
    except BaseException as error:  # a foreign module may raise anything
        if isinstance(error, asyncio.CancelledError):
            raise
        return Outcome.failed(
            "HANDLER_NOT_LOADED", f"the worker cannot load the handler: {type(error).__name__}: {error}"
        )
    return await service.host.run(Handler(call.handler, function, "loop"), attempt)


def _redactor(call: TaskCall, attempt: TaskAttempt) -> Redactor:
    """Takes out what the driver calls a secret, and what stands under a key-like name: others read the log here."""
    return Redactor([*call.secrets, *secrets_in(attempt.task.parameters)])


def _emit(say: Say, kind: str, fields: Mapping[str, Any]) -> None:
    say({"kind": kind, "fields": dict(fields)})


def _answer(outcome: Outcome) -> dict[str, Any]:
    return {"outcome": json.dumps(outcome_to_json(outcome))}


def _pack(outcome: Outcome, store: ReferenceStore) -> dict[str, Any]:
    """The outcome as it travels: files inside it or by reference, and itself by reference when it is long."""
    found = outcome_to_json(outcome)
    room = MOST_INLINE_BYTES // 2
    given = []
    for artifact in found["artifacts"]:
        if "path" in artifact:
            path = Path(artifact["path"])
            size = path.stat().st_size
            rest = {name: value for name, value in artifact.items() if name != "path"}
            if size <= room:
                room -= size
                artifact = {**rest, "content_base64": base64.b64encode(path.read_bytes()).decode()}
            else:
                artifact = {**rest, "path": store.put_file(path)}
        given.append(artifact)
    text = json.dumps({**found, "artifacts": given})
    return {"outcome": text if len(text) <= MOST_INLINE_BYTES else store.put(text.encode())}

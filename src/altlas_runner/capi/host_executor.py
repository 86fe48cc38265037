"""A C program as the Executor: attempts go out as JSON, outcomes come back as JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import to_json

from altlas_runner.execution import Outcome, TaskAttempt
from altlas_runner.last_file.json_values import as_json_value
from altlas_runner.results import Usage

__all__ = ["HostExecutor", "HostTask"]

HostTask = Callable[[bytes], bytes | None]
"""Makes one attempt: the attempt as JSON in, the outcome as JSON out, or None."""


class HostExecutor:
    """Makes each attempt by a call into the host, on a thread of its own: a call may take as long as it likes.

    As a context manager: at the end of the block no call is going on any more. A call cannot be stopped, so one whose
    attempt was given up (deadline, cancellation) is waited for there.

    Args:
        call: the host's callback.
        most: how many calls there may be at one time.
    """

    def __init__(self, call: HostTask, most: int) -> None:
        self._call = call
        self._threads = ThreadPoolExecutor(most, thread_name_prefix="altlas_runner host")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(cancel_futures=True)

    async def attempt(self, attempt: TaskAttempt) -> Outcome:
        """Let the host make one try."""
        loop = asyncio.get_running_loop()
        left = None if attempt.deadline is None else max(0.0, attempt.deadline - loop.time())
        return await loop.run_in_executor(self._threads, self._ask, attempt_to_json(attempt, left))

    def _ask(self, attempt_json: bytes) -> Outcome:
        outcome_json = self._call(attempt_json)
        if outcome_json is None:
            return Outcome.failed("EXECUTOR_ERROR", "the host program returned no outcome (NULL)")
        return outcome_from_json(outcome_json)


def attempt_to_json(attempt: TaskAttempt, seconds_left: float | None) -> bytes:
    """An attempt as the host sees it."""
    run = attempt.run
    return to_json(
        as_json_value(
            {
                "task": attempt.task.model_dump(mode="json"),
                "number": attempt.number,
                "run": {
                    "run_id": run.run_id,
                    "mode": run.mode,
                    "persona": run.persona,
                    "metadata": dict(run.metadata),
                },
                "context": dict(attempt.context),
                "previous": [asdict(earlier) for earlier in attempt.previous],
                "idempotency_key": attempt.idempotency_key,
                "deadline_seconds": seconds_left,
            }
        )
    )


class _Artifact(BaseModel):
    """Content only: the files of a bundle are never named by who makes an output."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str
    mime_type: str | None = None
    content: Any = None
    content_base64: str | None = None
    description: str | None = None
    metadata: dict[str, Any] | None = None


class _Outcome(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    ok: bool
    output: Any = None
    usage: Usage | None = None
    artifacts: list[_Artifact] = []
    error_code: str = "HOST_FAILED"
    error: str = "the host program gave no reason"
    retry: Literal["no", "once", "yes"] = "no"
    retry_after: float | None = Field(None, ge=0, allow_inf_nan=False)


def outcome_from_json(text: bytes) -> Outcome:
    """What the host says of its attempt. What is no outcome is a failure that says why."""
    try:
        said = _Outcome.model_validate_json(text)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = "".join(f"/{part}" for part in problem["loc"])
        return Outcome.failed(
            "EXECUTOR_BAD_OUTCOME", f"what the host program returned is no outcome: {place or 'it'}: {problem['msg']}"
        )
    if said.ok:
        artifacts = [artifact.model_dump(exclude_unset=True) for artifact in said.artifacts]
        return Outcome.completed(said.output, artifacts=artifacts, usage=said.usage)
    return Outcome.failed(said.error_code, said.error, retry=said.retry, retry_after=said.retry_after, usage=said.usage)

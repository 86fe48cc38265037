"""What the driver and a worker say to each other: a call there, a reply or progress back. Pure, JSON in bytes.

A worker refuses a call of another protocol or library version, and one whose handler is not the one that the driver
has: what runs must be what was meant.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from altlas_runner import __version__
from altlas_runner.alt_file import Task
from altlas_runner.execution import RunInfo, TaskAttempt
from altlas_runner.handlers import FunctionPlace

__all__ = [
    "PROTOCOL",
    "Call",
    "MismatchError",
    "Reply",
    "TaskCall",
    "attempt_of",
    "check_digest",
    "open_call",
    "open_reply",
    "payload_of",
    "seal_call",
    "seal_reply",
]

PROTOCOL = 3
"""Raised by every change of what stands in a call or a reply."""


class MismatchError(Exception):
    """A call that this worker must not run; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Call:
    """Something that a worker is asked to do.

    Attributes:
        key: of the call, by which its reply is known; also its key in Dask.
        topic: where the driver listens.
        body: what is asked, any JSON.
    """

    key: str
    topic: str
    body: Any


@dataclass(frozen=True, slots=True)
class Reply:
    """What a worker answers.

    Attributes:
        key: of the call.
        kind: done; refused (it was not run); progress (more comes).
        worker: who did it: its address.
        seconds: how long it took.
        body: any JSON; the reason in words when it was refused.
    """

    key: str
    kind: Literal["done", "refused", "progress"]
    worker: str
    seconds: float
    body: Any


@dataclass(frozen=True, slots=True)
class TaskCall:
    """One attempt at a task, as it travels.

    Attributes:
        run_id: of the run.
        task_id: of the task.
        attempt: its number, from 1.
        idempotency_key: the same for every attempt of the task.
        handler: the task type.
        module: in which its function stands, or None for a script.
        script: the path of the script, or None.
        function: its name there.
        runs_in: the worker's event loop, or a process that a stop kills.
        digest: SHA-256 of the source in which the function stands.
        remaining_seconds: until the task's deadline when the call was sent, or None.
        payload: what `payload_of` made, or a reference to it.
        secrets: texts in the payload that must not show in a log.
    """

    run_id: str
    task_id: str
    attempt: int
    idempotency_key: str
    handler: str
    module: str | None
    script: str | None
    function: str
    runs_in: Literal["loop", "process"]
    digest: str
    remaining_seconds: float | None
    payload: Any
    secrets: list[str]

    @property
    def place(self) -> FunctionPlace:
        """Where the function stands."""
        return FunctionPlace(self.module, self.script, self.function)

    def to_json(self) -> dict[str, Any]:
        """The body of a call."""
        return asdict(self)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> TaskCall:
        """What `to_json` made."""
        return cls(**body)


def payload_of(attempt: TaskAttempt) -> bytes:
    """What the handler is given: the task, the outputs of its dependencies, the run."""
    return _packed(
        {
            "task": attempt.task.model_dump_json(exclude_unset=True),
            "outputs": dict(attempt.context),
            "run": attempt.run.as_seen_by(attempt.task.id),
        }
    )


def attempt_of(call: TaskCall, payload: bytes) -> TaskAttempt:
    """The attempt that a worker makes; deadline, files and listener are the worker's to fill in."""
    found = json.loads(payload)
    task = Task.model_validate_json(found["task"])
    return TaskAttempt(task, call.attempt, RunInfo(**found["run"]), context=found["outputs"])


def seal_call(call: Call) -> bytes:
    """The bytes of a call."""
    return _packed({"protocol": PROTOCOL, "library": __version__, **asdict(call)})


def open_call(content: bytes) -> tuple[Call, str | None]:
    """The call in these bytes, and why it must be refused, or None."""
    found = json.loads(content)
    call = Call(found["key"], found["topic"], found["body"])
    theirs, ours = (found["protocol"], found["library"]), (PROTOCOL, __version__)
    if theirs == ours:
        return call, None
    return call, (
        f"the driver runs altlas-runner {theirs[1]} (protocol {theirs[0]}), "
        f"this worker {ours[1]} (protocol {ours[0]}): install the same version on both"
    )


def check_digest(handler: str, place: FunctionPlace, digest: str, found: str) -> None:
    """Refuse a handler that is not the one that the driver has.

    Args:
        handler: the task type.
        place: where its function stands.
        digest: of its source on the driver.
        found: of its source here.

    Raises:
        MismatchError: the digests differ.
    """
    if digest != found:
        raise MismatchError(
            f'the handler "{handler}" in {place.module or place.script} is not the same on this worker as on the '
            "driver: install the same version of it on both, and restart the workers"
        )


def seal_reply(reply: Reply) -> bytes:
    """The bytes of a reply.

    Raises:
        ValueError: it is no JSON.
        TypeError: likewise.
    """
    return _packed(asdict(reply))


def open_reply(content: bytes) -> Reply:
    """The reply in these bytes."""
    return Reply(**json.loads(content))


def _packed(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()

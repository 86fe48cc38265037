"""The seam between scheduling and doing: an `Executor` makes one attempt at a task and says how it ended.

Every executor (AI service, Python handler, distributed engine) satisfies one protocol. It never retries, counts no
concurrency and skips nothing: all of that is the scheduler's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable
from urllib.parse import quote

from altlas_runner.alt_file import Task
from altlas_runner.results import Attempt, KeptArtifacts, Usage
from altlas_runner.retrying import RetryPolicy

__all__ = [
    "DEADLINE_PASSED",
    "NO_PREFERENCES",
    "ArtifactStore",
    "Executor",
    "Outcome",
    "Preferences",
    "Retry",
    "RetryingExecutor",
    "RunInfo",
    "TaskAttempt",
    "deadline_text",
    "no_listener",
]

Retry = Literal["no", "once", "yes"]
"""Whether another attempt may help: never, one more time with this error, or as often as the policy allows."""

_PLAIN = "".join(map(chr, range(0x21, 0x7F))).replace("%", "")

DEADLINE_PASSED = "AI_DEADLINE"
"""The error code of a task whose own deadline passed."""


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a run asks an AI service for where its tasks do not say; None leaves it to the configuration.

    Attributes:
        model: the model.
        temperature: of sampling, 0 to 2.
        max_tokens: longest answer in tokens, 1 or more.
        stream: whether answers are asked for piece by piece.
    """

    model: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    stream: bool | None = None


NO_PREFERENCES = Preferences()


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What an attempt may know of the run it belongs to.

    Attributes:
        run_id: `last_<uuid>`; the LAST file gets the same id.
        mode: the ALT file's mode (normal, dream, explore, chaos).
        persona: the ALT file's persona, or None.
        metadata: the ALT file's metadata, empty when there is none.
        editions: how often a task was asked for something new when the run was resumed, by task id; 0 for the others.
        preferences: what it asks for where its tasks do not say.
    """

    run_id: str
    mode: str = "normal"
    persona: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    editions: Mapping[str, int] = field(default_factory=dict)
    preferences: Preferences = NO_PREFERENCES

    def idempotency_key(self, task_id: str) -> str:
        """The key `<run id>:<task id>` of contract §6, percent-encoded where not printable ASCII.

        It is the same for every attempt at the task, until a resume asks it for something new: then `:1` follows, …

        Example:
            >>> RunInfo("last_1").idempotency_key("übersicht")
            'last_1:%C3%BCbersicht'
        """
        edition = self.editions.get(task_id)
        key = f"{self.run_id}:{task_id}" if edition is None else f"{self.run_id}:{task_id}:{edition}"
        return quote(key, safe=_PLAIN)

    def as_seen_by(self, task_id: str) -> dict[str, Any]:
        """What a handler of this task elsewhere is told of the run, as JSON; `RunInfo(**it)` gives it back."""
        editions = {task_id: self.editions[task_id]} if task_id in self.editions else {}
        return {
            "run_id": self.run_id,
            "mode": self.mode,
            "persona": self.persona,
            "metadata": dict(self.metadata),
            "editions": editions,
        }


def no_listener(kind: str, fields: Mapping[str, Any]) -> None:
    """Drop a progress report that nobody listens to."""


def nobody_held() -> bool:
    """Say that nothing waits for room: whoever was held comes again at the instant that it was told."""
    return False


@dataclass(slots=True)
class TaskAttempt:
    """One try of one task, as handed to an executor.

    Attributes:
        task: what to do, output references already resolved.
        number: counted from 1.
        run: the run it belongs to.
        previous: the earlier attempts of this task, in order.
        context: the outputs of the direct dependencies, by task id. To be read only: others are given the same values.
        deadline: instant on the event loop's clock (`loop.time()`) by which the whole task must have ended, or None.
            The scheduler stops the attempt then; an executor may use it to choose shorter timeouts.
        emit: reports progress (a kind and its fields) to the observers of the run.
        alternative: which of the executor's alternatives (its models and services, in order) is to be asked; raised by
            the retry policy when one of them is given up. An executor without alternatives can ignore it.
        wake: an executor that held this attempt calls it when there is room sooner than it had said; the task then
            comes again at once, or is on its way already. False when it will not come: it has ended.
        files: the directory in which a handler may put files that its outcome names by `path` (it need not be there
            yet); None when no file may be named.
    """

    task: Task
    number: int
    run: RunInfo
    previous: Sequence[Attempt] = ()
    context: Mapping[str, Any] = field(default_factory=dict)
    deadline: float | None = None
    emit: Callable[[str, Mapping[str, Any]], None] = no_listener
    alternative: int = 0
    wake: Callable[[], bool] = nobody_held
    files: Path | None = None

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt of this task in this run, also after a resume that asks for the same."""
        return self.run.idempotency_key(self.task.id)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended. Made by `Outcome.completed`, `Outcome.failed` or `Outcome.held`.

    Attributes:
        ok: whether the attempt completed.
        output: any JSON value (completed).
        artifacts: content or files to be kept in the bundle (completed): each has a `name` and one of `content`
            (text), `content_base64` and, from a handler, `path`; it may have `mime_type` and `description`.
        usage: tokens consumed, also of a failed attempt when the service said so.
        error_code: the typed reason (failed).
        error: the reason in words, free of secrets (failed).
        retry: whether another attempt may help (failed).
        retry_after: seconds that the service asked to wait at least (failed), or None.
        not_before: instant on the event loop's clock at which the executor has room for this task (held), or None.
        kept: what became of the artifacts; the task manager puts it there when it has an `ArtifactStore`.
        model: what was asked, where the executor has several alternatives; else None.
        service: where that model is, or the worker of a cluster that made the attempt.
        metadata: what else is to stand in the task's result (completed), or None.
    """

    ok: bool
    output: Any = None
    artifacts: Sequence[Mapping[str, Any]] = ()
    usage: Usage | None = None
    error_code: str | None = None
    error: str | None = None
    retry: Retry = "no"
    retry_after: float | None = None
    not_before: float | None = None
    kept: KeptArtifacts | None = None
    model: str | None = None
    service: str | None = None
    metadata: Mapping[str, Any] | None = None

    @classmethod
    def completed(
        cls,
        output: Any = None,
        *,
        artifacts: Sequence[Mapping[str, Any]] = (),
        usage: Usage | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Outcome:
        """The attempt succeeded with a complete output."""
        return cls(True, output, artifacts, usage, metadata=metadata)

    @classmethod
    def failed(
        cls,
        error_code: str,
        error: str,
        *,
        retry: Retry = "no",
        retry_after: float | None = None,
        usage: Usage | None = None,
    ) -> Outcome:
        """The attempt failed; `retry` says whether another one may help."""
        return cls(False, None, (), usage, error_code, error, retry, retry_after)

    @classmethod
    def held(cls, not_before: float, reason: str) -> Outcome:
        """Nothing was tried: a limit of the executor leaves no room before an instant of the event loop's clock.

        The task waits without a slot and comes again then, or when `TaskAttempt.wake` is called before. That counts as
        no attempt; its deadline goes on.

        Args:
            not_before: the instant.
            reason: a code such as RATE_LIMIT, shown while the task waits.
        """
        return cls(False, error_code=reason, not_before=not_before)


@runtime_checkable
class Executor(Protocol):
    """Makes one attempt at a task.

    An attempt may raise: the run goes on, and the task fails with the code EXECUTOR_ERROR, which is not retried.
    When it is cancelled it should stop what it does and let `asyncio.CancelledError` pass.
    """

    async def attempt(self, attempt: TaskAttempt) -> Outcome:
        """Make one try and say how it ended."""
        ...


class ArtifactStore(Protocol):
    """Keeps what completed tasks give away, as soon as they complete."""

    def keep(
        self, task_id: str, output: Any, given: Sequence[Mapping[str, Any]], *, files_in: Path | None
    ) -> KeptArtifacts:
        """Keep the artifacts of a task. It may block; it is called in a thread, also for several tasks at one time.

        A bad artifact never raises: it is told among the problems.

        Args:
            task_id: whose they are.
            output: of the task; its `artifacts` count, too.
            given: what the executor gave beside the output (`Outcome.artifacts`).
            files_in: the directory in which the files named by `path` must be; None when no file may be named.
        """
        ...


@runtime_checkable
class RetryingExecutor(Executor, Protocol):
    """An executor with a retry policy of its own, for tasks whose `retry_count` is null."""

    @property
    def retry_policy(self) -> RetryPolicy:
        """The policy for tasks that do not say how often to retry."""
        ...


def deadline_text(attempt: TaskAttempt) -> str:
    """That the deadline of a task passed."""
    of = "" if attempt.task.timeout_seconds is None else f" of {attempt.task.timeout_seconds} s"
    return f"the task's deadline{of} passed"

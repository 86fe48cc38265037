"""The client: bounds every attempt in time, keeps secrets in, and retries on request by the one retry policy."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from random import Random
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from altlas_runner.ai_service.config import AiServiceConfig
from altlas_runner.ai_service.failures import plain_text, shorten
from altlas_runner.ai_service.protocols import Service, service_for
from altlas_runner.alt_file import Task
from altlas_runner.errors import ConfigurationError
from altlas_runner.execution import DEADLINE_PASSED, Outcome, RunInfo, TaskAttempt
from altlas_runner.redaction import Redactor
from altlas_runner.results import Attempt, TaskResult, Usage
from altlas_runner.retrying import LONGEST_SECONDS, RetryPolicy, decide_retry
from altlas_runner.statuses import TaskStatus

__all__ = ["AiServiceClient"]


class AiServiceClient:
    """Asks an AI service to do tasks. Satisfies `RetryingExecutor`.

    Use it as an async context manager, or call `aclose` at the end; what it needs is opened by the first attempt. One
    client serves any number of concurrent attempts in one event loop.

    Args:
        config: where the service is and how it is asked.
        random: the source of the jitter between the attempts of `execute_task`.
        retry_policy: other waits than the usual ones; None takes `config.max_retries` with 1 s doubling up to 60 s.

    Example:
        >>> async with AiServiceClient(AiServiceConfig(base_url="http://localhost:8000")) as client:  # doctest: +SKIP
        ...     result = await client.execute_task(Task(id="hello", description="Say hello"))
    """

    def __init__(
        self,
        config: AiServiceConfig | None = None,
        *,
        random: Random | None = None,
        retry_policy: RetryPolicy | None = None,
    ) -> None:
        self._config = config or AiServiceConfig()
        self._random = random or Random()  # noqa: S311 - spreads waits, guards nothing
        self._policy = retry_policy or RetryPolicy(max_retries=self._config.max_retries)
        self._redactor = Redactor(self._config.secrets())
        self._service: Service | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._room = asyncio.Semaphore(1)

    @property
    def config(self) -> AiServiceConfig:
        """What the client was made with."""
        return self._config

    @property
    def retry_policy(self) -> RetryPolicy:
        """The policy for tasks whose `retry_count` is null."""
        return self._policy

    async def __aenter__(self) -> Self:
        """Check what can be checked without asking the service.

        Raises:
            LocalModelError: the embedded model or its library is missing.
            ConfigurationError: something else that is configured cannot be used.
        """
        self._open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close connections, unload the model. Attempts under way fail. A later attempt opens everything anew."""
        service, self._service, self._loop = self._service, None, None
        if service is not None:
            await service.aclose()

    async def attempt(self, attempt: TaskAttempt) -> Outcome:
        """Make one try, of at most `timeout_seconds`, and say how it ended.

        Waiting for room (`max_connections`, `local_slots`) does not count against that, only against the deadline.
        """
        if self._config.use_streaming:
            attempt = replace(attempt, emit=partial(self._emit_without_secrets, attempt.emit))
        return self._without_secrets(await self._attempt(attempt))

    async def execute_task(self, task: Task, *, context: Mapping[str, Any] | None = None) -> TaskResult:
        """Do one task, with as many attempts as it may have, for use without a TaskManager.

        The task's `timeout_seconds` is one deadline for all attempts and waits together. A failing service gives a
        result with the status failed or timeout; it does not raise.

        Args:
            task: what to do; its dependencies are not looked at.
            context: outputs of other tasks by task id.
        """
        loop = asyncio.get_running_loop()
        run = RunInfo(run_id=f"last_{uuid4()}")
        result = TaskResult(task.id, TaskStatus.RUNNING, started_at=datetime.now(UTC))
        start = loop.time()
        deadline = None if task.timeout_seconds is None else start + min(task.timeout_seconds, LONGEST_SECONDS)
        wait = 0.0
        while result.status is TaskStatus.RUNNING:
            attempt = TaskAttempt(
                task=task,
                number=len(result.attempts) + 1,
                run=run,
                previous=tuple(result.attempts),
                context=context or {},
                deadline=deadline,
            )
            if deadline is not None and loop.time() >= deadline:
                self._end(result, TaskStatus.TIMEOUT, DEADLINE_PASSED, _deadline_text(task))
                break
            outcome = await self._recorded_attempt(attempt, result, wait)
            wait = self._after(outcome, task, deadline, result)
            await asyncio.sleep(wait)
        result.completed_at = datetime.now(UTC)
        result.execution_time_ms = round((loop.time() - start) * 1000)
        result.retry_count = max(0, len(result.attempts) - 1)
        return result

    async def _recorded_attempt(self, attempt: TaskAttempt, result: TaskResult, wait: float) -> Outcome:
        """Make an attempt and write it, and what it consumed, into the result."""
        started_at = datetime.now(UTC)
        try:
            outcome = await self.attempt(attempt)
        except Exception as error:  # a bug here must not take the caller's other tasks down
            outcome = self._without_secrets(Outcome.failed("EXECUTOR_ERROR", f"{type(error).__name__}: {error}"))
        status = TaskStatus.COMPLETED if outcome.ok else TaskStatus.FAILED
        if outcome.error_code == DEADLINE_PASSED:
            status = TaskStatus.TIMEOUT
        result.attempts.append(
            Attempt(
                attempt.number,
                started_at,
                datetime.now(UTC),
                status,
                outcome.error_code,
                outcome.error,
                wait_before_ms=round(wait * 1000),
            )
        )
        if outcome.usage is not None:
            total = result.usage or Usage()
            total.input_tokens += outcome.usage.input_tokens
            total.output_tokens += outcome.usage.output_tokens
            result.usage = total
        return outcome

    def _after(self, outcome: Outcome, task: Task, deadline: float | None, result: TaskResult) -> float:
        """End the result, or leave it running and return the seconds to wait before the next attempt."""
        if outcome.ok:
            result.status, result.output = TaskStatus.COMPLETED, outcome.output
            return 0.0
        code, text = outcome.error_code or "FAILED", outcome.error or ""
        if code == DEADLINE_PASSED:
            self._end(result, TaskStatus.TIMEOUT, code, text)
            return 0.0
        decision = decide_retry(
            self._policy,
            max_retries=self._policy.max_retries if task.retry_count is None else task.retry_count,
            failed_codes=[attempt.error_code for attempt in result.attempts],
            retry=outcome.retry,
            retry_after=outcome.retry_after,
            now=asyncio.get_running_loop().time(),
            deadline=deadline,
            random=self._random,
        )
        if decision.verdict == "retry":
            return decision.wait_seconds
        if decision.verdict == "past_deadline":
            text = (
                f"the next attempt would have to wait {decision.wait_seconds:.1f} s, "
                f"past the task's deadline of {task.timeout_seconds} s; the last failure was {code}: {text}"
            )
            self._end(result, TaskStatus.TIMEOUT, DEADLINE_PASSED, text)
        else:
            self._end(result, TaskStatus.FAILED, code, text)
        return 0.0

    @staticmethod
    def _end(result: TaskResult, status: TaskStatus, code: str, text: str) -> None:
        result.status, result.error_code, result.error = status, code, text

    async def _attempt(self, attempt: TaskAttempt) -> Outcome:
        try:
            service = self._open()
        except ConfigurationError as error:
            return Outcome.failed("AI_CONFIGURATION", str(error))
        if attempt.deadline is not None and asyncio.get_running_loop().time() >= attempt.deadline:
            return Outcome.failed(DEADLINE_PASSED, _deadline_text(attempt.task))  # before a byte is sent
        try:
            async with asyncio.timeout_at(attempt.deadline) as whole, self._room:
                try:
                    async with asyncio.timeout(self._config.timeout_seconds) as once:
                        return await service.answer(attempt)
                except TimeoutError:
                    if not once.expired():
                        raise
                    text = f"no complete answer within {self._config.timeout_seconds:g} s"
                    return Outcome.failed("AI_READ_TIMEOUT", text, retry="yes")
        except TimeoutError:
            if not whole.expired():
                raise
            return Outcome.failed(DEADLINE_PASSED, _deadline_text(attempt.task))

    def _open(self) -> Service:
        loop = asyncio.get_running_loop()
        if self._service is None:
            self._service = service_for(self._config)
            self._room = asyncio.Semaphore(self._service.room)
            self._loop = loop
        elif self._loop is not loop:
            raise ConfigurationError("this client is open in another event loop; close it there first (async with)")
        self._service.open()
        return self._service

    def _emit_without_secrets(
        self, emit: Callable[[str, Mapping[str, Any]], None], kind: str, fields: Mapping[str, Any]
    ) -> None:
        emit(kind, self._redactor.value(dict(fields)))

    def _without_secrets(self, outcome: Outcome) -> Outcome:
        """The one place through which everything that a service said leaves."""
        if outcome.ok:
            output = self._redactor.value(outcome.output)
            return outcome if output is outcome.output else replace(outcome, output=output)
        return replace(outcome, error=shorten(self._redactor.text(plain_text(outcome.error or ""))))


def _deadline_text(task: Task) -> str:
    of = "" if task.timeout_seconds is None else f" of {task.timeout_seconds} s"
    return f"the task's deadline{of} passed"

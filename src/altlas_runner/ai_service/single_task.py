"""One task without a TaskManager: attempts in a loop, by the same retry policy and the same limits."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import uuid4

from altlas_runner.alt_file import Task
from altlas_runner.execution import DEADLINE_PASSED, Outcome, RetryingExecutor, RunInfo, TaskAttempt, deadline_text
from altlas_runner.results import Attempt, TaskResult
from altlas_runner.retrying import LONGEST_SECONDS, RetryPolicy, decide_retry
from altlas_runner.statuses import TaskStatus

__all__ = ["SingleTask"]


class SingleTask:
    """Does one task to its end.

    Args:
        task: what to do; its dependencies are not looked at.
        executor: makes the attempts; must not raise.
        context: outputs of other tasks by task id.
        random: the source of the jitter.
    """

    def __init__(self, task: Task, executor: RetryingExecutor, context: Mapping[str, Any], random: Random) -> None:
        self._task = task
        self._executor = executor
        self._policy: RetryPolicy = executor.retry_policy
        self._context = context
        self._random = random
        self._loop = asyncio.get_running_loop()
        self._start = self._loop.time()
        timeout = task.timeout_seconds
        self._deadline = None if timeout is None else self._start + min(timeout, LONGEST_SECONDS)
        self._result = TaskResult(task.id, TaskStatus.RUNNING, started_at=datetime.now(UTC))
        self._room = asyncio.Event()
        self._alternative = 0
        self._attempts_before = 0  # of other alternatives

    async def run(self) -> TaskResult:
        """Make attempts until one completes or there is none left."""
        result, run = self._result, RunInfo(run_id=f"last_{uuid4()}")
        waited = 0.0
        while result.status is TaskStatus.RUNNING:
            attempt = TaskAttempt(
                task=self._task,
                number=len(result.attempts) + 1,
                run=run,
                previous=tuple(result.attempts),
                context=self._context,
                deadline=self._deadline,
                alternative=self._alternative,
                wake=self._wake,
            )
            if self._deadline is not None and self._loop.time() >= self._deadline:
                self._end(TaskStatus.TIMEOUT, DEADLINE_PASSED, deadline_text(attempt))
                break
            started_at = datetime.now(UTC)
            outcome = await self._executor.attempt(attempt)
            if outcome.not_before is not None:
                await self._wait_for_room(outcome.not_before, outcome.error_code or "")
                continue
            self._record(attempt.number, started_at, outcome, waited)
            waited = self._after(outcome)
            await asyncio.sleep(waited)
        result.completed_at = datetime.now(UTC)
        result.execution_time_ms = round((self._loop.time() - self._start) * 1000)
        result.retry_count = max(0, len(result.attempts) - 1)
        return result

    def _wake(self) -> bool:
        self._room.set()
        return self._result.status is TaskStatus.RUNNING

    async def _wait_for_room(self, not_before: float, reason: str) -> None:
        """Wait until an instant, or until there is room sooner; that is no attempt."""
        if self._deadline is not None and not_before >= self._deadline:
            text = f"{reason}: there is no room for it before its deadline of {self._task.timeout_seconds} s"
            self._end(TaskStatus.TIMEOUT, DEADLINE_PASSED, text)
            return
        self._room.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(not_before):
                await self._room.wait()

    def _record(self, number: int, started_at: datetime, outcome: Outcome, waited: float) -> None:
        """Write an attempt, and what it consumed, into the result."""
        status = TaskStatus.COMPLETED if outcome.ok else TaskStatus.FAILED
        if outcome.error_code == DEADLINE_PASSED:
            status = TaskStatus.TIMEOUT
        code, text = outcome.error_code, outcome.error
        self._result.attempts.append(
            Attempt(
                *(number, started_at, datetime.now(UTC), status, code, text),
                wait_before_ms=round(waited * 1000),
                model=outcome.model,
                service=outcome.service,
                usage=outcome.usage,
            )
        )
        if outcome.usage is not None:
            before = self._result.usage
            self._result.usage = outcome.usage if before is None else before.plus(outcome.usage)

    def _after(self, outcome: Outcome) -> float:
        """End the result, or leave it running and return the seconds to wait before the next attempt."""
        result = self._result
        if outcome.ok:
            result.status, result.output = TaskStatus.COMPLETED, outcome.output
            result.metadata = None if outcome.metadata is None else dict(outcome.metadata)
            return 0.0
        code, text = outcome.error_code or "FAILED", outcome.error or ""
        if code == DEADLINE_PASSED:
            self._end(TaskStatus.TIMEOUT, code, text)
            return 0.0
        retries = self._task.retry_count
        decision = decide_retry(
            self._policy,
            max_retries=self._policy.max_retries if retries is None else retries,
            failed_codes=[attempt.error_code for attempt in result.attempts[self._attempts_before :]],
            retry=outcome.retry,
            retry_after=outcome.retry_after,
            now=self._loop.time(),
            deadline=self._deadline,
            random=self._random,
            alternative=self._alternative,
        )
        if decision.goes_on:
            if decision.alternative != self._alternative:
                self._alternative, self._attempts_before = decision.alternative, len(result.attempts)
            return decision.wait_seconds
        if decision.verdict == "past_deadline":
            text = (
                f"the next attempt would have to wait {decision.wait_seconds:.1f} s, "
                f"past the task's deadline of {self._task.timeout_seconds} s; the last failure was {code}: {text}"
            )
            self._end(TaskStatus.TIMEOUT, DEADLINE_PASSED, text)
        else:
            self._end(TaskStatus.FAILED, code, text + decision.remark)
        return 0.0

    def _end(self, status: TaskStatus, code: str, text: str) -> None:
        self._result.status, self._result.error_code, self._result.error = status, code, text

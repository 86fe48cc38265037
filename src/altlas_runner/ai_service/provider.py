"""One configured service, with the limits that all who share it obey, and a bound on the time of each attempt."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic_core import to_json

from altlas_runner.ai_service.admission import Admission
from altlas_runner.ai_service.config import AiServiceConfig
from altlas_runner.ai_service.limits import RateLimits
from altlas_runner.ai_service.overdue import Overdue
from altlas_runner.ai_service.protocols import service_for
from altlas_runner.ai_service.tracing import Tracing
from altlas_runner.ai_service.wire_format import ParameterError
from altlas_runner.errors import ReferenceNotFoundError
from altlas_runner.execution import DEADLINE_PASSED, Outcome, TaskAttempt, deadline_text
from altlas_runner.redaction import Redactor, is_long
from altlas_runner.retrying import RetryBudget
from altlas_runner.shared_slots import SharedSlots

__all__ = ["Provider"]

BYTES_PER_TOKEN = 4
"""About so many bytes of a request are one token."""


class Provider:
    """Asks one service, in one event loop, from its opening to its closing.

    Args:
        config: where the service is, and its limits.
        budget: the retry budget of the service.
        tracing: makes a span of each attempt; None makes none.
        redactor: takes secrets out of outputs.

    Raises:
        ConfigurationError: something that is configured cannot be used.
    """

    def __init__(
        self, config: AiServiceConfig, budget: RetryBudget, tracing: Tracing | None, redactor: Redactor
    ) -> None:
        self.config = config
        self._budget = budget
        self._tracing = tracing
        self._ask = self._traced_answer if tracing else self._answer_in_time
        self._redactor = redactor
        self._timeout_seconds = config.timeout_seconds
        self._loop = asyncio.get_running_loop()
        self._service = service_for(config, tracing.headers if tracing else None)
        self._service.open()
        room = min(self._service.room, config.max_in_flight or self._service.room)
        self._in_flight = SharedSlots(room, "IN_FLIGHT")
        self._overdue = Overdue(self._loop)
        self._admission: Admission | None = None
        if config.requests_per_minute is not None or config.tokens_per_minute is not None:
            limits = RateLimits(config.requests_per_minute, config.tokens_per_minute)
            self._admission = Admission(limits)

    async def aclose(self) -> None:
        """Close connections, unload the model; attempts under way fail."""
        self._overdue.close()
        if self._admission is not None:
            self._admission.close()
        await self._service.aclose()

    async def question(self, attempt: TaskAttempt) -> Mapping[str, Any]:
        """What the attempt asks, as JSON: what is sent, without the configured keys.

        Raises:
            ParameterError: a parameter of the task cannot be sent.
            ReferenceNotFoundError: the prompt template refers to what this task has not.
        """
        if is_long(attempt.context):
            return await asyncio.to_thread(self._service.question, attempt)
        return self._service.question(attempt)

    async def answer(self, attempt: TaskAttempt) -> Outcome:
        """Ask once when the limits allow it, for at most `timeout_seconds` and not beyond the deadline."""
        deadline = attempt.deadline
        if deadline is not None and self._loop.time() >= deadline:
            return Outcome.failed(DEADLINE_PASSED, deadline_text(attempt))  # before a byte is sent
        if not self._in_flight.try_enter():
            try:
                await self._in_flight.enter(attempt)
            except TimeoutError:
                return Outcome.failed(DEADLINE_PASSED, deadline_text(attempt))
        try:
            if self._admission is None:
                return await self._ask(attempt)
            entry = self._admission.ask(attempt, await self._estimated(attempt))
            if isinstance(entry, Outcome):
                return entry
            outcome = None
            try:
                outcome = await self._ask(attempt)
                return outcome
            finally:
                self._admission.settle(entry, outcome)
        finally:
            self._in_flight.leave()

    async def _answer_in_time(self, attempt: TaskAttempt) -> Outcome:
        until = self._loop.time() + self._timeout_seconds
        deadline = attempt.deadline
        by_deadline = deadline is not None and deadline <= until
        task = asyncio.current_task()
        assert task is not None
        self._overdue.enter(task, deadline if by_deadline else until)  # type: ignore[arg-type]
        try:
            outcome = await self._service.answer(attempt)
            if outcome.ok and self._redactor:
                outcome = await self._without_secrets(outcome)
        except asyncio.CancelledError:
            if not self._overdue.leave(task):
                raise
            if by_deadline:
                return Outcome.failed(DEADLINE_PASSED, deadline_text(attempt))
            text = f"no complete answer within {self._timeout_seconds:g} s"
            return Outcome.failed("AI_READ_TIMEOUT", text, retry="yes")
        except BaseException:
            self._overdue.leave(task)
            raise
        self._overdue.leave(task)
        if outcome.ok:
            self._budget.note_success(attempt.number)
        return outcome

    async def _traced_answer(self, attempt: TaskAttempt) -> Outcome:
        assert self._tracing is not None
        with self._tracing.span(self.config, attempt) as outcomes:
            outcome = await self._answer_in_time(attempt)
            outcomes.append(outcome)
        return outcome

    async def _without_secrets(self, outcome: Outcome) -> Outcome:
        """The outcome without secrets in its output; a long one is looked through in a thread."""
        output, redacted = outcome.output, self._redactor.value
        clean = await asyncio.to_thread(redacted, output) if is_long(output) else redacted(output)
        return outcome if clean is output else replace(outcome, output=clean)

    async def _estimated(self, attempt: TaskAttempt) -> int:
        """About how many tokens an attempt will take."""
        if self.config.tokens_per_minute is None:
            return 0
        if is_long(attempt.context):
            return await asyncio.to_thread(self._estimate, attempt)
        return self._estimate(attempt)

    def _estimate(self, attempt: TaskAttempt) -> int:
        try:
            question = self._service.question(attempt)
            longest = question.get("max_tokens")
            length = len(to_json(question))  # ten times as fast as json: it may be long
        except (ParameterError, ReferenceNotFoundError, ValueError, RecursionError):  # told when it is asked
            return 0
        return length // BYTES_PER_TOKEN + (longest if isinstance(longest, int) else 0)

"""The client: chooses who is asked, keeps secrets in, and puts prices on what was consumed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random
from types import TracebackType
from typing import Any, Self

from altlas_runner.ai_service.config import AiServiceConfig
from altlas_runner.ai_service.failures import plain_text, shorten
from altlas_runner.ai_service.prices import PriceTable
from altlas_runner.ai_service.provider import Provider
from altlas_runner.ai_service.single_task import SingleTask
from altlas_runner.ai_service.tracing import Tracing, model_of
from altlas_runner.alt_file import Task
from altlas_runner.errors import ConfigurationError
from altlas_runner.execution import Outcome, TaskAttempt
from altlas_runner.log_records import TRACE
from altlas_runner.redaction import Redactor, is_long
from altlas_runner.results import TaskResult
from altlas_runner.retrying import RetryBudget, RetryPolicy

__all__ = ["AiServiceClient"]

_log = logging.getLogger("altlas_runner")
_TRACED_CHARS = 10_000
"""Most characters of a question or an answer in the log."""


class AiServiceClient:
    """Asks an AI service to do tasks. Satisfies `RetryingExecutor`.

    Use it as an async context manager, or call `aclose` at the end; what it needs is opened by the first attempt. One
    client serves any number of concurrent attempts in one event loop, also those of several runs: they share its
    connections, its limits and its retry budgets, and are served in turn.

    Args:
        config: where the service is and how it is asked.
        random: the source of the jitter between the attempts of `execute_task`.
        retry_policy: other waits than the usual ones; None takes `config.max_retries` with 1 s doubling up to 60 s.
        prices: what tokens cost; without, nothing has a price.

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
        prices: PriceTable | None = None,
    ) -> None:
        self._config = config or AiServiceConfig()
        self._random = random or Random()  # noqa: S311 - spreads waits, guards nothing
        self._prices = prices
        self._redactor = Redactor(self._config.secrets())
        self._alternatives = _alternatives(self._config)
        self._has_several = len(self._alternatives) > 1
        services = [alternative.service_name for alternative, _ in self._alternatives]
        budgets = {service: RetryBudget(service) for service in services}
        policy = retry_policy or RetryPolicy(max_retries=self._config.max_retries)
        configs = [id(alternative) for alternative, _ in self._alternatives]
        self._policy = replace(
            policy,
            budgets=tuple(budgets[service] for service in services),
            services=tuple(configs.index(each) for each in configs),
        )
        self._providers: dict[int, Provider] = {}  # by the identity of their configuration
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def config(self) -> AiServiceConfig:
        """What the client was made with."""
        return self._config

    @property
    def retry_policy(self) -> RetryPolicy:
        """The policy for tasks whose `retry_count` is null, with the retry budgets of this client."""
        return self._policy

    async def __aenter__(self) -> Self:
        """Check what can be checked without asking a service.

        Raises:
            LocalModelError: the embedded model or its library is missing.
            ConfigurationError: something else that is configured cannot be used.
        """
        try:
            for number in range(len(self._alternatives)):
                self._provider(number)
        except BaseException:
            await self.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close connections, unload the model. Attempts under way fail. A later attempt opens everything anew."""
        providers, self._providers, self._loop = self._providers, {}, None
        for provider in providers.values():
            await provider.aclose()

    async def attempt(self, attempt: TaskAttempt) -> Outcome:
        """Make one try, of at most `timeout_seconds`, and say how it ended.

        Waiting for room does not count against that, only against the deadline: for requests and tokens a minute the
        attempt is held, for requests under way it waits here.
        """
        number = attempt.alternative if self._has_several else 0
        try:
            provider = self._provider(number)
        except ConfigurationError as error:
            return self._told(Outcome.failed("AI_CONFIGURATION", str(error)), attempt)
        model = self._alternatives[number][1]
        if model is not None:
            attempt = _asking(attempt, model)
        progress = None
        if provider.config.for_run(attempt.run.preferences).use_streaming:
            progress = _Progress(attempt.emit, self._redactor)
            attempt = replace(attempt, emit=progress.emit)
        if _log.isEnabledFor(TRACE):
            asked = attempt.task.description
            shown = _traced(asked if is_long(asked) else self._redactor.text(asked))
            _log.log(TRACE, 'task "%s": attempt %d asks %s', attempt.task.id, attempt.number, shown)
        outcome = await provider.answer(attempt)
        if progress is not None and outcome.ok:
            progress.finish()
        return self._told(outcome, attempt)

    async def execute_task(self, task: Task, *, context: Mapping[str, Any] | None = None) -> TaskResult:
        """Do one task, with as many attempts as it may have, for use without a TaskManager.

        The task's `timeout_seconds` is one deadline for all attempts and waits together. A failing service gives a
        result with the status failed or timeout; it does not raise.

        Args:
            task: what to do; its dependencies are not looked at.
            context: outputs of other tasks by task id.
        """
        return await SingleTask(task, _Guarded(self), context or {}, self._random).run()

    async def question(self, attempt: TaskAttempt) -> Mapping[str, Any]:
        """What this attempt asks, of whom, without the configured keys: what its answer depends on, as JSON.

        The body is as it is sent: what an ALT file holds under a key-like name may stand in it.

        Raises:
            ConfigurationError: the service cannot be asked.
            ParameterError: a parameter of the task cannot be sent.
            ReferenceNotFoundError: the prompt template refers to what this task has not.
        """
        provider = self._provider(attempt.alternative)
        model = self._alternatives[attempt.alternative][1]
        asking = attempt if model is None else _asking(attempt, model)
        service = provider.config.protocol if provider.config.protocol == "local" else provider.config.base_url
        return {
            "service": service,
            "protocol": provider.config.protocol,
            "extras": provider.config.extras(),
            "body": await provider.question(asking),
            "response_schema": (attempt.task.parameters or {}).get("response_schema"),
        }

    def _provider(self, alternative: int) -> Provider:
        config = self._alternatives[alternative][0]
        provider = self._providers.get(id(config))
        if provider is not None and self._loop is asyncio.get_running_loop():
            return provider
        loop = asyncio.get_running_loop()
        if self._loop is not None and self._loop is not loop:
            raise ConfigurationError("this client is open in another event loop; close it there first (async with)")
        tracing = Tracing(self._redactor) if config.tracing else None
        provider = self._providers[id(config)] = Provider(
            config, self._policy.budgets[alternative], tracing, self._redactor
        )
        self._loop = loop
        return provider

    def _told(self, outcome: Outcome, attempt: TaskAttempt) -> Outcome:
        """The outcome with price and place; what it says of a failure without secrets, as its output is already."""
        if outcome.not_before is not None:
            return outcome
        changes: dict[str, Any] = {}
        if not outcome.ok:
            changes["error"] = shorten(self._redactor.text(plain_text(outcome.error or "")))
        if self._prices is not None and outcome.usage is not None:
            config = self._alternatives[attempt.alternative][0]
            changes["usage"] = self._prices.priced(outcome.usage, model_of(config, attempt))
        if self._has_several:
            config = self._alternatives[attempt.alternative][0]
            changes["model"], changes["service"] = model_of(config, attempt), config.service_name
        told = replace(outcome, **changes) if changes else outcome
        if _log.isEnabledFor(logging.DEBUG):
            ended = "completed" if told.ok else f"{told.error_code}: {told.error}"
            _log.debug('task "%s": attempt %d: %s', attempt.task.id, attempt.number, ended)
        if _log.isEnabledFor(TRACE):
            _log.log(TRACE, 'task "%s": attempt %d answered %s', attempt.task.id, attempt.number, _traced(told.output))
        return told

    def without_secrets(self, text: str) -> str:
        """A text without the secrets of the configuration."""
        return self._redactor.text(text)


class _Progress:
    """Passes on what an attempt tells of its progress, without secrets; also without one that two deltas share."""

    def __init__(self, emit: Callable[[str, Mapping[str, Any]], None], redactor: Redactor) -> None:
        self._emit = emit
        self._redactor = redactor
        self._text = redactor.piece_by_piece()

    def emit(self, kind: str, fields: Mapping[str, Any]) -> None:
        if kind != "delta":
            self._emit(kind, self._redactor.value(dict(fields)))
        elif clean := self._text.add(fields["text"]):
            self._emit(kind, {"text": clean})

    def finish(self) -> None:
        """Tell what was held back."""
        if rest := self._text.finish():
            self._emit("delta", {"text": rest})


class _Guarded:
    """The client for `execute_task`: a bug in it must not take the caller's other tasks down."""

    def __init__(self, client: AiServiceClient) -> None:
        self._client = client
        self.retry_policy = client.retry_policy

    async def attempt(self, attempt: TaskAttempt) -> Outcome:
        try:
            return await self._client.attempt(attempt)
        except Exception as error:
            text = self._client.without_secrets(f"{type(error).__name__}: {error}")
            return Outcome.failed("EXECUTOR_ERROR", text)


def _alternatives(config: AiServiceConfig) -> list[tuple[AiServiceConfig, str | None]]:
    """Who is asked, in order: each service's own model, then its fallback models; then the service it falls back on.

    The model is None where the task may name another one: only the first service knows those.
    """
    alternatives: list[tuple[AiServiceConfig, str | None]] = [(config, None)]
    each: AiServiceConfig | None = config
    while each is not None:
        if each is not config:
            alternatives.append((each, each.model))
        alternatives += [(each, model) for model in each.fallback_models]
        each = each.fallback
    return alternatives


def _asking(attempt: TaskAttempt, model: str) -> TaskAttempt:
    """The attempt, asking for this model whatever its task says."""
    parameters = {**(attempt.task.parameters or {}), "model": model}
    return replace(attempt, task=attempt.task.model_copy(update={"parameters": parameters}))


def _traced(value: Any) -> str:
    """A value for the log: its beginning, or nothing of one that would keep the event loop busy."""
    return "what is too long for the log" if is_long(value) else shorten(repr(value), _TRACED_CHARS)

"""OpenTelemetry: a span for each attempt, by the semantic conventions for generative AI.

OpenTelemetry is imported only when a client is configured to trace. Spans hold no prompts, no answers and no keys.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from altlas_runner import __version__
from altlas_runner.ai_service.config import AiServiceConfig
from altlas_runner.errors import ConfigurationError
from altlas_runner.execution import Outcome, TaskAttempt
from altlas_runner.redaction import Redactor

__all__ = ["Tracing", "model_of"]


class Tracing:
    """Makes spans with the tracer of the program.

    Args:
        redactor: takes secrets out of what a service says.

    Raises:
        ConfigurationError: OpenTelemetry is not installed.
    """

    def __init__(self, redactor: Redactor) -> None:
        try:
            from opentelemetry.propagate import inject
            from opentelemetry.trace import SpanKind, StatusCode, get_tracer
        except ImportError:
            raise ConfigurationError(
                "tracing needs OpenTelemetry; install it with pip install 'altlas-runner[otel]', or turn tracing off"
            ) from None
        self._redactor = redactor
        self._inject = inject
        self._client_kind, self._error_status = SpanKind.CLIENT, StatusCode.ERROR
        self._tracer = get_tracer("altlas_runner", __version__)

    def headers(self) -> Mapping[str, str]:
        """What tells a service which span its request is part of: W3C `traceparent`."""
        headers: dict[str, str] = {}
        self._inject(headers)
        return headers

    @contextmanager
    def span(self, config: AiServiceConfig, attempt: TaskAttempt) -> Iterator[list[Outcome]]:
        """The span of an attempt; its outcome is to be appended to what this gives."""
        outcomes: list[Outcome] = []
        model = self._redactor.text(model_of(config, attempt))
        attributes: dict[str, str | int] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": config.protocol,
            "gen_ai.request.model": model,
            "altlas.run.id": attempt.run.run_id,
            "altlas.task.id": attempt.task.id,
            "altlas.attempt.number": attempt.number,
        }
        if config.protocol != "local":
            parts = urlsplit(config.base_url)
            attributes["server.address"] = parts.hostname or ""
            attributes["server.port"] = parts.port or (443 if parts.scheme == "https" else 80)
        with self._tracer.start_as_current_span(
            f"chat {model}",
            kind=self._client_kind,
            attributes=attributes,
            record_exception=False,  # its text and its stack are nobody's to read
            set_status_on_exception=False,
        ) as span:
            try:
                yield outcomes
            except BaseException as error:  # such as a cancel
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(self._error_status)
                raise
            for outcome in outcomes:
                span.set_attributes(self._end_attributes(outcome))
                if not outcome.ok:
                    span.set_status(self._error_status)

    def _end_attributes(self, outcome: Outcome) -> dict[str, Any]:
        attributes: dict[str, Any] = {}
        if outcome.usage is not None:
            attributes["gen_ai.usage.input_tokens"] = outcome.usage.input_tokens
            attributes["gen_ai.usage.output_tokens"] = outcome.usage.output_tokens
        output = outcome.output
        if not outcome.ok:
            attributes["error.type"] = outcome.error_code or "FAILED"
        elif isinstance(output, dict):
            if isinstance(model := output.get("model"), str):
                attributes["gen_ai.response.model"] = self._redactor.text(model)
            if isinstance(reason := output.get("finish_reason"), str):
                attributes["gen_ai.response.finish_reasons"] = [self._redactor.text(reason)]
        return attributes


def model_of(config: AiServiceConfig, attempt: TaskAttempt) -> str:
    """The model that an attempt asks for."""
    named = (attempt.task.parameters or {}).get("model")
    return named if isinstance(named, str) and named else config.for_run(attempt.run.preferences).model

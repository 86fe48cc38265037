"""The wire format `altlas`: POST {base_url}/execute. The service does everything; a 2xx JSON body is the output.

Streamed, the body is server-sent events, the data of each in JSON: any number of `delta` (an object; its `text` is told
to those who watch), then `result` (the output) or `error` (an object with message, and type or code). `result` is the
terminal event: without it the answer is not complete. Events of other names are passed over.
"""

from __future__ import annotations

from typing import Any

from altlas_runner.ai_service.config import AiServiceConfig
from altlas_runner.ai_service.event_stream import ServerSentEvent
from altlas_runner.ai_service.modes import chaos_level
from altlas_runner.ai_service.prompt import complaint_about_the_last_answer
from altlas_runner.ai_service.prompt_template import PromptTemplate
from altlas_runner.ai_service.wire_format import (
    AnswerError,
    StreamedAnswer,
    WireRequest,
    bearer,
    event_value,
    read_event,
    settings_for,
)
from altlas_runner.errors import ConfigurationError
from altlas_runner.execution import Outcome, TaskAttempt

__all__ = ["AltlasFormat"]


class AltlasFormat:
    """Sends the task as it is, with its run's mode and persona and the outputs of its dependencies.

    Raises:
        ConfigurationError: a prompt template is configured; the service makes its prompts itself.
    """

    json_in_text = False

    def __init__(self, template: PromptTemplate | None = None) -> None:
        if template is not None:
            raise ConfigurationError(
                "a prompt template has no use for the protocol altlas: its service makes the prompts"
            )

    def request(self, config: AiServiceConfig, attempt: TaskAttempt) -> WireRequest:
        """The task and its surroundings as JSON."""
        task = attempt.task
        settings = settings_for(config, task, config.temperature)
        body: dict[str, Any] = {
            "task_id": task.id,
            "description": task.description,
            "parameters": task.parameters or {},
            "model": settings.model,
            "temperature": settings.temperature,
            "max_tokens": settings.max_tokens,
            "stream": config.use_streaming,
            "mode": attempt.run.mode,
            "persona": attempt.run.persona,
            "context": attempt.context,
        }
        if attempt.run.mode == "chaos":
            body["chaos_level"] = chaos_level(attempt.run.metadata)
        if (error := complaint_about_the_last_answer(attempt)) is not None:
            body["previous_error"] = error
        return WireRequest("/execute", body, bearer(config))

    def outcome(self, answer: Any) -> Outcome:
        """Any JSON value is an output."""
        return Outcome.completed(answer)

    def streamed_answer(self) -> StreamedAnswer:
        """Deltas up to the event `result`."""
        return _StreamedOutput()


class _StreamedOutput:
    def take(self, event: ServerSentEvent) -> Outcome | str:
        if event.name not in ("delta", "result", "error"):
            return ""
        if event.name == "result":
            return Outcome.completed(event_value(event))
        value = read_event(event)
        if isinstance(value, Outcome):
            return value
        text = value.get("text") if isinstance(value, dict) else None
        if not isinstance(text, str | None):
            raise AnswerError("the text of a delta is no text")
        return text or ""

"""The wire format `openai`: POST {base_url}/chat/completions, as OpenAI, Ollama, vLLM and llama.cpp speak it."""

from __future__ import annotations

from typing import Any

from altlas_runner.ai_service.chat_answer import ChatChunks, chat_outcome
from altlas_runner.ai_service.config import AiServiceConfig
from altlas_runner.ai_service.event_stream import ServerSentEvent
from altlas_runner.ai_service.failures import stream_truncated
from altlas_runner.ai_service.modes import mode_of
from altlas_runner.ai_service.prompt import messages_for
from altlas_runner.ai_service.prompt_template import PromptTemplate
from altlas_runner.ai_service.wire_format import (
    ParameterError,
    StreamedAnswer,
    WireRequest,
    bearer,
    read_event,
    settings_for,
)
from altlas_runner.execution import Outcome, TaskAttempt

__all__ = ["OpenAiFormat", "chat_body", "passed_on"]

_PASSED_ON: dict[str, type | tuple[type, ...]] = {"response_format": dict, "tools": list, "tool_choice": (dict, str)}
_DONE = "[DONE]"


class OpenAiFormat:
    """Turns a task into a conversation, and the completion into an output.

    Args:
        template: makes the user message, or None for the usual one.
    """

    json_in_text = True

    def __init__(self, template: PromptTemplate | None = None) -> None:
        self._template = template

    def request(self, config: AiServiceConfig, attempt: TaskAttempt) -> WireRequest:
        """A chat completion."""
        body = chat_body(config, attempt, max_context_chars=config.max_context_chars, template=self._template)
        body["stream"] = config.use_streaming
        if config.use_streaming:
            body["stream_options"] = {"include_usage": True}
        return WireRequest("/chat/completions", body, bearer(config))

    def outcome(self, answer: Any) -> Outcome:
        """The text of the first choice, with the model's name and the finish reason."""
        return chat_outcome(answer)

    def streamed_answer(self) -> StreamedAnswer:
        """Chunks of a completion up to `[DONE]`."""
        return _StreamedCompletion()


class _StreamedCompletion:
    def __init__(self) -> None:
        self._chunks = ChatChunks()

    def take(self, event: ServerSentEvent) -> Outcome | str:
        if event.text.strip() == _DONE:
            if self._chunks.finish_reason is None:
                return stream_truncated("it has no finish_reason")
            return chat_outcome(self._chunks.whole())
        chunk = read_event(event)
        return chunk if isinstance(chunk, Outcome) else self._chunks.add(chunk)


def chat_body(
    config: AiServiceConfig, attempt: TaskAttempt, *, max_context_chars: int, template: PromptTemplate | None = None
) -> dict[str, Any]:
    """The request of a chat completion; also what the embedded model is asked.

    Raises:
        ParameterError: a parameter of the task cannot be sent.
        ReferenceNotFoundError: the template refers to what this task has not.
    """
    settings = settings_for(config, attempt.task, mode_of(attempt.run).temperature(config.temperature))
    body: dict[str, Any] = {
        "model": settings.model,
        "messages": messages_for(attempt, max_context_chars=max_context_chars, template=template),
        "temperature": settings.temperature,
    }
    if settings.max_tokens is not None:
        body["max_tokens"] = settings.max_tokens
    if config.seed is not None:
        body["seed"] = config.seed
    body |= passed_on(attempt)
    schema = (attempt.task.parameters or {}).get("response_schema")
    if schema is not None and "response_format" not in body:
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    return body


def passed_on(attempt: TaskAttempt) -> dict[str, Any]:
    """The parameters that a chat service gets as they stand.

    Raises:
        ParameterError: one of them has a type that cannot be sent.
    """
    found = {}
    for name, kind in _PASSED_ON.items():
        value = (attempt.task.parameters or {}).get(name)
        if value is None:
            continue
        if not isinstance(value, kind):
            raise ParameterError(f"the parameter {name} does not have the type that a chat completion needs")
        found[name] = value
    return found

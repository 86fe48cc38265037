"""The wire format `openai`: POST {base_url}/chat/completions, as OpenAI, Ollama, vLLM and llama.cpp speak it."""

from __future__ import annotations

from typing import Any

from altlas_runner.ai_service.chat_answer import chat_outcome
from altlas_runner.ai_service.config import AiServiceConfig
from altlas_runner.ai_service.prompt import messages_for
from altlas_runner.ai_service.wire_format import ParameterError, WireRequest, bearer, settings_for
from altlas_runner.execution import Outcome, TaskAttempt

__all__ = ["OpenAiFormat", "chat_body"]

_PASSED_ON: dict[str, type | tuple[type, ...]] = {"response_format": dict, "tools": list, "tool_choice": (dict, str)}


class OpenAiFormat:
    """Turns a task into a conversation, and the completion into an output."""

    def request(self, config: AiServiceConfig, attempt: TaskAttempt) -> WireRequest:
        """A chat completion, not streamed."""
        body = chat_body(config, attempt, max_context_chars=config.max_context_chars)
        return WireRequest("/chat/completions", {**body, "stream": False}, bearer(config))

    def outcome(self, answer: Any) -> Outcome:
        """The text of the first choice, with the model's name and the finish reason."""
        return chat_outcome(answer)


def chat_body(config: AiServiceConfig, attempt: TaskAttempt, *, max_context_chars: int) -> dict[str, Any]:
    """The request of a chat completion; also what the embedded model is asked.

    Raises:
        ParameterError: a parameter of the task has a type that cannot be sent.
    """
    settings = settings_for(config, attempt.task)
    body: dict[str, Any] = {
        "model": settings.model,
        "messages": messages_for(attempt, max_context_chars=max_context_chars),
        "temperature": settings.temperature,
    }
    if settings.max_tokens is not None:
        body["max_tokens"] = settings.max_tokens
    if config.seed is not None:
        body["seed"] = config.seed
    for name, kind in _PASSED_ON.items():
        value = (attempt.task.parameters or {}).get(name)
        if value is None:
            continue
        if not isinstance(value, kind):
            raise ParameterError(f"the parameter {name} does not have the type that a chat completion needs")
        body[name] = value
    return body

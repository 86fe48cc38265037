"""The wire format `anthropic`: POST {base_url}/v1/messages, as Anthropic and llama.cpp speak it.

What is asked for is written as for `openai` (tools, tool_choice) and translated, and so is the answer: a task need not
know which of the two its service speaks.
"""

from __future__ import annotations

import json
from typing import Any

from altlas_runner.ai_service.chat_answer import chat_outcome
from altlas_runner.ai_service.config import AiServiceConfig
from altlas_runner.ai_service.event_stream import ServerSentEvent
from altlas_runner.ai_service.failures import bad_response, stream_truncated
from altlas_runner.ai_service.modes import mode_of
from altlas_runner.ai_service.openai import passed_on
from altlas_runner.ai_service.prompt import messages_for
from altlas_runner.ai_service.prompt_template import PromptTemplate
from altlas_runner.ai_service.wire_format import AnswerError, StreamedAnswer, WireRequest, read_event, settings_for
from altlas_runner.execution import Outcome, TaskAttempt

__all__ = ["AnthropicFormat"]

API_VERSION = "2023-06-01"
DEFAULT_MAX_TOKENS = 4096
"""Longest answer when nothing is configured: this format wants a number."""
MAX_TEMPERATURE = 1.0
"""The format knows no higher one."""

_FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
_TOOL_CHOICES = {"auto": "auto", "required": "any", "none": "none"}
_DELTA_TEXTS = {"text_delta": "text", "input_json_delta": "partial_json"}


class AnthropicFormat:
    """Turns a task into a conversation, and the message that answers it into an output.

    Args:
        template: makes the user message, or None for the usual one.
    """

    json_in_text = True

    def __init__(self, template: PromptTemplate | None = None) -> None:
        self._template = template

    def request(self, config: AiServiceConfig, attempt: TaskAttempt) -> WireRequest:
        """A message; `response_format` is told to the model in words, because the format has no field for it."""
        settings = settings_for(config, attempt.task, mode_of(attempt.run).temperature(config.temperature))
        system, user = messages_for(attempt, max_context_chars=config.max_context_chars, template=self._template)
        passed = passed_on(attempt)
        words = _format_in_words(passed.get("response_format"), (attempt.task.parameters or {}).get("response_schema"))
        body: dict[str, Any] = {
            "model": settings.model,
            "max_tokens": settings.max_tokens or DEFAULT_MAX_TOKENS,
            "temperature": min(settings.temperature, MAX_TEMPERATURE),
            "system": " ".join(filter(None, (system["content"], words))),
            "messages": [user],
            "stream": config.use_streaming,
        }
        if "tools" in passed:
            body["tools"] = [_tool(tool) for tool in passed["tools"]]
        if "tool_choice" in passed:
            body["tool_choice"] = _tool_choice(passed["tool_choice"])
        headers = {"anthropic-version": API_VERSION}
        if config.api_key is not None:
            headers["x-api-key"] = config.api_key.get_secret_value()
        return WireRequest("/v1/messages", body, headers)

    def outcome(self, answer: Any) -> Outcome:
        """The text of the message, with the model's name and the finish reason in the words of `openai`."""
        try:
            return chat_outcome(_completion(answer))
        except AnswerError as error:
            return bad_response(str(error))

    def streamed_answer(self) -> StreamedAnswer:
        """Events up to `message_stop`."""
        return _StreamedMessage()


class _StreamedMessage:
    def __init__(self) -> None:
        self._message: dict[str, Any] = {}
        self._blocks: dict[int, dict[str, Any]] = {}
        self._pieces: dict[int, list[str]] = {}

    def take(self, event: ServerSentEvent) -> Outcome | str:
        value = read_event(event)
        if isinstance(value, Outcome):
            return value
        match _object(value, "an event").get("type"):
            case "message_start":
                self._message = dict(_object(value.get("message"), "message"))
            case "content_block_start":
                self._blocks[_index(value)] = dict(_object(value.get("content_block"), "content_block"))
            case "content_block_delta":
                return self._add(_index(value), _object(value.get("delta"), "delta"))
            case "message_delta":
                self._message |= _object(value.get("delta"), "delta")
                if value.get("usage") is not None:
                    usage = _object(self._message.get("usage") or {}, "usage")
                    self._message["usage"] = {**usage, **_object(value["usage"], "usage")}
            case "message_stop":
                if self._message.get("stop_reason") is None:
                    return stream_truncated("it has no stop_reason")
                return chat_outcome(_completion(self._whole()))
        return ""  # others may be added to the format, and are to be passed over

    def _add(self, index: int, delta: dict[str, Any]) -> str:
        kind = delta.get("type")
        if kind not in _DELTA_TEXTS:
            return ""
        piece = delta.get(_DELTA_TEXTS[kind])
        if not isinstance(piece, str) or index not in self._blocks:
            raise AnswerError("a delta has no text, or belongs to no block of the answer")
        self._pieces.setdefault(index, []).append(piece)
        return piece if kind == "text_delta" else ""

    def _whole(self) -> dict[str, Any]:
        for index, pieces in self._pieces.items():
            block, added = self._blocks[index], "".join(pieces)
            if block.get("type") == "tool_use":
                block["input"] = _Verbatim(added or "{}")
            else:
                block["text"] = str(block.get("text") or "") + added
        return {"type": "message", **self._message, "content": [block for _, block in sorted(self._blocks.items())]}


class _Verbatim(str):
    """The arguments of a tool call as they were streamed: JSON already, or cut at max_tokens."""

    __slots__ = ()


def _completion(message: Any) -> dict[str, Any]:
    """The message in the shape of a chat completion.

    Raises:
        AnswerError: it has the wrong shape.
    """
    content = _object(message, "the answer").get("content")
    if not isinstance(content, list):
        error = message.get("error")
        said = error.get("message") if isinstance(error, dict) else error
        raise AnswerError("the answer has no content" + (f"; it says: {said}" if said else ""))
    texts, calls = [], []
    for block in content:
        match _object(block, "content"):
            case {"type": "text", "text": str(text)}:
                texts.append(text)
            case {"type": "tool_use", "id": str(call_id), "name": str(name), "input": arguments}:
                written = arguments if isinstance(arguments, _Verbatim) else json.dumps(arguments, ensure_ascii=False)
                calls.append({"id": call_id, "type": "function", "function": {"name": name, "arguments": str(written)}})
            case {"type": "text"} | {"type": "tool_use"}:
                raise AnswerError("the answer's content has fields of a wrong type")
    reason = message.get("stop_reason")
    answer: dict[str, Any] = {"role": "assistant", "content": "".join(texts), "tool_calls": calls}
    finish_reason = _FINISH_REASONS.get(reason, reason) if isinstance(reason, str) else reason
    choice = {"index": 0, "message": answer, "finish_reason": finish_reason}
    return {"choices": [choice], "model": message.get("model"), "usage": _usage(message.get("usage"))}


def _usage(said: Any) -> dict[str, Any]:
    """Tokens as a completion counts them: those read from or written to a cache were sent, too."""
    if not isinstance(said, dict):
        return {}
    sent = [said.get(name) for name in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")]
    counted = [count for count in sent if isinstance(count, int)]
    return {"prompt_tokens": sum(counted) if counted else None, "completion_tokens": said.get("output_tokens")}


def _tool(tool: Any) -> Any:
    """A tool written as for `openai`, translated; one that is written otherwise stands as it is."""
    function = tool.get("function") if isinstance(tool, dict) else None
    if not isinstance(function, dict):
        return tool
    translated = {"name": function.get("name"), "input_schema": function.get("parameters") or {"type": "object"}}
    return translated | ({"description": function["description"]} if function.get("description") else {})


def _tool_choice(choice: dict[str, Any] | str) -> Any:
    if isinstance(choice, str):
        return {"type": _TOOL_CHOICES.get(choice, choice)}
    function = choice.get("function")
    return {"type": "tool", "name": function.get("name")} if isinstance(function, dict) else choice


def _format_in_words(response_format: dict[str, Any] | None, told: Any) -> str:
    """What the model is told of the format, unless the system message tells the schema `told` anyway."""
    if response_format is None or response_format.get("type") not in ("json_object", "json_schema"):
        return ""
    described = response_format.get("json_schema")
    schema = described.get("schema") if isinstance(described, dict) else None
    if told is not None and schema in (None, told):
        return ""
    if schema is None:
        return "Answer with JSON alone."
    return f"Answer with JSON alone, which satisfies this JSON Schema: {json.dumps(schema, ensure_ascii=False)}"


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise AnswerError(f"{what} is no object")
    return value


def _index(value: dict[str, Any]) -> int:
    index = value.get("index")
    if not isinstance(index, int):
        raise AnswerError("a block of the answer has no index")
    return index

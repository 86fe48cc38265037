"""Putting the answer of a chat model together: from a whole completion, or from the chunks of a stream. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from altlas_runner.ai_service.failures import bad_response
from altlas_runner.ai_service.wire_format import AnswerError
from altlas_runner.execution import Outcome
from altlas_runner.results import Usage

__all__ = ["ChatChunks", "chat_outcome", "usage_of"]

_Kind = TypeVar("_Kind")
_BROKEN_OFF = frozenset({"error", "abort", "pause_turn"})
"""Finish reasons of answers that are no whole ones, as OpenRouter, vLLM and Anthropic give them."""


def chat_outcome(answer: Any) -> Outcome:
    """What a chat completion (OpenAI's `chat.completion` object) means.

    The output is `{"text", "model", "finish_reason"}`, with `tool_calls` when the model called tools. An answer that
    is missing, empty, broken off or stopped by a filter is AI_BAD_RESPONSE; one cut at `max_tokens` is complete as far
    as was asked for and says so in `finish_reason`.
    """
    usage = usage_of(answer)
    problem, output = _read(answer)
    if problem is not None:
        return replace(bad_response(problem), usage=usage)
    return Outcome.completed(output, usage=usage)


def usage_of(answer: Any) -> Usage | None:
    """The tokens that an answer says it took; None when it does not say."""
    said = answer.get("usage") if isinstance(answer, dict) else None
    if not isinstance(said, dict):
        return None
    sent, received = _count(said.get("prompt_tokens")), _count(said.get("completion_tokens"))
    return None if sent is None and received is None else Usage(sent or 0, received or 0)


class ChatChunks:
    """Collects the chunks of a streamed chat completion into the whole one. Nothing is taken for granted about them."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._refusal: list[str] = []
        self._tool_calls: dict[int, _ToolCall] = {}
        self._model: str | None = None
        self._usage: dict[str, Any] | None = None
        self.finish_reason: str | None = None

    def add(self, chunk: Any) -> str:
        """Take the next chunk, with its `delta`.

        Returns:
            The text that it adds; empty when it adds something else.

        Raises:
            AnswerError: it has the wrong shape.
        """
        self._model = _field(chunk, "model", str) or self._model
        self._usage = _field(chunk, "usage", dict) or self._usage
        text = ""
        for choice in _field(chunk, "choices", list) or ():
            if (_field(choice, "index", int) or 0) != 0:
                continue
            self.finish_reason = _field(choice, "finish_reason", str) or self.finish_reason
            delta = _field(choice, "delta", dict) or {}
            text += _field(delta, "content", str) or ""
            self._refusal.append(_field(delta, "refusal", str) or "")
            for piece in _field(delta, "tool_calls", list) or ():
                self._add_tool_call(piece)
        self._text.append(text)
        return text

    def whole(self) -> dict[str, Any]:
        """The completion, as the service would have sent it in one piece."""
        message: dict[str, Any] = {"role": "assistant", "content": "".join(self._text)}
        if refusal := "".join(self._refusal):
            message["refusal"] = refusal
        if self._tool_calls:
            message["tool_calls"] = [call.whole() for _, call in sorted(self._tool_calls.items())]
        choice = {"index": 0, "message": message, "finish_reason": self.finish_reason}
        return {"choices": [choice], "model": self._model, "usage": self._usage}

    def _add_tool_call(self, piece: Any) -> None:
        call_id, index = _field(piece, "id", str), _field(piece, "index", int)
        if index is None:  # some services count nothing and name each call once
            index = len(self._tool_calls) if call_id or not self._tool_calls else max(self._tool_calls)
        call = self._tool_calls.setdefault(index, _ToolCall())
        call.id = call_id or call.id
        function = _field(piece, "function", dict) or {}
        call.name.append(_field(function, "name", str) or "")
        call.arguments.append(_field(function, "arguments", str) or "")


class _ToolCall:
    """A tool call that is still being told; in lists, because texts that grow piece by piece are copied each time."""

    def __init__(self) -> None:
        self.id: str | None = None
        self.name: list[str] = []
        self.arguments: list[str] = []

    def whole(self) -> dict[str, Any]:
        function = {"name": "".join(self.name), "arguments": "".join(self.arguments)}
        return {"id": self.id, "type": "function", "function": function}


def _field(value: Any, name: str, kind: type[_Kind]) -> _Kind | None:
    """A field of a chunk, when it is there.

    Raises:
        AnswerError: there is something else in its place.
    """
    if not isinstance(value, dict):
        raise AnswerError("a part of the stream is no object")
    field = value.get(name)
    if field is None or (isinstance(field, kind) and not isinstance(field, bool)):
        return field
    raise AnswerError(f"{name} in the stream has a wrong type")


def _read(answer: Any) -> tuple[str, None] | tuple[None, dict[str, Any]]:
    """Either what is wrong with an answer, or the output it holds."""
    if not isinstance(answer, dict):
        return "the answer is no object", None
    choices = answer.get("choices")
    if not (isinstance(choices, list) and choices and isinstance(choices[0], dict)):
        error = answer.get("error")
        said = error.get("message") if isinstance(error, dict) else error
        return "the answer has no choices" + (f"; it says: {said}" if said else ""), None
    choice = choices[0]
    message, finish_reason = choice.get("message"), choice.get("finish_reason")
    if not isinstance(message, dict):
        return "the answer's first choice has no message", None
    text, tool_calls = message.get("content"), message.get("tool_calls") or []
    if (
        not isinstance(text, str | None)
        or not isinstance(finish_reason, str | None)
        or not isinstance(tool_calls, list)
    ):
        return "the answer's message has fields of a wrong type", None
    if finish_reason is None:
        return "the answer has no finish_reason, so it may not be complete", None
    if finish_reason in _BROKEN_OFF:
        return f"the answer broke off (finish_reason {finish_reason})", None
    if finish_reason == "content_filter":
        return "the service held the answer back (finish_reason content_filter)", None
    if not tool_calls and not (text or "").strip():
        refusal = message.get("refusal")
        reason = f"the model refused: {refusal}" if refusal else f"the answer is empty (finish_reason {finish_reason})"
        return reason, None
    model = answer.get("model")
    output: dict[str, Any] = {
        "text": text or "",
        "model": model if isinstance(model, str) else None,
        "finish_reason": finish_reason,
    }
    if tool_calls:
        output["tool_calls"] = tool_calls
    return None, output


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None

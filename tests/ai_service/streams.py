"""A streamed answer in each wire format, as the services send it, and what it says."""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Stream:
    """One answer as a stream.

    Attributes:
        events: each with the empty line that ends it; the last one is the terminal event.
        output: what the whole of it means.
        text: what is told to those who watch.
    """

    events: list[bytes]
    output: Any
    text: str

    @property
    def whole(self) -> bytes:
        return b"".join(self.events)


def event(value: Any, name: str | None = None) -> bytes:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return (f"event: {name}\n" if name else "").encode() + f"data: {text}\n\n".encode()


def typed(kind: str, **fields: Any) -> bytes:
    """An event as Anthropic writes them."""
    return event({"type": kind, **fields}, kind)


def piece(delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
    """A chunk of a completion."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return event({"model": "m", "choices": [choice], "usage": None})


CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"q": "ü"}'}}
OUTPUT = {"text": "Grüß dich, 汉字 🎈", "model": "m", "finish_reason": "tool_calls", "tool_calls": [CALL]}

STREAMS = {
    "altlas": Stream(
        [
            b": hello\n\n",
            event({"text": "Grüß dich, "}, "delta"),
            event({"text": "汉字 🎈", "more": 1}, "delta"),
            event({"done": 0.5}, "something_new"),
            event({"summary": "Grüß dich, 汉字 🎈", "error": None}, "result"),
        ],
        {"summary": "Grüß dich, 汉字 🎈", "error": None},
        "Grüß dich, 汉字 🎈",
    ),
    "openai": Stream(
        [
            piece({"role": "assistant", "content": ""}),
            b": keep-alive\n\n",
            piece({"content": "Grüß dich, "}),
            piece({"content": "汉字 🎈"}),
            piece({"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "look", "arguments": ""}}]}),
            piece({"tool_calls": [{"index": 0, "function": {"arguments": '{"q": '}}]}),
            piece({"tool_calls": [{"index": 0, "function": {"arguments": '"ü"}'}}]}),
            piece({}, "tool_calls"),
            event({"model": "m", "choices": [], "usage": {"prompt_tokens": 12, "completion_tokens": 3}}),
            event("[DONE]"),
        ],
        OUTPUT,
        "Grüß dich, 汉字 🎈",
    ),
    "anthropic": Stream(
        [
            typed("message_start", message={"model": "m", "content": [], "usage": {"input_tokens": 12}}),
            typed("content_block_start", index=0, content_block={"type": "text", "text": ""}),
            typed("ping"),
            typed("content_block_delta", index=0, delta={"type": "text_delta", "text": "Grüß dich, "}),
            typed("content_block_delta", index=0, delta={"type": "text_delta", "text": "汉字 🎈"}),
            typed("content_block_stop", index=0),
            typed(
                "content_block_start",
                index=1,
                content_block={"type": "tool_use", "id": "c1", "name": "look", "input": {}},
            ),
            typed("content_block_delta", index=1, delta={"type": "input_json_delta", "partial_json": '{"q": '}),
            typed("content_block_delta", index=1, delta={"type": "input_json_delta", "partial_json": '"ü"}'}),
            typed("content_block_stop", index=1),
            typed("message_delta", delta={"stop_reason": "tool_use"}, usage={"output_tokens": 3}),
            typed("message_stop"),
        ],
        OUTPUT,
        "Grüß dich, 汉字 🎈",
    ),
}

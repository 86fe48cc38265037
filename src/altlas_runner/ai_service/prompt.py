"""Makes chat messages from a task and what surrounds it, for services that only know conversations. Pure.

Short and plain on purpose: a small model repeats every heading that it does not need.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from altlas_runner.execution import TaskAttempt
from altlas_runner.redaction import redact_key_like

__all__ = ["SETTINGS", "as_text", "messages_for", "share_out"]

SETTINGS = frozenset(
    {"model", "temperature", "max_tokens", "prompt", "response_format", "response_schema", "tools", "tool_choice"}
)
"""Parameters that shape the request; all others are shown to the model."""

MAX_PERSONA_CHARS = 500

_TAG = re.compile(r"<(/?)result", re.IGNORECASE)

_MODES = {
    "dream": "Be imaginative: unusual ideas are welcome.",
    "explore": "Look at the question from several sides before you decide.",
    "chaos": "Be bold: question what seems obvious and surprise the reader.",
}


def messages_for(attempt: TaskAttempt, *, max_context_chars: int) -> list[dict[str, str]]:
    """The conversation for an attempt: one system message, one user message.

    Values under key-like names (see `redaction.is_key_like`) are not shown to the model.

    Args:
        attempt: the task, its run and the outputs of its dependencies.
        max_context_chars: most characters of those outputs; what is left out is marked in its place.
    """
    parameters = attempt.task.parameters or {}
    parts = [_context(attempt.context, max_context_chars), attempt.task.description.strip()]
    prompt = parameters.get("prompt")
    if prompt is not None and prompt != attempt.task.description:
        parts.append(as_text(prompt).strip())
    shown = redact_key_like({name: value for name, value in parameters.items() if name not in SETTINGS})
    parts.append("\n".join(f"{name}: {as_text(value)}" for name, value in shown.items()))
    return [
        {"role": "system", "content": _system(attempt.run.persona, attempt.run.mode)},
        {"role": "user", "content": "\n\n".join(part for part in parts if part)},
    ]


def as_text(value: Any) -> str:
    """A JSON value as a reader wants it: texts as they are, answers of a chat by their text, the rest as JSON."""
    if isinstance(value, Mapping) and isinstance(value.get("text"), str) and "finish_reason" in value:
        value = value["text"]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def share_out(lengths: Sequence[int], budget: int) -> list[int]:
    """Divide a budget: short texts stand whole, long ones get equal parts of what is left.

    Example:
        >>> share_out([10, 500, 700], 210)
        [10, 100, 100]
    """
    shares = [0] * len(lengths)
    rest = sorted(range(len(lengths)), key=lengths.__getitem__)
    for place, index in enumerate(rest):
        shares[index] = min(lengths[index], budget // (len(rest) - place))
        budget -= shares[index]
    return shares


def _system(persona: str | None, mode: str) -> str:
    persona = " ".join((persona or "").replace("_", " ").split())[:MAX_PERSONA_CHARS].rstrip(".")
    who = f"Your role: {persona}." if persona else "You are a helpful assistant."
    return f"{who} {_MODES[mode]}" if mode in _MODES else who


def _context(outputs: Mapping[str, Any], budget: int) -> str:
    texts = {task_id: as_text(output).strip() for task_id, output in outputs.items()}
    shares = share_out([len(text) for text in texts.values()], budget)
    return "\n\n".join(
        _quoted(task_id, text, share) for (task_id, text), share in zip(texts.items(), shares, strict=True)
    )


def _quoted(task_id: str, text: str, share: int) -> str:
    """One output between tags; a tag inside the output is broken, so that it cannot end its own block."""
    if len(text) > share:
        text = f"{text[:share].rstrip()} […{len(text) - share} characters left out]"
    name, text = (_TAG.sub(r"<\1 result", part) for part in (json.dumps(task_id, ensure_ascii=False), text))
    return f"<result task={name}>\n{text}\n</result>"

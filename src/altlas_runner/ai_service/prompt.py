"""Makes chat messages from a task and what surrounds it, for services that only know conversations. Pure.

Short and plain on purpose: a small model repeats every heading that it does not need.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from altlas_runner.ai_service.modes import mode_of
from altlas_runner.ai_service.prompt_template import PromptTemplate
from altlas_runner.execution import RunInfo, TaskAttempt
from altlas_runner.redaction import redact_key_like

__all__ = ["SETTINGS", "as_text", "complaint_about_the_last_answer", "messages_for", "share_out"]

SETTINGS = frozenset(
    {"model", "temperature", "max_tokens", "prompt", "response_format", "response_schema", "tools", "tool_choice"}
    | {"concurrency_group"}
)
"""Parameters that shape the request, or say when it is made; all others are shown to the model."""

MAX_PERSONA_CHARS = 500

_TAG = re.compile(r"<(/?)result", re.IGNORECASE)

_AGAIN = "Your answer before this one could not be used: {error}. Answer again and mend that."


def messages_for(
    attempt: TaskAttempt, *, max_context_chars: int, template: PromptTemplate | None = None
) -> list[dict[str, str]]:
    """The conversation for an attempt: one system message, one user message.

    The system message is made of persona, mode and the JSON Schema that the answer must satisfy. Values under key-like
    names (see `redaction.is_key_like`) are not shown to the model.

    Args:
        attempt: the task, its run, the outputs of its dependencies; and why the last answer could not be used.
        max_context_chars: most characters of those outputs; what is left out is marked in its place.
        template: makes the user message instead of the usual order.

    Raises:
        ParameterError: the mode is chaos, and its level is none.
        ReferenceNotFoundError: the template refers to what this task has not.
    """
    parameters = attempt.task.parameters or {}
    context = _context(attempt.context, max_context_chars)
    user = template.filled(attempt, context) if template else _user(attempt.task.description, parameters, context)
    if (error := complaint_about_the_last_answer(attempt)) is not None:
        user += f"\n\n{_AGAIN.format(error=error.rstrip('.'))}"
    return [
        {"role": "system", "content": _system(attempt.run, parameters.get("response_schema"))},
        {"role": "user", "content": user},
    ]


def complaint_about_the_last_answer(attempt: TaskAttempt) -> str | None:
    """Why the last answer could not be used, for tasks whose answer is checked against a schema."""
    if "response_schema" not in (attempt.task.parameters or {}):
        return None
    errors = (each.error for each in reversed(attempt.previous) if each.error_code == "AI_BAD_RESPONSE")
    return next(errors, None)


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


def _user(description: str, parameters: Mapping[str, Any], context: str) -> str:
    parts = [context, description.strip()]
    prompt = parameters.get("prompt")
    if prompt is not None and prompt != description:
        parts.append(as_text(prompt).strip())
    shown = redact_key_like({name: value for name, value in parameters.items() if name not in SETTINGS})
    parts.append("\n".join(f"{name}: {as_text(value)}" for name, value in shown.items()))
    return "\n\n".join(part for part in parts if part)


def _system(run: RunInfo, schema: Any) -> str:
    persona = " ".join((run.persona or "").replace("_", " ").split())[:MAX_PERSONA_CHARS].rstrip(".")
    parts = [f"Your role: {persona}." if persona else "You are a helpful assistant.", mode_of(run).instructions]
    if schema is not None:
        parts.append(f"Answer with JSON alone, which satisfies this JSON Schema: {as_text(schema)}")
    return " ".join(part for part in parts if part)


def _context(outputs: Mapping[str, Any], budget: int) -> str:
    if not outputs:
        return ""
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

"""What references stand for, once the outputs are there: values put in the place of references. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from altlas_runner.alt_file.diagnostics import quoted
from altlas_runner.alt_file.references import MARK, Reference, parse_template, step_text
from altlas_runner.errors import ReferenceNotFoundError

__all__ = ["look_up", "resolve", "resolve_text"]

_LONGEST_SHOWN = 120
_MOST_KEYS_SHOWN = 5


def resolve(value: Any, outputs: Mapping[str, Any], inputs: Mapping[str, Any]) -> Any:
    """A copy of a JSON value in which every reference is replaced by what it stands for.

    A text that is one single reference becomes the value itself, with its type; in other texts values stand as text.
    Keys of objects are left alone, and so is what is malformed.

    Args:
        value: any JSON value.
        outputs: by task id.
        inputs: by name.

    Raises:
        ReferenceNotFoundError: a reference leads nowhere.

    Example:
        >>> resolve({"rows": "${{ tasks.a.output.rows }}"}, {"a": {"rows": [1, 2]}}, {})
        {'rows': [1, 2]}
    """
    if isinstance(value, str):
        parts = parse_template(value).parts if MARK in value else (value,)
        if len(parts) == 1 and isinstance(parts[0], Reference):
            return look_up(parts[0], outputs, inputs)
        return _filled(parts, outputs, inputs)
    if isinstance(value, dict):
        return {key: resolve(item, outputs, inputs) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [resolve(item, outputs, inputs) for item in value]
    return value


def resolve_text(text: str, outputs: Mapping[str, Any], inputs: Mapping[str, Any]) -> str:
    """Like `resolve` for what must remain a text, such as a description.

    Raises:
        ReferenceNotFoundError: a reference leads nowhere.
    """
    return _filled(parse_template(text).parts, outputs, inputs)


def look_up(reference: Reference, outputs: Mapping[str, Any], inputs: Mapping[str, Any]) -> Any:
    """The value that a reference stands for.

    Raises:
        ReferenceNotFoundError: there is no such task or input, or the path leads nowhere.
    """
    place = reference.root
    values = outputs if reference.root == "tasks" else inputs
    if reference.name not in values:
        raise ReferenceNotFoundError(
            _shown(reference.source), place, _shown(step_text(reference.name)), _described(values)
        )
    value = values[reference.name]
    steps = [place, step_text(reference.name), *([".output"] if place == "tasks" else [])]
    for part in reference.path:
        fits = (
            isinstance(value, list | tuple) and part < len(value)
            if isinstance(part, int)
            else isinstance(value, Mapping) and part in value
        )
        if not fits:
            raise ReferenceNotFoundError(
                _shown(reference.source), _shown("".join(steps)), _shown(step_text(part)), _described(value)
            )
        value = value[part]
        steps.append(step_text(part))
    return value


def _filled(parts: tuple[str | Reference, ...], outputs: Mapping[str, Any], inputs: Mapping[str, Any]) -> str:
    return "".join(part if isinstance(part, str) else _as_text(look_up(part, outputs, inputs)) for part in parts)


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _shown(text: str) -> str:
    """A piece of a reference, fit for a message."""
    shown = text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"
    return shown if shown.isprintable() else json.dumps(shown)[1:-1]


def _described(value: Any) -> str:
    """What there is instead of what was looked for; never a value itself, which may be a secret."""
    if isinstance(value, Mapping):
        keys = [quoted(str(key)) for key, _ in zip(value, range(_MOST_KEYS_SHOWN), strict=False)]
        if not keys:
            return "empty"
        rest = [f"{len(value) - len(keys):,} more"] if len(value) > len(keys) else []
        return f"an object with {', '.join([*keys, *rest])}"
    if isinstance(value, list | tuple):
        return f"an array of {len(value):,} item{'s' * (len(value) != 1)}"
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return "a text" if isinstance(value, str) else "a number" if isinstance(value, int | float) else "no JSON value"

"""Texts and JSON values as they are shown: whole where there is room, else their beginning with where the rest is."""

from __future__ import annotations

import hashlib
from typing import Any

from pydantic_core import to_json

from altlas_runner.last_file.models import RESULT_NAME
from altlas_runner.last_file.report.formats import format_size

__all__ = ["Excerpt", "excerpt_of"]

Excerpt = dict[str, Any]
"""`text`; `json` when it is JSON; `note` when something was left out, saying where all of it is."""


def excerpt_of(value: Any, limit: int, pointer: str) -> Excerpt:
    """A value cut to `limit` characters: a text as text, anything else as indented JSON.

    Args:
        value: a JSON value.
        limit: how many characters are shown.
        pointer: the JSON pointer of the value in `result.last`.
    """
    if isinstance(value, str):
        if len(value) <= limit:
            return {"text": value}
        return {"text": value[:limit], "note": _note(limit, value.encode("utf-8", "replace"), pointer)}
    text = to_json(value, indent=2).decode()
    if len(text) <= limit:
        return {"text": text, "json": True}
    return {"text": text[:limit], "json": True, "note": _note(limit, to_json(value), pointer)}


def _note(limit: int, whole: bytes, pointer: str) -> str:
    digest = hashlib.sha256(whole).hexdigest()
    return (
        f"Shortened to {limit:,} characters. All {format_size(len(whole))} are in {RESULT_NAME} at {pointer}, "
        f"SHA-256 {digest}."
    )

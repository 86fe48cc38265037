"""Texts and JSON values as they are shown: whole where there is room, else their beginning with where the rest is."""

from __future__ import annotations

import hashlib
from typing import Any

from pydantic_core import to_json

from altlas_runner.last_file.models import RESULT_NAME
from altlas_runner.last_file.report.formats import format_size

__all__ = ["Excerpt", "excerpt_of"]

_LITTLE = 256

Excerpt = dict[str, Any]
"""`text`; `json` when it is JSON; `note` when something was left out, saying where all of it is."""


def excerpt_of(value: Any, limit: int, pointer: str, *, digest: bool = True) -> Excerpt:
    """A value cut to about `limit` characters: a text as text, anything else as indented JSON.

    What is little longer than the limit is not cut: saying so would take as much room as the rest.

    Args:
        value: a JSON value.
        limit: how many characters are shown.
        pointer: the JSON pointer of the value in `result.last`.
        digest: whether what is said of a cut has the SHA-256 of the whole.
    """
    most = limit + min(limit, _LITTLE)
    if isinstance(value, str):
        if len(value) <= most:
            return {"text": value}
        return {"text": value[:limit], "note": _note(limit, value.encode("utf-8", "replace"), pointer, digest)}
    text = to_json(value, indent=2).decode()
    if len(text) <= most:
        return {"text": text, "json": True}
    return {"text": text[:limit], "json": True, "note": _note(limit, to_json(value), pointer, digest)}


def _note(limit: int, whole: bytes, pointer: str, digest: bool) -> str:
    sum_of_it = f", SHA-256 {hashlib.sha256(whole).hexdigest()}" if digest else ""
    shown = f"Shortened to {limit:,} characters." if limit else "Not shown here."
    return f"{shown} All {format_size(len(whole))} are in {RESULT_NAME} at {pointer}{sum_of_it}."

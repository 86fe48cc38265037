"""Documents for the tests, made in one line, and what the parser says of them."""

from __future__ import annotations

import json
from typing import Any

from altlas_runner.alt_file import AltParser, Diagnostic

Document = dict[str, Any]


def document(*tasks: Document, **fields: Any) -> Document:
    """A sound file around these tasks."""
    return {"id": "f", "title": "A file", "tasks": list(tasks), **fields}


def task(task_id: str, *dependencies: str, **fields: Any) -> Document:
    """A sound task."""
    built: Document = {"id": task_id, "description": "Do it"}
    if dependencies:
        built["dependencies"] = list(dependencies)
    return {**built, **fields}


def validated(content: Document) -> list[Diagnostic]:
    return AltParser().validate(json.dumps(content))


def codes_and_paths(content: Document) -> list[tuple[str, str]]:
    return [(diagnostic.code, diagnostic.path) for diagnostic in validated(content)]

"""The JSON Schema of ALT files, made from the models; editors complete and check with it.

It is published as `alt-file.schema.json` beside this module; `altlas-runner schema` prints it.
"""

from __future__ import annotations

import json
from typing import Any

from altlas_runner.alt_file.models import AltFile

__all__ = ["alt_file_schema", "schema_text"]


def alt_file_schema() -> dict[str, Any]:
    """The schema (draft 2020-12) that accepts what `AltParser` finds no wrong type or missing field in.

    One thing a schema cannot say: the parser refuses 5.0 where it wants the integer 5.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:altlas-runner:alt-file.schema.json",
        **AltFile.model_json_schema(),
        "title": "ALT file",
        "description": "Tasks for an AI service, with dependencies.",
    }


def schema_text() -> str:
    """The schema as it is published."""
    return json.dumps(alt_file_schema(), indent=2, ensure_ascii=False) + "\n"

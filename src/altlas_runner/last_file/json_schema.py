"""The JSON Schema of LAST files, made from the models: for tools in other languages, and to check bundles with.

It is published as `last-file.schema.json` beside this module; `altlas-runner schema --last` prints it.
"""

from __future__ import annotations

import json
from typing import Any

from altlas_runner.last_file.models import FORMAT_VERSION, last_file_adapter

__all__ = ["last_file_schema", "schema_text"]


def last_file_schema() -> dict[str, Any]:
    """The schema (draft 2020-12) that accepts every `result.last` of this major version of the format."""
    schema = last_file_adapter().json_schema()
    major = FORMAT_VERSION.partition(".")[0]
    schema["properties"]["version"]["pattern"] = rf"^{major}\."
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:altlas-runner:last-file.schema.json",
        **schema,
        "title": "LAST file",
        "description": "The results of one run of an ALT file.",
    }


def schema_text() -> str:
    """The schema as it is published."""
    return json.dumps(last_file_schema(), indent=2, ensure_ascii=False) + "\n"

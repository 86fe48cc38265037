"""What schemathesis cannot make up: an ALT file that can be run. Most of the files that it sends are this one."""

import zlib
from typing import Any

import schemathesis

ALT = {
    "id": "f",
    "title": "Two tasks",
    "tasks": [
        {"id": "a", "description": "one"},
        {"id": "b", "description": "two", "dependencies": ["a"], "parameters": {"text": "${{ tasks.a.output }}"}},
    ],
}


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    """A file in the place of a text, an object or a path that could be one; what is wrong elsewhere stays wrong."""
    if not isinstance(body, dict) or not zlib.crc32(repr(body).encode("utf-8", "replace")) % 4:
        return body
    path = body.get("alt_file_path")
    if isinstance(body.get("alt_file_content"), str | dict):
        body = {**body, "alt_file_content": ALT}
    if isinstance(path, str) and 0 < len(path) <= 4096:
        body = {**body, "alt_file_path": "a.alt.json"}
    return body

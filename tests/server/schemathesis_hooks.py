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
    """A file in the place of a text or an object; what is wrong with a request stays wrong."""
    content = body.get("alt_file_content") if isinstance(body, dict) else None
    if isinstance(content, str | dict) and zlib.crc32(repr(content).encode("utf-8", "replace")) % 4:
        return {**body, "alt_file_content": ALT}
    return body

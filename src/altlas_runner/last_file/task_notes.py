"""What a LAST file keeps of the tasks themselves, under `metadata.runner.tasks`: written and read in this one place.

With the notes the report and the graph can be made from `result.last` alone, without the ALT file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from altlas_runner.redaction import redact_key_like

if TYPE_CHECKING:
    from collections.abc import Mapping

    from altlas_runner.alt_file import Task

__all__ = ["TaskNote", "read_task_notes", "write_task_note"]


@dataclass(frozen=True, slots=True)
class TaskNote:
    """One task as it was run.

    Attributes:
        task_id: as in the ALT file.
        description: what was asked.
        dependencies: ids of the tasks it waited for.
        tags: free labels.
        parameters: as the executor got them, values under key-like names redacted; None when there are none.
    """

    task_id: str
    description: str = ""
    dependencies: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    parameters: Any = None


def write_task_note(task: Task, description: str, parameters: Any) -> dict[str, Any]:
    """The note as it stands in the LAST file; empty tags and parameters are left out.

    Args:
        task: gives id, dependencies and tags.
        description: the task's, free of configured secrets.
        parameters: a JSON value; what stands under key-like names is redacted here.
    """
    note: dict[str, Any] = {"id": task.id, "description": description, "dependencies": list(task.dependencies or ())}
    if task.tags:
        note["tags"] = list(task.tags)
    if parameters:
        note["parameters"] = redact_key_like(parameters)
    return note


def read_task_notes(metadata: Mapping[str, Any]) -> list[TaskNote]:
    """The notes in the metadata of a LAST file; whatever does not look like a note is passed over."""
    runner = metadata.get("runner")
    entries = runner.get("tasks") if isinstance(runner, dict) else None
    if not isinstance(entries, list):
        return []
    return [
        TaskNote(
            task_id=entry["id"],
            description=entry["description"] if isinstance(entry.get("description"), str) else "",
            dependencies=_texts(entry.get("dependencies")),
            tags=_texts(entry.get("tags")),
            parameters=entry.get("parameters"),
        )
        for entry in entries
        if isinstance(entry, dict) and isinstance(entry.get("id"), str)
    ]


def _texts(value: Any) -> tuple[str, ...]:
    return tuple([item for item in value if isinstance(item, str)]) if isinstance(value, list) else ()

"""The commands that a reader can copy: what to do next, and how to look into a failure."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from altlas_runner.last_file.report.provenance import alt_file_path, has_journal
from altlas_runner.last_file.visible_text import visible

if TYPE_CHECKING:
    from altlas_runner.last_file.report.run_record import RunRecord

__all__ = ["command_to_continue", "command_to_look"]

_MAX_TASKS = 5
_MAX_LENGTH = 200


def command_to_continue(record: RunRecord) -> tuple[str, str] | None:
    """What it does, and the command that runs again what did not complete.

    None when everything did, or when there is neither a journal nor a note where the file is.
    """
    started_again = record.failed() or [t for t, s in enumerate(record.graph.statuses) if s == "cancelled"]
    if not started_again:
        return None
    if has_journal(record.last_file) and _can_be_typed(record.last_file.id):
        failed = " --failed" if record.failed() else ""
        return "Run what did not complete again", f"altlas-runner resume {shlex.quote(record.last_file.id)}{failed}"
    file = alt_file_path(record.last_file)
    if file is None or not _can_be_typed(file):
        return None
    command = f"altlas-runner run {shlex.quote(file)}"
    ids = [record.graph.task_ids[task] for task in started_again]
    if len(ids) <= _MAX_TASKS and all(map(_can_be_typed, ids)):
        chosen = "".join(f" --from {shlex.quote(task_id)}" for task_id in ids)
        return "Run what did not complete again, with what depends on it", command + chosen
    return "Run the file again", command


def command_to_look(record: RunRecord, task: int) -> str:
    """Shows one task of the bundle in the terminal."""
    parts = ["altlas-runner", "show", record.last_file.id]
    task_id = record.graph.task_ids[task]
    return shlex.join([*parts, task_id] if _can_be_typed(task_id) else parts)


def _can_be_typed(text: str) -> bool:
    """Whether a text can be pasted into a terminal and means nothing but itself there."""
    is_plain = text.isprintable() and visible(text) == text and not text.startswith("-")
    return is_plain and 0 < len(text) <= _MAX_LENGTH

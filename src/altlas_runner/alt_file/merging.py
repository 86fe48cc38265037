"""Several ALT files become one: every dependency and every reference still means the task it meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from altlas_runner.alt_file.diagnostics import Diagnostic
from altlas_runner.alt_file.models import AltFile, AltMode, Task
from altlas_runner.alt_file.references import rename_tasks
from altlas_runner.errors import AltFormatError

__all__ = ["merge", "new_task_ids"]


def merge(files: Iterable[AltFile], title: str, *, new_id: str, created_at: datetime) -> AltFile:
    """One file with the tasks of all, file after file; the files themselves stay as they are.

    A task whose id an earlier file has gets a new one, which the dependencies and references of its own file follow. A
    task without a priority takes that of its file along. Of two unknown fields with one name the first file's is kept.
    The metadata names the source files, and tells under `sources` what else they said about the whole: mode, persona,
    metadata, expected completion time.

    Raises:
        AltFormatError: there are no files.
    """
    files = list(files)
    if not files:
        raise AltFormatError([Diagnostic("ALT304", "there is nothing to merge", help="give one file or more")])
    metadata: dict[str, Any] = {f"source_file_{index}": file.id for index, file in enumerate(files)}
    sources = {f"source_file_{index}": _told_of_the_whole(file) for index, file in enumerate(files)}
    if any(sources.values()):
        metadata["sources"] = {name: told for name, told in sources.items() if told}
    fields: dict[str, Any] = {}
    for file in files:
        fields |= {name: value for name, value in (file.__pydantic_extra__ or {}).items() if name not in fields}
    tags = dict.fromkeys(tag for file in files for tag in file.tags or ())
    if tags:
        fields["tags"] = list(tags)
    fields |= {
        "id": new_id,
        "version": "1.0",
        "created_at": created_at,
        "title": title,
        "description": f"Merged from {len(files)} file{'s' * (len(files) != 1)}",
        "mode": AltMode.NORMAL,
        "tasks": [
            _as_merged(task, file, new_ids)
            for file, new_ids in zip(files, new_task_ids(files), strict=True)
            for task in file.tasks
        ],
        "metadata": metadata,
    }
    return AltFile.model_validate(fields)


def new_task_ids(files: Sequence[AltFile]) -> list[dict[str, str]]:
    """For each file the new ids of those of its tasks whose id an earlier file has.

    Example:
        >>> first = AltFile(id="x", title="X", tasks=[Task(id="b", description="d"), Task(id="1_b", description="d")])
        >>> new_task_ids([first, first])
        [{}, {'b': '1_b_2', '1_b': '1_1_b'}]
    """
    # A dependency that leads nowhere counts as well: no new id may make it lead somewhere.
    taken = {name for file in files for task in file.tasks for name in (task.id, *(task.dependencies or ()))}
    earlier: set[str] = set()
    renamed = []
    for index, file in enumerate(files):
        ids = dict.fromkeys(task.id for task in file.tasks)
        renamed.append({task_id: _free_id(f"{index}_{task_id}", taken) for task_id in ids if task_id in earlier})
        earlier.update(ids)
    return renamed


def _told_of_the_whole(file: AltFile) -> dict[str, Any]:
    """What a file says about all of its tasks and the merged file cannot say in its fields."""
    told = {
        "mode": None if file.mode == AltMode.NORMAL else str(file.mode),
        "persona": file.persona,
        "metadata": file.metadata,
        "expected_completion_time": file.expected_completion_time,
    }
    return {name: value for name, value in told.items() if value is not None}


def _free_id(wanted: str, taken: set[str]) -> str:
    task_id, count = wanted, 1
    while task_id in taken:
        count += 1
        task_id = f"{wanted}_{count}"
    taken.add(task_id)
    return task_id


def _as_merged(task: Task, file: AltFile, new_ids: Mapping[str, str]) -> Task:
    """A copy of a task as it stands in the merged file; fields that were not set stay so."""
    update: dict[str, Any] = {}
    if task.id in new_ids:
        update["id"] = new_ids[task.id]
    if task.dependencies is not None:
        update["dependencies"] = [new_ids.get(name, name) for name in task.dependencies]
    if task.parameters is not None:
        update["parameters"] = _with_new_ids(task.parameters, new_ids)
    if task.priority is None and file.priority is not None:
        update["priority"] = file.priority
    update["description"] = rename_tasks(task.description, new_ids)
    return task.model_copy(update=update)


def _with_new_ids(value: Any, new_ids: Mapping[str, str]) -> Any:
    """A copy of a JSON value in which references lead to the new ids; keys of objects are no references."""
    if isinstance(value, str):
        return rename_tasks(value, new_ids)
    if isinstance(value, dict):
        return {key: _with_new_ids(item, new_ids) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_new_ids(item, new_ids) for item in value]
    return value

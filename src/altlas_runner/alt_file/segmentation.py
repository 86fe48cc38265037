"""The dialect of the ALT_LAS Segmentation Service: the same tasks under other names, read as plain ALT.

A document of the service says `command`, `timestamp` and `segments` where plain ALT says `title`, `created_at` and
`tasks`. It is translated to plain ALT and checked as such; every problem is then told with the path and in the names of
the document as it was written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from altlas_runner.alt_file.diagnostics import Found, Path, Related, found_at, json_pointer, quoted
from altlas_runner.alt_file.explanation import explain, unknown_fields
from altlas_runner.alt_file.models import AltFile, Task
from altlas_runner.alt_file.spelling import Spelling
from altlas_runner.alt_file.wrong_types import described, explain_wrong_types, name_of

__all__ = ["Segmentation", "is_segmentation"]

_FILE_NAMES = {"title": "command", "created_at": "timestamp", "tasks": "segments"}
"""Fields of a plain file and what the dialect calls them; all others have one name in both."""
_TASK_NAMES = {"description": "content"}
_PLAIN_FILE_NAMES = {written: plain for plain, written in _FILE_NAMES.items()}
_PLAIN_TASK_NAMES = {written: plain for plain, written in _TASK_NAMES.items()}

# What plain ALT has no place for, and what would take the place of a translated field.
_FILE_NOTES = ("language", "chaos_level", "title", "created_at")
_TASK_NOTES = ("metadata", "description")

_FILE_FIELDS = Spelling({*AltFile.model_fields, *_PLAIN_FILE_NAMES, "language", "chaos_level"} - {*_FILE_NAMES})
_TASK_FIELDS = Spelling({*Task.model_fields, *_PLAIN_TASK_NAMES, "task_type", "metadata"} - {*_TASK_NAMES})
_PARAMETER_FIELDS = Spelling(["name", "value", "type", "required", "description"])

_OTHER_WORDS = {"ALT002": ("the title", "the command"), "ALT012": ("the description", "the content")}
_TASKS_OUTSIDE_QUOTES = re.compile(r'"(?:[^"\\]|\\.)*"|\btasks(?=\[|/[0-9])')


def is_segmentation(document: Any) -> bool:
    """Whether a document is one of the Segmentation Service, by its shape.

    It has `segments` and no `tasks`; or it has neither, and a `command` where plain ALT has a `title`. A document with
    both `tasks` and `segments` is plain ALT with an unknown field.
    """
    if not isinstance(document, dict) or "tasks" in document:
        return False
    return "segments" in document or ("command" in document and "title" not in document)


class Segmentation:
    """A document of the Segmentation Service, and what it is in plain ALT.

    Args:
        document: one for which `is_segmentation` holds; it may have any mistake.

    Example:
        >>> asked = {"id": "f", "command": "Sum up", "segments": [{"id": "a", "task_type": "sum", "content": "Add"}]}
        >>> Segmentation(asked).to_alt_file().tasks[0].parameters
        {'task_type': 'sum'}
    """

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        segments = document.get("segments")
        self._segments: list[Any] = segments if isinstance(segments, list) else []
        self._places: dict[int, dict[str, int]] = {}

    def to_alt_file(self) -> AltFile:
        """The plain ALT file.

        Raises:
            ValidationError: the document has wrong types or missing fields, which `problems` tells as ALT303.
        """
        return AltFile.model_validate(self.plain)

    @cached_property
    def plain(self) -> dict[str, Any]:
        """The document as plain ALT, with values of wrong types left where they are."""
        fields = self._document
        plain = {_PLAIN_FILE_NAMES.get(name, name): fields[name] for name in fields if name not in _FILE_NOTES}
        notes: dict[str, Any] = {name: fields[name] for name in _FILE_NOTES if name in fields}
        notes_on_tasks: dict[str, Any] = {}
        if self._segments:
            plain["tasks"] = tasks = []
            for segment in self._segments:
                task, note = _as_task(segment) if isinstance(segment, dict) else (segment, None)
                tasks.append(task)
                if note and isinstance(segment.get("id"), str):
                    notes_on_tasks.setdefault(segment["id"], note)
        if notes_on_tasks:
            notes["segments"] = notes_on_tasks
        metadata = fields.get("metadata")
        if notes and (metadata is None or isinstance(metadata, dict)):
            metadata = metadata or {}
            if "segmentation" in metadata:
                notes["metadata"] = metadata["segmentation"]
            plain["metadata"] = {**metadata, "segmentation": notes}
        return plain

    def problems(self) -> list[Found]:
        """Every error and warning of the document, in no order; without an ALT303 it can become an `AltFile`."""
        found = [*self._problems_of_parameters(), *self._unknown_fields()]
        try:
            self.to_alt_file()
        except ValidationError as error:
            found += explain_wrong_types(error, self._document, self.path_as_written)
        found += (self._as_written(problem) for problem in explain(self.plain) if not self._is_untrue(problem))
        return found

    def _is_untrue(self, problem: Found) -> bool:
        """Whether it is so in the plain document only: its fields have other names, and it lacks broken parameters."""
        path, diagnostic = problem
        if diagnostic.code == "ALT106":
            return bool(_parameters_of(self._segments[int(path[1])]))
        return diagnostic.code == "ALT110"

    def path_as_written(self, path: Path) -> Path:
        """The path in the document as it was written to the value that is at this path of `plain`.

        Example:
            >>> asked = {"command": "c", "segments": [{"id": "a", "parameters": [{"name": "n", "value": 5}]}]}
            >>> Segmentation(asked).path_as_written(("tasks", 0, "parameters", "n"))
            ('segments', 0, 'parameters', 0, 'value')
        """
        if not path:
            return path
        start: Path = (_FILE_NAMES.get(str(path[0]), path[0]), *path[1:2])
        if path[0] != "tasks" or len(path) < 3:
            return (*start, *path[2:])
        field = path[2]
        if field != "parameters" or len(path) < 4:
            return (*start, _TASK_NAMES.get(str(field), field), *path[3:])
        place = self._places_of_parameters(int(path[1])).get(str(path[3]))
        if place is None:  # task_type is the one parameter that comes from elsewhere
            return (*start, path[3], *path[4:])
        return (*start, "parameters", place, "value", *path[4:])

    def _places_of_parameters(self, index: int) -> dict[str, int]:
        """Where each parameter of a segment stands in its list, by name."""
        if index not in self._places:
            parameters = enumerate(_parameters_of(self._segments[index]))
            self._places[index] = {item["name"]: place for place, item in parameters if _has_name(item)}
        return self._places[index]

    def _as_written(self, problem: Found) -> Found:
        path, diagnostic = problem
        path = self.path_as_written(path)
        message = diagnostic.message
        if diagnostic.code != "ALT023":  # its words are ids
            message = message.replace(*_OTHER_WORDS.get(diagnostic.code, ("", "")), 1)
            message = _TASKS_OUTSIDE_QUOTES.sub(lambda m: m[0] if m[0].startswith('"') else "segments", message)
        related = tuple(
            replace(other, path=other.path.replace("/tasks", "/segments", 1)) for other in diagnostic.related
        )
        return path, replace(diagnostic, path=json_pointer(path), message=message, related=related)

    def _problems_of_parameters(self) -> Iterator[Found]:
        """What is wrong with the fields that plain ALT has in another form: `task_type` and `parameters`."""
        for index, segment in enumerate(self._segments):
            if not isinstance(segment, dict):
                continue
            at: Path = ("segments", index)
            task_id = segment["id"] if isinstance(segment.get("id"), str) else None
            for field, types, expected in _FORMS:
                value = segment.get(field)
                if value is not None and not isinstance(value, types):
                    yield _wrong_type((*at, field), f"{expected}, or null", value, task_id)
            first: dict[str, Path] = {}
            for place, item in enumerate(_parameters_of(segment)):
                here: Path = (*at, "parameters", place)
                if not isinstance(item, dict):
                    yield _wrong_type(here, "an object with name and value", item, task_id)
                    continue
                for field in ("name", "value"):
                    if field not in item:
                        message = f'{name_of(here, task_id)} has no "{field}"'
                        yield found_at(here, "ALT303", message, task_id=task_id, help=f'add "{field}"')
                if not _has_name(item):
                    if "name" in item:
                        yield _wrong_type((*here, "name"), "a string", item["name"], task_id)
                    continue
                if item["name"] in first:
                    message = f"{name_of(at, task_id)} has the parameter {quoted(item['name'])} more than once; "
                    message += "the last one counts"
                    related = (Related(json_pointer(first[item["name"]]), "the first parameter with this name"),)
                    help_text = "keep one of them"
                    yield found_at((*here, "name"), "ALT111", message, task_id=task_id, help=help_text, related=related)
                first.setdefault(item["name"], (*here, "name"))

    def _unknown_fields(self) -> Iterator[Found]:
        yield from unknown_fields((), self._document, _FILE_FIELDS)
        for index, segment in enumerate(self._segments):
            if isinstance(segment, dict):
                task_id = segment["id"] if isinstance(segment.get("id"), str) else None
                yield from unknown_fields(("segments", index), segment, _TASK_FIELDS, task_id)
                for place, item in enumerate(_parameters_of(segment)):
                    if isinstance(item, dict):
                        at = ("segments", index, "parameters", place)
                        yield from unknown_fields(at, item, _PARAMETER_FIELDS, task_id)


_FORMS = (("task_type", str, "a string"), ("parameters", list, "an array of parameters"))


def _as_task(segment: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """A segment as a task, and what plain ALT has no place for."""
    elsewhere = (*_TASK_NOTES, "task_type", "parameters")
    task = {_PLAIN_TASK_NAMES.get(name, name): segment[name] for name in segment if name not in elsewhere}
    note: dict[str, Any] = {name: segment[name] for name in _TASK_NOTES if name in segment}
    if "parameters" in segment and isinstance(segment["parameters"], (list, type(None))):
        task["parameters"] = None if segment["parameters"] is None else {}
    if "task_type" in segment:
        task["parameters"] = {"task_type": segment["task_type"]}
    notes_on_parameters: dict[str, Any] = {}
    for item in _parameters_of(segment):
        if _has_name(item) and "value" in item:
            name = item["name"]
            task["parameters"][name] = item["value"]
            notes_on_parameters[name] = {field: item[field] for field in item if field not in ("name", "value")}
            if name == "task_type" and "task_type" in segment:
                note["task_type"] = segment["task_type"]
    notes_on_parameters = {name: fields for name, fields in notes_on_parameters.items() if fields}
    if notes_on_parameters:
        note["parameters"] = notes_on_parameters
    return task, note


def _parameters_of(segment: Any) -> list[Any]:
    parameters = segment.get("parameters") if isinstance(segment, dict) else None
    return parameters if isinstance(parameters, list) else []


def _has_name(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(item.get("name"), str)


def _wrong_type(path: Path, expected: str, value: Any, task_id: str | None) -> Found:
    message = f"{name_of(path, task_id)} must be {expected}, not {described(value)}"
    return found_at(path, "ALT303", message, task_id=task_id)

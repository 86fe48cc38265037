"""What a task asks for, so that two files can be compared: what an attempt is made from, but outputs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from altlas_runner.alt_file import AltFile, Task
from altlas_runner.alt_file.reference_checks import inputs_of
from altlas_runner.alt_file.references import is_reference
from altlas_runner.redaction import redact_key_like

__all__ = ["definitions", "differences", "may_be_kept"]


def definitions(alt_file: AltFile, inputs: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """For each task, by id, what it asks for; values under key-like names are left out of it.

    Deadlines, retries, priorities and tags say how to ask, and are no part of it.

    Args:
        alt_file: the tasks that are meant to run.
        inputs: the values given to the run.
    """
    around = {"mode": alt_file.mode.value, "persona": alt_file.persona}
    return {task.id: around | _definition(alt_file, task, inputs) for task in alt_file.tasks}


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What is not the same in two definitions, in words for people."""
    found = []
    for name in dict.fromkeys([*before, *now]):
        old, new = before.get(name, _ABSENT), now.get(name, _ABSENT)
        if _same(old, new):
            continue
        if isinstance(old, dict) and isinstance(new, dict):
            keys = dict.fromkeys([*old, *new])
            found += [f"{name}.{key}" for key in keys if not _same(old.get(key, _ABSENT), new.get(key, _ABSENT))]
        else:
            found.append(name)
    return found


_ABSENT = object()


def _same(old: object, new: object) -> bool:
    """Whether two values of JSON are the same; Python would take true, 1 and 1.0 for each other."""
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all(_same(value, new[key]) for key, value in old.items())
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(_same, old, new))
    return type(old) is type(new) and old == new


def may_be_kept(value: Any) -> bool:
    """Whether a value under a key-like name is no secret itself: nothing, or a reference to where the secret is."""
    return value is None or is_reference(value)


def _definition(alt_file: AltFile, task: Task, inputs: Mapping[str, Any]) -> dict[str, Any]:
    used = inputs_of(alt_file.model_copy(update={"tasks": [task]}))
    definition: dict[str, Any] = {
        "description": task.description,
        "parameters": task.parameters or {},
        "dependencies": sorted(set(task.dependencies or ())),
        **(task.model_extra or {}),
    }
    if used:
        definition["inputs"] = {name: inputs.get(name) for name in used}
    clean: dict[str, Any] = redact_key_like(definition, may_be_kept)
    return clean

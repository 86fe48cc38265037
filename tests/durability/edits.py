"""Fifty ways to change an ALT file between a run and its resume, and which tasks must run again for each.

The file: `fetch` and `list` begin; `parse` needs `fetch` and refers to its output, `clean` needs `fetch`, `merge` needs
both, `count` needs `list`; `end` needs `merge` and `count`. Everything but `end` has completed.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any, NamedTuple

__all__ = ["COMPLETED", "EDITS", "FLOW", "Edit", "edited"]

FLOW: dict[str, Any] = {
    "id": "edited",
    "title": "Edited",
    "description": "a flow",
    "tags": ["one"],
    "metadata": {"team": "a"},
    "tasks": [
        {"id": "fetch", "description": "get it", "parameters": {"url": "a", "limit": 3}},
        {"id": "list", "description": "list them", "timeout_seconds": 60, "retry_count": 1},
        {
            "id": "parse",
            "description": "read it",
            "dependencies": ["fetch"],
            "parameters": {
                "text": "${{ tasks.fetch.output.task }}",
                "style": {"tone": "dry", "words": [1, 2]},
                "strict": 1,
            },
        },
        {"id": "clean", "description": "clean ${{ tasks.fetch.output.task }}", "dependencies": ["fetch"]},
        {"id": "merge", "description": "join", "dependencies": ["parse", "clean"], "priority": "low", "tags": ["x"]},
        {"id": "count", "description": "count them", "dependencies": ["list"]},
        {"id": "end", "description": "end", "dependencies": ["merge", "count"]},
    ],
}
COMPLETED = {"fetch", "list", "parse", "clean", "merge", "count"}
EVERY = COMPLETED | {"end"}
FROM_FETCH = {"fetch", "parse", "clean", "merge", "end"}
Document = dict[str, Any]


class Edit(NamedTuple):
    """One change.

    Attributes:
        name: what is changed.
        change: changes the document.
        again: the tasks that are called afterwards; `end` always is, unless it is gone.
    """

    name: str
    change: Callable[[Document], object]
    again: set[str]


def edited(edit: Edit) -> Document:
    """The file with this change."""
    document = deepcopy(FLOW)
    edit.change(document)
    return document


def _task(document: Document, task_id: str) -> Document:
    found: Document = next(task for task in document["tasks"] if task["id"] == task_id)
    return found


def _set(task_id: str, **fields: Any) -> Callable[[Document], object]:
    return lambda document: _task(document, task_id).update(fields)


def _drop(task_id: str, field: str) -> Callable[[Document], object]:
    return lambda document: _task(document, task_id).pop(field)


def _parameters(task_id: str, **values: Any) -> Callable[[Document], object]:
    return lambda document: _task(document, task_id).setdefault("parameters", {}).update(values)


def _root(**fields: Any) -> Callable[[Document], object]:
    return lambda document: document.update(fields)


def _add(task: Document, *, needed_by: str | None = None, first: bool = False) -> Callable[[Document], object]:
    def change(document: Document) -> None:
        document["tasks"].insert(0 if first else len(document["tasks"]), task)
        if needed_by is not None:
            _task(document, needed_by)["dependencies"].append(task["id"])

    return change


def _remove(*task_ids: str) -> Callable[[Document], object]:
    def change(document: Document) -> None:
        document["tasks"] = [task for task in document["tasks"] if task["id"] not in task_ids]
        for task in document["tasks"]:
            if "dependencies" in task:
                task["dependencies"] = [each for each in task["dependencies"] if each not in task_ids]

    return change


def _rename(old: str, new: str) -> Callable[[Document], object]:
    def change(document: Document) -> None:
        for task in document["tasks"]:
            task["id"] = new if task["id"] == old else task["id"]
            if "dependencies" in task:
                task["dependencies"] = [new if each == old else each for each in task["dependencies"]]
            for name, value in (task.get("parameters") or {}).items():
                if isinstance(value, str):
                    task["parameters"][name] = value.replace(f"tasks.{old}.", f"tasks.{new}.")
            task["description"] = task["description"].replace(f"tasks.{old}.", f"tasks.{new}.")

    return change


def _all(*changes: Callable[[Document], object]) -> Callable[[Document], object]:
    def change(document: Document) -> None:
        for each in changes:
            each(document)

    return change


NEW = {"id": "new", "description": "be new"}

EDITS = [
    Edit("nothing", _all(), {"end"}),
    # what a task is asked
    Edit("description of a root", _set("fetch", description="get them"), FROM_FETCH),
    Edit("description of another root", _set("list", description="list all"), {"list", "count", "end"}),
    Edit("description in the middle", _set("parse", description="read all of it"), {"parse", "merge", "end"}),
    Edit("description before the end", _set("merge", description="put together"), {"merge", "end"}),
    Edit("description of what has not run", _set("end", description="stop"), {"end"}),
    Edit("one space more", _set("count", description="count  them"), {"count", "end"}),
    Edit("parameter changed", _parameters("fetch", url="b"), FROM_FETCH),
    Edit("parameter of another type", _parameters("fetch", limit="3"), FROM_FETCH),
    Edit("integer to a fraction", _parameters("fetch", limit=3.5), FROM_FETCH),
    Edit("integer to a truth value", _parameters("parse", strict=True), {"parse", "merge", "end"}),
    Edit("parameter added", _parameters("fetch", depth=1), FROM_FETCH),
    Edit("parameter null added", _parameters("count", depth=None), {"count", "end"}),
    Edit("parameter removed", lambda document: _task(document, "fetch")["parameters"].pop("limit"), FROM_FETCH),
    Edit("all parameters removed", _drop("fetch", "parameters"), FROM_FETCH),
    Edit("first parameters given", _parameters("list", depth=1), {"list", "count", "end"}),
    Edit(
        "value deep inside",
        _parameters("parse", style={"tone": "dry", "words": [1, 3]}),
        {"parse", "merge", "end"},
    ),
    Edit("order of a list", _parameters("parse", style={"tone": "dry", "words": [2, 1]}), {"parse", "merge", "end"}),
    Edit("order of an object's keys", _parameters("parse", style={"words": [1, 2], "tone": "dry"}), {"end"}),
    Edit("model of one task", _parameters("count", model="large"), {"count", "end"}),
    Edit("reference changed", _parameters("parse", text="${{ tasks.fetch.output.call }}"), {"parse", "merge", "end"}),
    Edit("reference to what it stood for", _parameters("parse", text="fetch"), {"parse", "merge", "end"}),
    Edit("reference added", _parameters("merge", text="${{ tasks.fetch.output.task }}"), {"merge", "end"}),
    Edit("reference in a description", _set("clean", description="clean it"), {"clean", "merge", "end"}),
    # what a task waits for
    Edit("dependency added", _set("count", dependencies=["list", "fetch"]), {"count", "end"}),
    Edit("first dependency added", _set("list", dependencies=["fetch"]), {"list", "count", "end"}),
    Edit("dependency removed", _set("merge", dependencies=["parse"]), {"merge", "end"}),
    Edit("last dependency removed", _drop("count", "dependencies"), {"count", "end"}),
    Edit("dependency exchanged", _set("count", dependencies=["fetch"]), {"count", "end"}),
    Edit("dependencies in another order", _set("merge", dependencies=["clean", "parse"]), {"end"}),
    Edit("dependency listed twice", _set("merge", dependencies=["parse", "clean", "parse"]), {"end"}),
    Edit("dependency of what has not run removed", _set("end", dependencies=["merge"]), {"end"}),
    # which tasks there are
    Edit("task added", _add(NEW), {"new", "end"}),
    Edit("task added in front", _add(NEW, first=True), {"new", "end"}),
    Edit("task added before another", _add(NEW, needed_by="count"), {"new", "count", "end"}),
    Edit("task added before the end", _add(NEW, needed_by="end"), {"new", "end"}),
    Edit("task added behind another", _add(NEW | {"dependencies": ["fetch"]}), {"new", "end"}),
    Edit("task removed from the middle", _remove("clean"), {"merge", "end"}),
    Edit("root and what needs it removed", _remove("list", "count"), {"end"}),
    Edit("what has not run removed", _remove("end"), set()),
    Edit("id of a root", _rename("fetch", "get"), {"get", "parse", "clean", "merge", "end"}),
    Edit("id in the middle", _rename("parse", "read"), {"read", "merge", "end"}),
    Edit("id of what has not run", _rename("end", "stop"), {"stop"}),
    Edit("tasks in another order", lambda document: document["tasks"].reverse(), {"end"}),
    # what changes no request
    Edit("priority", _set("merge", priority="critical"), {"end"}),
    Edit("tags of a task", _set("merge", tags=["y"]), {"end"}),
    Edit("timeout", _set("list", timeout_seconds=120), {"end"}),
    Edit("retries", _set("list", retry_count=4), {"end"}),
    Edit("status", _set("fetch", status="failed"), {"end"}),
    Edit("title, description and tags of the file", _root(title="T", description="d", tags=["two"]), {"end"}),
    Edit("priority of the file", _root(priority="high"), {"end"}),
    # what every request says
    Edit("mode", _root(mode="dream"), EVERY),
    Edit("persona", _root(persona="a clerk"), EVERY),
]

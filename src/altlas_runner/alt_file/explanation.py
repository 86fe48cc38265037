"""What is wrong with a document that reads like an ALT file: each problem with its place, its words and its mending.

This looks at plain JSON values, not at models, so that it can also speak about documents with wrong types: what has
the wrong type is passed over here, because another diagnostic says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from altlas_runner.alt_file.circles import circles
from altlas_runner.alt_file.diagnostics import Found, Path, Related, found_at, json_pointer, quoted
from altlas_runner.alt_file.graph import add_late
from altlas_runner.alt_file.models import AltFile, Task
from altlas_runner.alt_file.reference_checks import explain_references
from altlas_runner.alt_file.spelling import Spelling

__all__ = ["MANY_RETRIES", "MANY_SECONDS", "explain", "unknown_fields"]

MANY_SECONDS = 7200
"""A longer timeout of a task gives a warning."""
MANY_RETRIES = 20
"""More retries of a task give a warning."""

_MOST_RETRIES = 255
_LONGEST_CIRCLE_SHOWN = 20
_MOST_EDGES_SHOWN = 4
_FILE_FIELDS = Spelling(AltFile.model_fields)
_TASK_FIELDS = Spelling(Task.model_fields)


def explain(
    document: Any, inputs: Mapping[str, Any] | None = None, *, wrong_references: list[Found] | None = None
) -> list[Found]:
    """Every error and warning about the meaning of a document, in no order.

    Args:
        document: plain JSON values.
        inputs: the values for its references to inputs; None when they are not known yet, and not looked at.
        wrong_references: what is wrong with its references, when that is known already.
    """
    if not isinstance(document, dict):
        return []
    found = list(_root_problems(document))
    tasks = document.get("tasks")
    if isinstance(tasks, list):
        names = _Names(tasks)
        for index in names.doubtful:
            found += _task_problems(index, tasks[index], names)
        for index in names.unsure:
            found += _dependency_problems(index, tasks[index], names)
        found += _circles(tasks, names)
        found += explain_references(tasks, inputs) if wrong_references is None else wrong_references
    return found


class _Names:
    """The task ids of a document, and where there may be something to say: the quick look at a large file."""

    def __init__(self, tasks: list[Any]) -> None:
        self.first: dict[str, int] = {}
        self.doubtful: set[int] = set()  # tasks that may have something to say about their fields
        self.unsure: list[int] = []  # … about their dependencies
        done: set[str] = set()
        can_run: set[int] = set()  # the same tasks, by index
        roots: list[str] = []
        depending: list[list[str]] = []
        again: list[int] = []
        for index, task in enumerate(tasks):
            if not isinstance(task, dict):
                continue
            task_id, dependencies = _id_of(task), task.get("dependencies")
            if task_id is not None and not dependencies and dependencies in (None, []):
                roots.append(task_id)
            if task_id is None or self.first.setdefault(task_id, index) != index or not _is_plain(task):
                self.doubtful.add(index)
            elif not dependencies or _are_in(done, dependencies):
                done.add(task_id)  # never an empty name: to depend on that is wrong
                can_run.add(index)
                depending.append(dependencies or [])
                continue
            again.append(index)
        late: dict[int, list[int]] = {}
        for index in again:
            task_id, names = _id_of(tasks[index]), tasks[index].get("dependencies")
            row = self._sound_row(task_id, names)
            if row is None:
                self.unsure.append(index)
                names = _dependencies_of(tasks[index])
                row = [self.first.get(name, -1) for name in names]
                names = [name for name in names if name != task_id]
            depending.append(names)
            if task_id is not None and self.first[task_id] == index:
                late[index] = row
        add_late(can_run, late.items())
        self.waiting = {index: row for index, row in late.items() if index not in can_run}  # all circles are here
        self.isolated = set(roots) if len(tasks) > 1 else set()
        self.isolated.difference_update(*depending)
        self.doubtful.update(map(self.first.__getitem__, self.isolated))

    def _sound_row(self, task_id: str | None, dependencies: Any) -> list[int] | None:
        """The indices of these dependencies of a task; None when there may be something to say about them."""
        if type(dependencies) is not list:
            return None
        try:
            row = list(map(self.first.__getitem__, dependencies))
        except (KeyError, TypeError):  # no such task, or no string
            return None
        itself = None if task_id is None else self.first[task_id]
        is_sound = itself not in row and (len(row) < 2 or len(set(row)) == len(row)) and self._nameless.isdisjoint(row)
        return row if is_sound else None

    @cached_property
    def _nameless(self) -> set[int]:
        return {index for name, index in self.first.items() if not name or name.isspace()}

    @cached_property
    def spelling(self) -> Spelling:
        return Spelling([name for name in self.first if name and not name.isspace()])


def _is_plain(task: dict[str, Any]) -> bool:
    """Whether there is nothing to say about the fields of a task, whatever other tasks there are."""
    task_id, description = task.get("id"), task.get("description")
    timeout, retries = task.get("timeout_seconds"), task.get("retry_count")
    return bool(
        type(task_id) is str
        and type(description) is str
        and task_id
        and description
        and not task_id.isspace()
        and not description.isspace()
        and (timeout is None or (type(timeout) is int and 0 < timeout <= MANY_SECONDS))
        and (retries is None or (type(retries) is int and retries <= MANY_RETRIES))
        and task.get("parameters") != {}
        and _TASK_FIELDS.has_all(task)
    )


def _are_in(names: set[str], dependencies: Any) -> bool:
    """Whether this is an array of some of the names, none of them twice."""
    try:
        return (
            type(dependencies) is list
            and names.issuperset(dependencies)
            and len(set(dependencies)) == len(dependencies)
        )
    except TypeError:  # a dependency that is no string
        return False


def _is_empty(value: Any) -> bool:
    return isinstance(value, str) and not value.strip()


def _id_of(task: dict[str, Any]) -> str | None:
    task_id = task.get("id")
    return task_id if isinstance(task_id, str) else None


def _dependencies_of(task: dict[str, Any]) -> list[str]:
    dependencies = task.get("dependencies")
    return [name for name in dependencies if type(name) is str] if type(dependencies) is list else []


def _is_zero(value: Any) -> bool:
    return type(value) is int and value == 0


def unknown_fields(at: Path, fields: dict[str, Any], known: Spelling, task_id: str | None = None) -> Iterator[Found]:
    """A warning for each field of an object that has no meaning there."""
    if known.has_all(fields):
        return
    for name in fields:
        if name not in known:
            message = f"unknown field {quoted(name)}; it is kept and has no effect"
            yield found_at((*at, name), "ALT110", message, task_id=task_id, help=known.help(name))


def _root_problems(document: dict[str, Any]) -> Iterator[Found]:
    for field, code, help_text in (
        ("id", "ALT001", 'give the file a short name, such as "weekly-report"'),
        ("title", "ALT002", "say in a few words what the file is for"),
        ("version", "ALT003", 'write "1.0", or leave the field out'),
    ):
        if _is_empty(document.get(field)):
            yield found_at((field,), code, f"the {field} of the file is empty", help=help_text)
    if document.get("tasks") == []:
        yield found_at(("tasks",), "ALT101", "the file has no tasks: a run of it does nothing", help="add a task")
    if _is_zero(document.get("expected_completion_time")):
        message = "expected_completion_time is zero seconds"
        yield found_at(("expected_completion_time",), "ALT107", message, help="leave it out when it is not known")
    if document.get("metadata") == {}:
        yield found_at(("metadata",), "ALT108", "metadata is empty", help="leave it out")
    yield from unknown_fields((), document, _FILE_FIELDS)


def _named(index: int, task_id: str | None) -> str:
    return f"tasks[{index}]" if task_id is None or _is_empty(task_id) else f"task {quoted(task_id)}"


def _task_problems(index: int, task: dict[str, Any], names: _Names) -> Iterator[Found]:
    at: Path = ("tasks", index)
    task_id = _id_of(task)
    if task_id is not None and _is_empty(task_id):
        message = f"the id of tasks[{index}] is empty"
        yield found_at((*at, "id"), "ALT010", message, task_id=task_id, help="give the task an id of its own")
    elif task_id is not None and names.first[task_id] != index:
        first = json_pointer(("tasks", names.first[task_id], "id"))
        message = f"task id {quoted(task_id)} is used again; the first task with it is at {first}"
        related = (Related(first, "the first task with this id"),)
        help_text = "give one of the two another id"
        yield found_at((*at, "id"), "ALT011", message, task_id=task_id, help=help_text, related=related)
    if _is_empty(task.get("description")):
        help_text = "say what the AI service is asked to do"
        message = f"the description of {_named(index, task_id)} is empty"
        yield found_at((*at, "description"), "ALT012", message, task_id=task_id, help=help_text)

    timeout = task.get("timeout_seconds")
    if _is_zero(timeout):
        message = f"{_named(index, task_id)} has a timeout of zero seconds: it ends before it starts"
        help_text = "leave timeout_seconds out for no deadline"
        yield found_at((*at, "timeout_seconds"), "ALT102", message, task_id=task_id, help=help_text)
    elif type(timeout) is int and timeout > MANY_SECONDS:
        message = f"{_named(index, task_id)} has a timeout of more than {MANY_SECONDS:,} seconds (two hours)"
        help_text = "timeout_seconds counts seconds, not milliseconds"
        yield found_at((*at, "timeout_seconds"), "ALT103", message, task_id=task_id, help=help_text)
    retries = task.get("retry_count")
    if type(retries) is int and MANY_RETRIES < retries <= _MOST_RETRIES:
        message = f"{_named(index, task_id)} is retried up to {retries} times"
        help_text = f"more than {MANY_RETRIES} retries seldom help"
        yield found_at((*at, "retry_count"), "ALT104", message, task_id=task_id, help=help_text)
    if task_id in names.isolated and task.get("dependencies") in (None, []):
        message = f"{_named(index, task_id)} is isolated: it depends on no task and no task depends on it"
        yield found_at((*at, "id"), "ALT105", message, task_id=task_id, help="fine, unless a dependency was forgotten")
    if task.get("parameters") == {}:
        message = f"the parameters of {_named(index, task_id)} are empty"
        yield found_at((*at, "parameters"), "ALT106", message, task_id=task_id, help="leave them out")
    yield from unknown_fields(at, task, _TASK_FIELDS, task_id)


def _dependency_problems(index: int, task: dict[str, Any], names: _Names) -> Iterator[Found]:
    dependencies = task.get("dependencies")
    if not isinstance(dependencies, list):
        return
    task_id = _id_of(task)
    seen: set[str] = set()
    for place, name in enumerate(dependencies):
        at: Path = ("tasks", index, "dependencies", place)
        if not isinstance(name, str):
            continue
        if _is_empty(name):
            message = f"a dependency of {_named(index, task_id)} is empty"
            yield found_at(at, "ALT020", message, task_id=task_id, help="name a task, or take it out")
        elif name in seen:
            message = f"{_named(index, task_id)} lists {quoted(name)} more than once among its dependencies"
            yield found_at(at, "ALT109", message, task_id=task_id, help="once is enough")
        elif name == task_id:
            message = f"{_named(index, task_id)} depends on itself and could never start"
            yield found_at(at, "ALT022", message, task_id=task_id, help="take this dependency out")
        elif name not in names.first:
            message = f"{_named(index, task_id)} depends on {quoted(name)}, which is not in this file"
            meant = names.spelling.suggestion(name)
            related: tuple[Related, ...] = ()
            if meant is not None:
                related = (Related(json_pointer(("tasks", names.first[meant], "id")), "a task with a similar id"),)
            help_text = names.spelling.help(name)
            yield found_at(at, "ALT021", message, task_id=task_id, help=help_text, related=related)
        seen.add(name)


def _circles(tasks: list[Any], names: _Names) -> Iterator[Found]:
    for circle in circles(names.waiting):
        ids = [tasks[index]["id"] for index in circle]
        shown = [quoted(task_id)[1:-1] for task_id in ids[:_LONGEST_CIRCLE_SHOWN]]
        if len(circle) > _LONGEST_CIRCLE_SHOWN:
            shown.append(f"({len(circle) - _LONGEST_CIRCLE_SHOWN:,} more)")
        message = "circular dependency: " + " → ".join([*shown, shown[0]])
        edges: list[Path] = []
        for index, dependency in zip(circle[: _MOST_EDGES_SHOWN + 1], ids[1:] + ids[:1], strict=False):
            edges.append(("tasks", index, "dependencies", tasks[index]["dependencies"].index(dependency)))
        related = tuple(
            Related(json_pointer(edge), f"{quoted(task_id)} depends on this")
            for edge, task_id in zip(edges[1:], ids[1:], strict=False)
        )
        help_text = "take out one of these dependencies"
        yield found_at(edges[0], "ALT023", message, task_id=ids[0], help=help_text, related=related)

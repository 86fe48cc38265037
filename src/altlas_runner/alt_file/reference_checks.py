"""Can every output reference of a file be resolved? What is wrong with them, before anything runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from altlas_runner.alt_file.ancestry import independent_pairs
from altlas_runner.alt_file.diagnostics import Found, Path, Related, found_at, json_pointer, quoted
from altlas_runner.alt_file.graph import TaskGraph
from altlas_runner.alt_file.models import AltFile, Task
from altlas_runner.alt_file.references import MARK, Reference, holds_references, parse_template
from altlas_runner.alt_file.resolving import look_up
from altlas_runner.alt_file.spelling import Spelling
from altlas_runner.errors import ReferenceNotFoundError
from altlas_runner.redaction import is_key_like

__all__ = [
    "explain_references",
    "inputs_of",
    "outputs_used_by",
    "referring_tasks",
    "secret_inputs",
    "secret_outputs",
    "wrong_references",
]

_Texts = tuple[int, str | None, Any, Any]
"""Of a task: its index, its id, its description and its parameters."""


def explain_references(tasks: list[Any], inputs: Mapping[str, Any] | None) -> list[Found]:
    """What is wrong with the references of these tasks, which are plain JSON values; wrong types are passed over.

    Args:
        tasks: as they stand in the document.
        inputs: the values given to the run; None when they are not known yet.
    """
    shaped = [task if isinstance(task, dict) else {} for task in tasks]
    rows: list[_Texts] = [
        (index, task.get("id"), task.get("description"), task.get("parameters")) for index, task in enumerate(shaped)
    ]
    rows = [row for row in rows if holds_references(row[2]) or holds_references(row[3])]
    if not rows:
        return []
    ids = [_name(task.get("id")) for task in shaped]
    return _Check(ids, [_dependencies_of(task) for task in shaped], inputs).problems(rows)


def wrong_references(alt_file: AltFile, inputs: Mapping[str, Any] | None) -> list[Found]:
    """What is wrong with the references of a file that has no other errors.

    Args:
        alt_file: the file.
        inputs: the values given to the run; None when they are not known yet.
    """
    tasks = alt_file.tasks
    rows = [(i, tasks[i].id, tasks[i].description, tasks[i].parameters) for i in referring_tasks(alt_file)]
    if not rows:
        return []
    return _Check([task.id for task in tasks], [task.dependencies for task in tasks], inputs).problems(rows)


def referring_tasks(alt_file: AltFile) -> list[int]:
    """The indices of the tasks with a text that must be resolved before they run."""
    return [
        index
        for index, task in enumerate(alt_file.tasks)
        if MARK in task.description or holds_references(task.parameters)
    ]


def outputs_used_by(task: Task) -> list[str]:
    """The ids of the tasks whose outputs a task refers to, in order of their first use."""
    texts = (text for _, text in _texts_in(0, task.description, task.parameters))
    used = (part.name for text in texts for part in parse_template(text).references if part.root == "tasks")
    return list(dict.fromkeys(used))


def secret_outputs(alt_file: AltFile) -> dict[str, list[Reference]]:
    """The references to outputs that stand under key-like names in parameters, by the id of the task referred to."""
    found: dict[str, list[Reference]] = {}
    for reference in _used_as_keys(alt_file):
        if reference.root == "tasks":
            found.setdefault(reference.name, []).append(reference)
    return found


def secret_inputs(alt_file: AltFile) -> list[Reference]:
    """The references to inputs that stand under key-like names in parameters."""
    return [reference for reference in _used_as_keys(alt_file) if reference.root == "inputs"]


def _used_as_keys(alt_file: AltFile) -> Iterator[Reference]:
    for index in referring_tasks(alt_file):
        waiting: list[tuple[Any, bool]] = [(alt_file.tasks[index].parameters, False)]
        while waiting:
            value, is_secret = waiting.pop()
            if isinstance(value, dict):
                waiting += ((item, is_secret or is_key_like(str(key))) for key, item in value.items())
            elif isinstance(value, list):
                waiting += ((item, is_secret) for item in value)
            elif is_secret and isinstance(value, str) and MARK in value:
                yield from parse_template(value).references


def inputs_of(alt_file: AltFile) -> list[str]:
    """The names of the inputs that the tasks of a file refer to, in order of their first use."""
    names: dict[str, None] = {}
    for index in referring_tasks(alt_file):
        task = alt_file.tasks[index]
        for _, text in _texts_in(index, task.description, task.parameters):
            names.update((part.name, None) for part in parse_template(text).references if part.root == "inputs")
    return list(names)


@dataclass
class _Check:
    """One look at the references of a file with these task ids, each with these dependencies."""

    ids: list[str]
    dependencies: Sequence[Sequence[str] | None]
    inputs: Mapping[str, Any] | None
    found: list[Found] = field(default_factory=list)
    _far: list[tuple[Path, str | None, int, int, str]] = field(default_factory=list)
    _ids: Spelling | None = None
    _given: Spelling | None = None

    @cached_property
    def index_of(self) -> dict[str, int]:
        """Where the first task with an id is."""
        return dict(zip(reversed(self.ids), reversed(range(len(self.ids))), strict=True))

    @cached_property
    def graph(self) -> TaskGraph:
        """Made only when a task refers to one that it does not name among its dependencies."""
        return TaskGraph.from_names(self.ids, self.dependencies)

    def problems(self, rows: Iterable[_Texts]) -> list[Found]:
        for index, task_id, description, parameters in rows:
            task_id = task_id if isinstance(task_id, str) else None
            for path, text in _texts_in(index, description, parameters):
                self._text(path, text, index, task_id)
        if not self._far:
            return self.found
        independent = independent_pairs(self.graph, ((task, other) for _, _, task, other, _ in self._far))
        backwards = independent_pairs(self.graph, ((other, task) for task, other in independent))
        for path, task_id, task, other, source in self._far:
            if (task, other) in independent:
                self._independent(path, source, task_id, task, other, is_dependent=(other, task) not in backwards)
        return self.found

    def _text(self, path: Path, text: str, index: int, task_id: str | None) -> None:
        template = parse_template(text)
        for problem in template.problems:
            message = f"the reference {quoted(problem.source)} {problem.reason}"
            self._add(path, problem.source, "ALT025", message, task_id, problem.help)
        seen: set[Any] = set()
        for reference in template.references:
            if reference.root == "inputs":
                self._input(path, reference, index, task_id, seen)
            elif reference.name not in seen:
                seen.add(reference.name)
                self._output(path, reference.source, reference.name, index, task_id)

    def _output(self, path: Path, source: str, name: str, index: int, task_id: str | None) -> None:
        other = self.index_of.get(name)
        if name == task_id:
            message = f"{_named(index, task_id)} refers to its own output, which is not there before it has run"
            self._add(path, source, "ALT024", message, task_id, "refer to a task that runs before it")
        elif other is None:
            message = f"{_named(index, task_id)} refers to the output of {quoted(name)}, which is not in this file"
            self._ids = self._ids or Spelling([name for name in self.index_of if name.strip()])
            similar = self._ids.suggestion(name)
            place = None if similar is None else ("tasks", self.index_of[similar], "id")
            help_text = self._ids.help(name)
            self._add(path, source, "ALT024", message, task_id, help_text, place, "a task with a similar id")
        elif name not in (self.dependencies[index] or ()):
            self._far.append((path, task_id, index, other, source))

    def _independent(
        self, path: Path, source: str, task_id: str | None, task: int, other: int, *, is_dependent: bool
    ) -> None:
        name = quoted(self.ids[other])
        message = f"{_named(task, task_id)} refers to the output of {name}, but does not depend on it"
        help_text = f"add {name} to the dependencies of {_named(task, task_id)}"
        place: Path | None = ("tasks", task, "dependencies") if self.graph.dependencies[task] else None
        if is_dependent:
            place = None
            message = f"{_named(task, task_id)} refers to the output of {name}, which runs after it"
            help_text = f"{name} depends on {_named(task, task_id)}: one of the two cannot need the other"
        self._add(path, source, "ALT024", message, task_id, help_text, place, f"{name} is missing here")

    def _input(self, path: Path, reference: Reference, index: int, task_id: str | None, seen: set[Any]) -> None:
        if self.inputs is None or (reference.name, reference.path) in seen:
            return
        seen.add((reference.name, reference.path))
        if reference.name not in self.inputs:
            message = f"{_named(index, task_id)} refers to the input {quoted(reference.name)}, which was not given"
            self._given = self._given or Spelling(self.inputs)
            how = f"give it with --input {quoted(reference.name)[1:-1]}=…, or with inputs={{…}} in Python"
            help_text = self._given.help(reference.name) or how
            self._add(path, reference.source, "ALT026", message, task_id, help_text)
            return
        try:
            look_up(reference, {}, self.inputs)
        except ReferenceNotFoundError as error:
            help_text = "give an input of the shape that the file refers to"
            self._add(path, reference.source, "ALT026", str(error), task_id, help_text)

    def _add(
        self,
        path: Path,
        source: str,
        code: str,
        message: str,
        task_id: str | None,
        help_text: str | None,
        second: Path | None = None,
        second_message: str = "",
    ) -> None:
        related = () if second is None else (Related(json_pointer(second), second_message),)
        self.found.append(found_at(path, code, message, task_id=task_id, help=help_text, related=related, part=source))


def _texts_in(index: int, description: Any, parameters: Any) -> Iterator[tuple[Path, str]]:
    """The texts of a task that must be resolved, each with its path."""
    waiting: list[tuple[Path, Any]] = [
        (("tasks", index, "parameters"), parameters),
        (("tasks", index, "description"), description),
    ]
    seen = set()
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, str):
            if MARK in value:
                yield path, value
        elif isinstance(value, (dict, list, tuple)) and id(value) not in seen:
            seen.add(id(value))  # a value made by a program may contain itself
            for key, item in value.items() if isinstance(value, dict) else enumerate(value):
                if MARK in item if isinstance(item, str) else isinstance(item, (dict, list, tuple)):
                    waiting.append(((*path, key), item))


def _name(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _dependencies_of(task: dict[str, Any]) -> list[str]:
    """The names of dependencies; empty ones name nobody, although the nameless have to be called something."""
    dependencies = task.get("dependencies")
    return (
        [name for name in dependencies if isinstance(name, str) and name.strip()]
        if isinstance(dependencies, list)
        else []
    )


def _named(index: int, task_id: str | None) -> str:
    return f"tasks[{index}]" if task_id is None or not task_id.strip() else f"task {quoted(task_id)}"

"""Does an ALT file make sense? Every error and warning at once.

Most files do. So one quick pass over the models asks whether there is anything to say at all; only then `explain` goes
through the document again and says it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from altlas_runner.alt_file.diagnostics import Diagnostic, Found, sort_by_position
from altlas_runner.alt_file.explanation import MANY_RETRIES, MANY_SECONDS, explain
from altlas_runner.alt_file.graph import TaskGraph, add_late
from altlas_runner.alt_file.json_text import all_finite
from altlas_runner.alt_file.models import AltFile, as_document
from altlas_runner.alt_file.reference_checks import wrong_references

__all__ = ["Look", "is_clean", "look_at", "validate_alt_file"]


def validate_alt_file(alt_file: AltFile, inputs: Mapping[str, Any] | None = None) -> list[Diagnostic]:
    """Everything that is wrong or doubtful in a file, in the order of its fields; empty for a clean file.

    Takes time in proportion to tasks and dependencies, whatever the length of the chains.

    Args:
        alt_file: the file.
        inputs: the values for its references to inputs; None when they are not known yet, and not looked at.

    Example:
        >>> [d.code for d in validate_alt_file(AltFile(id="f", title=" ", tasks=[]))]
        ['ALT002', 'ALT101']
    """
    if is_clean(alt_file, inputs=inputs):
        return []
    document = as_document(alt_file)
    return sort_by_position(document, explain(document, inputs))


def is_clean(alt_file: AltFile, *, inputs: Mapping[str, Any] | None = None) -> bool:
    """Whether there is nothing to say about a file: no error and no warning.

    Args:
        alt_file: the file.
        inputs: as in `validate_alt_file`.
    """
    tasks = alt_file.tasks
    if (
        any(not text or text.isspace() for text in (alt_file.id, alt_file.title, alt_file.version))
        or alt_file.metadata == {}
        or alt_file.expected_completion_time == 0
        or alt_file.__pydantic_extra__
        or not tasks
    ):
        return False
    for task in tasks:
        task_id, description = task.id, task.description
        timeout, retries = task.timeout_seconds, task.retry_count
        if (
            not task_id
            or task_id.isspace()
            or not description
            or description.isspace()
            or (timeout is not None and not 0 < timeout <= MANY_SECONDS)
            or (retries is not None and retries > MANY_RETRIES)
            or task.parameters == {}
            or task.__pydantic_extra__
        ):
            return False
    graph = TaskGraph.from_alt_file(alt_file)
    return _edges_are_clean(alt_file, graph) and not wrong_references(alt_file, inputs)


class Look(NamedTuple):
    """What a quick look at a file tells."""

    is_sound: bool
    """It has no error; it may have warnings."""
    is_finite: bool
    """It holds no number that is NaN or infinite."""
    wrong_references: list[Found] | None
    """What is wrong with its references; None when nobody has looked, because it has other errors."""


def look_at(alt_file: AltFile, *, may_refer: bool = True) -> Look:
    """Look quickly at a file whose types are right: what a parse of a good file costs beyond reading it.

    Args:
        alt_file: the file.
        may_refer: False when it is known that no text holds a reference; then nobody looks for them.
    """
    blank = any(not text or text.isspace() for text in (alt_file.id, alt_file.title, alt_file.version))
    done: set[str] = set()  # the tasks whose dependencies have all gone before: in most files every task
    late: list[tuple[str, Sequence[str]]] = []
    free_values: list[Any] = list(filter(None, (alt_file.metadata, alt_file.__pydantic_extra__)))
    for task in alt_file.tasks:  # looked at once: a large file is not in the processor's cache
        fields = task.__dict__  # half the cost of attributes
        task_id, description, dependencies = fields["id"], fields["description"], fields["dependencies"]
        if not task_id or not description or task_id.isspace() or description.isspace():
            blank = True
        if not dependencies or done.issuperset(dependencies):
            done.add(task_id)
        else:
            late.append((task_id, dependencies))
        parameters = fields["parameters"]
        if parameters:
            for value in parameters.values():
                if type(value) is not str and isinstance(value, (float, dict, list)):
                    free_values.append(value)  # noqa: PERF401  a comprehension costs more than one or two values
        if task.__pydantic_extra__:
            free_values.append(task.__pydantic_extra__)
    add_late(done, late)
    finite = all_finite(free_values)  # fractional numbers stand nowhere else
    sound = not blank and len(done) == len(alt_file.tasks) and finite
    wrong: list[Found] | None = None
    if not may_refer:
        wrong = []
    elif sound:
        wrong = wrong_references(alt_file, None)
    return Look(sound and not wrong, finite, wrong)


def _edges_are_clean(alt_file: AltFile, graph: TaskGraph) -> bool:
    """Whether ids are unique, every listed dependency is an edge, no task is isolated and nothing runs in circles."""
    if len(graph.index_of) != len(graph.ids):
        return False
    alone = set()
    for index, (task, row) in enumerate(zip(alt_file.tasks, graph.dependencies, strict=True)):
        if row:
            if len(row) != len(task.dependencies or ()):
                return False
        elif task.dependencies:
            return False
        else:
            alone.add(index)
    if len(graph.ids) > 1:
        for row in graph.dependencies:
            if row:
                alone.difference_update(row)
        if alone:
            return False
    return len(graph.order) == len(graph.ids)

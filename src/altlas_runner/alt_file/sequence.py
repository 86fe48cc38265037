"""Can the tasks of a file run one by one in a proposed order?"""

from __future__ import annotations

from collections.abc import Sequence

from altlas_runner.alt_file.diagnostics import Diagnostic, Found, found_at, quoted, sort_by_position
from altlas_runner.alt_file.graph import TaskGraph
from altlas_runner.alt_file.models import AltFile
from altlas_runner.alt_file.spelling import Spelling

__all__ = ["validate_execution_sequence"]


def validate_execution_sequence(alt_file: AltFile, ids: Sequence[str]) -> list[Diagnostic]:
    """What is wrong with running the tasks of a file in this order; empty when it is a valid order.

    Every task must be named once, after its dependencies. The `path` of a diagnostic points into the sequence; it is
    empty when a task is missing there. The file itself is taken as it is: `validate_alt_file` checks it.

    Example:
        >>> [d.message for d in validate_execution_sequence(create_sample_alt_file(), ["task1", "task3", "task2"])]
        ['task "task3" runs before "task2", on which it depends']
    """
    graph = TaskGraph.from_alt_file(alt_file)
    found: list[Found] = []
    place_of: dict[int, int] = {}
    spelling: Spelling | None = None
    for place, name in enumerate(ids):
        index = graph.index_of.get(name)
        if index is None:
            spelling = spelling or Spelling(graph.ids)
            message = f"the sequence names {quoted(name)}, which is not in the file"
            found.append(found_at((place,), "ALT201", message, task_id=name, help=spelling.help(name)))
        elif index in place_of:
            message = f"the sequence names task {quoted(name)} again; it already stands at place {place_of[index] + 1}"
            found.append(found_at((place,), "ALT203", message, task_id=name, help="a task runs once"))
        else:
            place_of[index] = place
    for name, index in graph.index_of.items():
        if index not in place_of:
            message = f"the sequence misses task {quoted(name)}"
            found.append(found_at((), "ALT202", message, task_id=name, help="add it after its dependencies"))
    for index, place in place_of.items():
        for dependency in graph.dependencies[index]:
            if place_of.get(dependency, -1) > place:
                name, needed = graph.ids[index], graph.ids[dependency]
                message = f"task {quoted(name)} runs before {quoted(needed)}, on which it depends"
                help_text = f"move {quoted(name)} behind {quoted(needed)}"
                found.append(found_at((place,), "ALT204", message, task_id=name, help=help_text))
    return sort_by_position(list(ids), found)

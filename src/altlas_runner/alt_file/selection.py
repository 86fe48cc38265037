"""A part of an ALT file: some tasks, what comes after them, or what they need."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from altlas_runner.alt_file.graph import TaskGraph
from altlas_runner.alt_file.models import AltFile, Task
from altlas_runner.alt_file.reference_checks import outputs_used_by
from altlas_runner.alt_file.spelling import Spelling
from altlas_runner.errors import ConfigurationError

__all__ = ["Selection"]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which tasks of a file are to run. A dependency that is not selected counts as done, without an output.

    Attributes:
        only: exactly these tasks; it stands alone.
        from_tasks: these tasks and everything that depends on them.
        until: these tasks and everything they depend on. With `from_tasks`: what is in both.

    Example:
        >>> from altlas_runner import create_sample_alt_file
        >>> [task.id for task in Selection(from_tasks=["task2"]).apply_to(create_sample_alt_file()).tasks]
        ['task2', 'task3']
    """

    only: Sequence[str] = ()
    from_tasks: Sequence[str] = ()
    until: Sequence[str] = ()

    def __bool__(self) -> bool:
        return bool(self.only or self.from_tasks or self.until)

    def apply_to(self, alt_file: AltFile) -> AltFile:
        """The file with the selected tasks alone, each without the dependencies that are not selected.

        Args:
            alt_file: a valid file; it stays as it is.

        Raises:
            ConfigurationError: `only` does not stand alone, a name is no task of the file, nothing is selected, or a
                selected task uses the output of one that is not.
        """
        if self.only and (self.from_tasks or self.until):
            raise ConfigurationError("only selects exactly its tasks; it cannot be combined with from or until")
        graph = TaskGraph.from_alt_file(alt_file)
        chosen = self.chosen(graph)
        if not chosen:
            raise ConfigurationError("no task is selected: nothing that comes after from is needed for until")
        ids = {graph.ids[index] for index in chosen}
        tasks = [_cut_off(task, ids) for index, task in enumerate(alt_file.tasks) if index in chosen]
        return alt_file.model_copy(update={"tasks": tasks})

    def chosen(self, graph: TaskGraph) -> set[int]:
        """The selected tasks by index; all when nothing is said.

        Raises:
            ConfigurationError: a name is no task of the file.
        """
        if self.only:
            return _indices(graph, self.only)
        chosen = set(range(len(graph.ids)))
        if self.from_tasks:
            chosen &= _reached(_indices(graph, self.from_tasks), graph.dependents)
        if self.until:
            chosen &= _reached(_indices(graph, self.until), graph.dependencies)
        return chosen


def _indices(graph: TaskGraph, ids: Iterable[str]) -> set[int]:
    indices = set()
    for task_id in ids:
        if task_id not in graph.index_of:
            hint = Spelling(graph.ids).help(task_id)
            raise ConfigurationError(f'there is no task "{task_id}" to select' + (f"; {hint}" if hint else ""))
        indices.add(graph.index_of[task_id])
    return indices


def _reached(starts: set[int], edges: Sequence[Sequence[int]]) -> set[int]:
    reached, waiting = set(starts), list(starts)
    while waiting:
        for task in edges[waiting.pop()]:
            if task not in reached:
                reached.add(task)
                waiting.append(task)
    return reached


def _cut_off(task: Task, selected: set[str]) -> Task:
    """The task without the dependencies that are not selected; it still waits for every output that it uses."""
    if task.dependencies is None:
        return task
    used = outputs_used_by(task)
    if selected.issuperset(task.dependencies) and selected.issuperset(used):
        return task
    for other in used:
        if other not in selected:
            raise ConfigurationError(
                f'task "{task.id}" uses the output of "{other}", which is not selected; '
                f'until "{task.id}" selects a task with everything it needs'
            )
    left = [each for each in task.dependencies if each in selected]
    return task.model_copy(update={"dependencies": list(dict.fromkeys([*left, *used]))})

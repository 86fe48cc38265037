"""Outputs and inputs put in the place of references, for each task when its first attempt begins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from altlas_runner.alt_file import AltFile, Task, TaskGraph
from altlas_runner.alt_file.reference_checks import referring_tasks
from altlas_runner.alt_file.resolving import resolve, resolve_text
from altlas_runner.results import TaskResult

__all__ = ["Substitution"]


class Substitution:
    """The tasks of a run as the executor gets them.

    Args:
        alt_file: a valid file.
        graph: its graph.
        inputs: the values given to the run, by name.

    Attributes:
        tasks: as they stand in the file, references unresolved.
        referring: the indices of those that hold references.
        index_of: the index of each task, by id.
        resolved: by index, the tasks whose references have been resolved so far.
    """

    def __init__(self, alt_file: AltFile, graph: TaskGraph, inputs: Mapping[str, Any]) -> None:
        self.resolved: dict[int, Task] = {}
        self.tasks = alt_file.tasks
        self.index_of = graph.index_of
        self._inputs = inputs
        self.referring = frozenset(referring_tasks(alt_file))

    def task(self, index: int, results: Sequence[TaskResult | None]) -> Task:
        """A task that holds references, with these resolved: the same one for every attempt.

        Args:
            index: of the task.
            results: of all tasks so far, by index.

        Raises:
            ReferenceNotFoundError: a reference leads nowhere.
        """
        if index not in self.resolved:
            task = self.tasks[index]
            outputs = _Outputs(self.index_of, results)
            filled: dict[str, Any] = {"description": resolve_text(task.description, outputs, self._inputs)}
            if task.parameters:
                filled["parameters"] = resolve(task.parameters, outputs, self._inputs)
            self.resolved[index] = task.model_copy(update=filled)
        return self.resolved[index]


class _Outputs(Mapping[str, Any]):
    """The outputs of the tasks that have ended, by id, looked up when they are asked for."""

    def __init__(self, index_of: Mapping[str, int], results: Sequence[TaskResult | None]) -> None:
        self._index_of = index_of
        self._results = results

    def __getitem__(self, task_id: str) -> Any:
        result = self._results[self._index_of[task_id]]
        if result is None:
            raise KeyError(task_id)
        return result.output

    def __iter__(self) -> Iterator[str]:
        return (task_id for task_id in self._index_of if task_id in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

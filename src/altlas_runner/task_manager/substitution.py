"""Outputs and inputs put in the place of references, for each task when its first attempt begins."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from altlas_runner.alt_file import AltFile, Task, TaskGraph
from altlas_runner.alt_file.reference_checks import referring_tasks
from altlas_runner.alt_file.resolving import resolve, resolve_text

__all__ = ["Substitution"]


class Substitution:
    """The tasks of a run as the executor gets them.

    Args:
        alt_file: a valid file.
        graph: its graph.
        inputs: the values given to the run, by name.

    Attributes:
        tasks: as they stand in the file, references unresolved.
        plain_task_of: for each task itself when it holds no reference, else None.
        index_of: the index of each task, by id.
        resolved: by index, the tasks whose references have been resolved so far.
    """

    def __init__(self, alt_file: AltFile, graph: TaskGraph, inputs: Mapping[str, Any]) -> None:
        self.resolved: dict[int, Task] = {}
        self.tasks = alt_file.tasks
        self.index_of = graph.index_of
        self._inputs = inputs
        self.plain_task_of: list[Task | None] = list(alt_file.tasks)
        for index in referring_tasks(alt_file):
            self.plain_task_of[index] = None

    def referring(self) -> list[int]:
        """The tasks that hold references, by index."""
        return [index for index, task in enumerate(self.plain_task_of) if task is None]

    def task(self, index: int, output: Callable[[int], Any]) -> Task:
        """A task that holds references, with these resolved: the same one for every attempt.

        Args:
            index: of the task.
            output: gives the output of a task that has ended, by index.

        Raises:
            ReferenceNotFoundError: a reference leads nowhere.
        """
        if index not in self.resolved:
            task = self.tasks[index]
            outputs = _Outputs(self.index_of, output)
            filled: dict[str, Any] = {"description": resolve_text(task.description, outputs, self._inputs)}
            if task.parameters:
                filled["parameters"] = resolve(task.parameters, outputs, self._inputs)
            self.resolved[index] = task.model_copy(update=filled)
        return self.resolved[index]


class _Outputs(Mapping[str, Any]):
    """The outputs of the tasks that have ended, by id, looked up when they are asked for."""

    def __init__(self, index_of: Mapping[str, int], output: Callable[[int], Any]) -> None:
        self._index_of = index_of
        self._output = output

    def __getitem__(self, task_id: str) -> Any:
        return self._output(self._index_of[task_id])

    def __iter__(self) -> Iterator[str]:
        return iter(self._index_of)

    def __len__(self) -> int:
        return len(self._index_of)

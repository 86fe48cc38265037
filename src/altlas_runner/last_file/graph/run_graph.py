"""The tasks of a run and their dependencies as integers: of one that ended, or of one to come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from altlas_runner.alt_file import TaskGraph
from altlas_runner.last_file.task_notes import TaskNote, read_task_notes
from altlas_runner.statuses import TaskStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from altlas_runner.alt_file import AltFile
    from altlas_runner.last_file.models import LastFile

__all__ = ["RunGraph", "notes_by_id"]


def notes_by_id(last_file: LastFile) -> dict[str, TaskNote]:
    """What the LAST file notes of its tasks, by task id."""
    return {note.task_id: note for note in read_task_notes(last_file.metadata)}


@dataclass(frozen=True, slots=True)
class RunGraph:
    """What there is to draw. A task is its index in these lists.

    Attributes:
        task_ids: in ALT file order, then results of tasks that the notes do not know.
        statuses: of each task; pending where a task has no result.
        dependencies: of each task the indices of its direct dependencies, each once. Those outside the run are absent.
        kinds: of each task what it is like: its `task_type`, else its first tag, else an empty text.
    """

    task_ids: list[str]
    statuses: list[TaskStatus]
    dependencies: list[list[int]]
    kinds: list[str]

    @classmethod
    def from_last_file(cls, last_file: LastFile, notes: Mapping[str, TaskNote] | None = None) -> RunGraph:
        """The graph of a LAST file; works for any file that could be read, also for one that nobody sane wrote.

        Args:
            last_file: of the run.
            notes: of its tasks by id, when they have been read already.
        """
        notes = notes_by_id(last_file) if notes is None else notes
        status_of = {result.task_id: result.status for result in last_file.task_results}
        task_ids = list(dict.fromkeys([*notes, *status_of]))
        index_of = {task_id: index for index, task_id in enumerate(task_ids)}
        dependencies = [
            [index_of[d] for d in dict.fromkeys(notes[task_id].dependencies) if d in index_of and d != task_id]
            if task_id in notes
            else []
            for task_id in task_ids
        ]
        statuses = [status_of.get(task_id, TaskStatus.PENDING) for task_id in task_ids]
        kinds = [
            _kind(notes[task_id].parameters, notes[task_id].tags) if task_id in notes else "" for task_id in task_ids
        ]
        return cls(task_ids, statuses, dependencies, kinds)

    @classmethod
    def from_alt_file(cls, alt_file: AltFile) -> RunGraph:
        """The graph of a file that has not run: every task is pending."""
        graph = TaskGraph.from_alt_file(alt_file)
        kinds = [_kind(task.parameters, task.tags) for task in alt_file.tasks]
        return cls(list(graph.ids), [TaskStatus.PENDING] * len(graph.ids), list(map(list, graph.dependencies)), kinds)

    @property
    def dependency_count(self) -> int:
        """How many edges there are."""
        return sum(map(len, self.dependencies))

    def dependents(self) -> list[list[int]]:
        """Of each task the indices of the tasks that wait for it."""
        found: list[list[int]] = [[] for _ in self.task_ids]
        for task, dependencies in enumerate(self.dependencies):
            for dependency in dependencies:
                found[dependency].append(task)
        return found

    def in_order(self) -> list[int]:
        """The tasks with dependencies first, in file order where that leaves a choice; tasks on a cycle come last."""
        dependents = self.dependents()
        open_dependencies = [len(dependencies) for dependencies in self.dependencies]
        order = [task for task, count in enumerate(open_dependencies) if count == 0]
        for task in order:  # grows while it is walked
            for dependent in dependents[task]:
                open_dependencies[dependent] -= 1
                if open_dependencies[dependent] == 0:
                    order.append(dependent)
        order.extend(task for task, count in enumerate(open_dependencies) if count > 0)
        return order


def _kind(parameters: Any, tags: Sequence[str] | None) -> str:
    task_type = parameters.get("task_type") if isinstance(parameters, dict) else None
    return task_type if isinstance(task_type, str) else (tags[0] if tags else "")

"""The tasks of a file as a graph on integers: who depends on whom, in which order they can run.

A task is its index in the file. Everything here takes time in proportion to tasks and edges and never recurses, so a
chain of a million tasks is as good as any other file.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from altlas_runner.alt_file.models import AltFile

__all__ = ["TaskGraph", "add_late"]

_Name = TypeVar("_Name", bound=Hashable)


@dataclass(frozen=True)
class TaskGraph:
    """Dependencies between tasks, by index in the file.

    Only edges that exist are here: a dependency that is listed twice counts once; a dependency that is not in the file,
    or on the task itself, is left out (the validator reports those). Of two tasks with one id the first is meant.

    Attributes:
        ids: the id of every task, in file order.
        index_of: the index of the (first) task with this id.
        dependencies: for every task the tasks that must complete before it, in the order they are listed.
        in_file_order: every dependency stands before its dependents, so the order of the file is an execution order.

    Example:
        >>> graph = TaskGraph.from_alt_file(create_sample_alt_file())
        >>> graph.dependencies
        [(), (0,), (1,)]
    """

    ids: Sequence[str]
    index_of: dict[str, int]
    dependencies: list[tuple[int, ...]]
    in_file_order: bool

    @classmethod
    def from_alt_file(cls, alt_file: AltFile) -> TaskGraph:
        """The graph of a file; any file will do, a valid one or not."""
        tasks = alt_file.tasks
        return cls.from_names([task.id for task in tasks], (task.dependencies for task in tasks))

    @classmethod
    def from_names(cls, ids: Sequence[str], dependencies: Iterable[Sequence[str] | None]) -> TaskGraph:
        """The graph of tasks with these ids, each depending on the ids beside it."""
        index_of = dict(zip(ids, range(len(ids)), strict=True))
        if len(index_of) != len(ids):
            index_of = dict(zip(reversed(ids), range(len(ids) - 1, -1, -1), strict=True))
        look_up = index_of.__getitem__
        rows: list[tuple[int, ...]] = []
        in_file_order = True
        for index, names in enumerate(dependencies):
            if not names:
                rows.append(())
                continue
            try:
                row = tuple(map(look_up, names))
            except KeyError:
                row = tuple(index_of[name] for name in names if name in index_of)
            if len(row) > 1 and len(set(row)) != len(row):
                row = tuple(dict.fromkeys(row))
            if row and max(row) >= index:
                row = tuple(dependency for dependency in row if dependency != index)
                in_file_order = in_file_order and all(dependency < index for dependency in row)
            rows.append(row)
        return cls(ids, index_of, rows, in_file_order)

    @cached_property
    def dependents(self) -> list[list[int]]:
        """For every task the tasks that wait for it, in file order."""
        dependents: list[list[int]] = [[] for _ in self.dependencies]
        for index, row in enumerate(self.dependencies):
            for dependency in row:
                dependents[dependency].append(index)
        return dependents

    @property
    def dependency_counts(self) -> list[int]:
        """For every task the number of its dependencies; a new list, free to be counted down."""
        return list(map(len, self.dependencies))

    @cached_property
    def order(self) -> list[int]:
        """The tasks in an order in which they can run, dependencies first; it lacks what waits for a circle.

        The order of the file where that is possible.
        """
        if self.in_file_order:
            return list(range(len(self.dependencies)))
        dependents = self.dependents
        missing = self.dependency_counts
        order = [index for index, count in enumerate(missing) if not count]
        for index in order:  # grows while it is read
            for dependent in dependents[index]:
                missing[dependent] -= 1
                if not missing[dependent]:
                    order.append(dependent)
        return order


def add_late(done: set[_Name], late: Iterable[tuple[_Name, Sequence[_Name]]]) -> None:
    """Add to `done` these tasks, too, by id or by index, in an order in which they can run, as far as there is one.

    What waits for a circle, or for what is no task, stays out. Each task waits for the first of its dependencies that
    is not done, and looks for the next one only when that is: less work than counting them all.

    Args:
        done: the tasks that have run before.
        late: the other tasks, each with its dependencies; one may be listed twice.

    Example:
        >>> done = {"a"}
        >>> add_late(done, [("c", ["a", "b"]), ("b", ["a"]), ("d", ["d"])])
        >>> sorted(done)
        ['a', 'b', 'c']
    """
    waiting: dict[_Name, list[tuple[_Name, Sequence[_Name]]]] = {}
    for task in late:
        ready = [task]
        for candidate in ready:  # grows while it is read
            task_id, dependencies = candidate
            for dependency in dependencies:
                if dependency not in done:
                    waiting.setdefault(dependency, []).append(candidate)
                    break
            else:
                done.add(task_id)
                ready += waiting.pop(task_id, ())

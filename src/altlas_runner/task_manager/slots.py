"""Who gets the next slot: the best ready task whose concurrency group has room.

A run has `max_concurrency` slots. A concurrency group limits how many of its tasks hold one at the same time; a ready
task whose group is full is parked, keeps its place in the starting order and blocks nobody else.
"""

from __future__ import annotations

from heapq import heappop, heappush

from altlas_runner.task_manager.plan import RunPlan

__all__ = ["Slots"]


class Slots:
    """The ready tasks and the free slots of a run.

    Args:
        plan: gives the groups.
        max_concurrency: how many slots there are.

    Attributes:
        ready: heap of the places, in the starting order, of tasks that may take a slot.
        free: how many slots nobody holds.
        has_groups: whether there are groups; `enter` and `leave` need not be called without.
    """

    __slots__ = ("_group_of", "_parked", "_room", "free", "has_groups", "ready")

    def __init__(self, plan: RunPlan, max_concurrency: int) -> None:
        self.ready: list[int] = []
        self.free = max_concurrency
        self.has_groups = bool(plan.group_limits)
        self._group_of = plan.group_of
        self._room = list(plan.group_limits)
        self._parked: list[list[int]] = [[] for _ in plan.group_limits]  # heaps of places

    def enter(self, task: int, place: int) -> bool:
        """Let the task into its group, or park it under its place in the starting order."""
        group = self._group_of[task]
        if group < 0:
            return True
        if self._room[group]:
            self._room[group] -= 1
            return True
        heappush(self._parked[group], place)
        return False

    def leave(self, task: int) -> None:
        """The task leaves its group."""
        group = self._group_of[task]
        if group >= 0:
            self._room[group] += 1
            self.unpark(task)

    def unpark(self, task: int) -> None:
        """The best task that is parked in the group of this one may try again, if there is room."""
        group = self._group_of[task]
        if group >= 0 and self._room[group] and self._parked[group]:
            heappush(self.ready, heappop(self._parked[group]))

    def clear(self) -> None:
        """Nobody shall start any more."""
        self.ready.clear()
        for parked in self._parked:
            parked.clear()

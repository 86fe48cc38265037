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
        plan: gives the starting order and the groups.
        max_concurrency: how many slots there are.

    Attributes:
        ready: heap of the places, in the starting order, of tasks that may take a slot.
        free: how many slots nobody holds.
    """

    def __init__(self, plan: RunPlan, max_concurrency: int) -> None:
        self.ready: list[int] = []
        self.free = max_concurrency
        self._order = plan.order
        self._by_order = plan.by_order
        self._has_groups = bool(plan.group_limits)
        self._group_of = plan.group_of
        self._room = list(plan.group_limits)
        self._parked: list[list[int]] = [[] for _ in plan.group_limits]  # heaps of places

    def add(self, task: int) -> None:
        """The task may start as soon as it is the best that has a slot and room in its group."""
        heappush(self.ready, self._order[task])

    def take(self) -> int | None:
        """Give a slot to the best ready task; None when there is no slot, or nobody to take it.

        The caller gives it back by `release`, also when the task is found to have ended meanwhile.
        """
        ready = self.ready
        while ready and self.free:
            place = heappop(ready)
            task = self._by_order[place]
            if self._has_groups:
                group = self._group_of[task]
                if group >= 0:
                    if not self._room[group]:
                        heappush(self._parked[group], place)
                        continue
                    self._room[group] -= 1
            self.free -= 1
            return task
        return None

    def release(self, task: int) -> None:
        """The task gives its slot back; the best parked task of its group may try again."""
        self.free += 1
        if self._has_groups:
            group = self._group_of[task]
            if group >= 0:
                self._room[group] += 1
                if self._parked[group]:
                    heappush(self.ready, heappop(self._parked[group]))

    def clear(self) -> None:
        """Nobody shall start any more."""
        self.ready.clear()
        for parked in self._parked:
            parked.clear()

"""The deadlines of the tasks that have begun, without a timer for each.

Tasks with the same timeout reach their deadlines in the order in which they began. So each timeout has a queue, and
only the first task of a queue needs a timer: most tasks have ended long before theirs would come.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

__all__ = ["deadline_queues"]


def deadline_queues(timeouts: Sequence[float | None]) -> list[deque[int] | None]:
    """For each task the queue of its timeout, earliest deadline first, or None; all are empty.

    Whoever puts a task into an empty queue sets a timer for it. Tasks that have ended are taken out when a timer comes.

    Args:
        timeouts: for each task the seconds from its first start to its deadline, or None.
    """
    queues: dict[float | None, deque[int]] = {timeout: deque() for timeout in set(timeouts) if timeout is not None}
    return list(map(queues.get, timeouts))

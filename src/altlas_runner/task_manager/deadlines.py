"""The deadlines of the tasks that have begun, without a timer for each.

Tasks with the same timeout reach their deadlines in the order in which they began. So each timeout has a queue, and
only the first task of a queue needs a timer: most tasks have ended long before theirs would come.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

__all__ = ["Deadlines"]


class Deadlines:
    """Queues of tasks that have begun, one for each timeout.

    Args:
        timeouts: for each task the seconds from its first start to its deadline, or None.

    Attributes:
        queue_of: for each task the queue of its timeout, earliest deadline first, or None. Whoever puts a task into an
            empty queue sets a timer for it. Tasks that have ended are taken out when a timer comes.
    """

    __slots__ = ("queue_of",)

    def __init__(self, timeouts: Sequence[float | None]) -> None:
        queues: dict[float | None, deque[int]] = {timeout: deque() for timeout in set(timeouts) if timeout is not None}
        self.queue_of = list(map(queues.get, timeouts))

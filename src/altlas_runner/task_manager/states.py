"""The states that the scheduler knows, of a task and of the run. Small integers: a run keeps one byte for each task."""

from __future__ import annotations

from typing import Final

from altlas_runner.statuses import TaskStatus

BLOCKED: Final = 0
"""It waits for dependencies."""
READY: Final = 1
"""It waits for a slot."""
RUNNING: Final = 2
"""An attempt holds a slot."""
WAITING: Final = 3
"""It waits for its next attempt, without a slot."""
STOPPING: Final = 4
"""Its attempt was told to stop."""
ENDED: Final = 5
"""It has its result."""
STATE_NAMES: Final = ("blocked", "ready", "running", "waiting", "stopping", "ended")
STATUS_OF: Final = (
    TaskStatus.PENDING,
    TaskStatus.PENDING,
    TaskStatus.RUNNING,
    TaskStatus.PENDING,
    TaskStatus.RUNNING,
)
"""What each state but the last is called in public."""

NEW: Final = 0
GOING: Final = 1
PAUSED: Final = 2
"""No further attempt starts."""
ENDING: Final = 3
"""Everything that has not ended is cancelled, or told to stop."""
OVER: Final = 4
RUN_STATE_NAMES: Final = ("new", "going", "paused", "ending", "over")

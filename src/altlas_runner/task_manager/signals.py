"""What goes into the scheduler (signals) and what comes out of it (commands): small values without behaviour.

Tasks are named by their index in the ALT file. Instants are seconds on the clock of whoever drives the scheduler.
The most frequent command, to start the next attempt of a task, is no object but the task itself, in a list of its own:
making an object costs as much as deciding about it. For the same reason a driver may use one `AttemptEnded` again and
again; the scheduler keeps none of these.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from altlas_runner.execution import Outcome

__all__ = [
    "AbandonAttempt",
    "AttemptEnded",
    "AttemptStopped",
    "CancelAsked",
    "CancelTaskAsked",
    "Command",
    "EndRun",
    "JournalFailed",
    "PauseAsked",
    "ResumeAsked",
    "RoomAppeared",
    "RunBegan",
    "Signal",
    "StopAttempt",
    "Tick",
    "WakeAt",
]


@dataclass(slots=True)
class RunBegan:
    """The run begins; the first signal but for `CancelAsked` and `PauseAsked`, given once."""


@dataclass(slots=True)
class AttemptEnded:
    """An attempt came back with an outcome, good or bad."""

    task: int
    outcome: Outcome


@dataclass(slots=True)
class AttemptStopped:
    """An attempt that was told to stop has stopped without an outcome."""

    task: int


@dataclass(slots=True)
class RoomAppeared:
    """The executor that held this task has room for it sooner than it had said."""

    task: int


@dataclass(slots=True)
class CancelTaskAsked:
    """Somebody wants this task to end now; the rest of the run goes on without it."""

    task: int
    reason: str = "the task was cancelled"


@dataclass(slots=True)
class CancelAsked:
    """Somebody wants the run to end now."""

    reason: str = "the run was cancelled"


@dataclass(slots=True)
class JournalFailed:
    """Nothing can be written down any more, so nothing more may begin; what runs may end."""

    never_began: Collection[int]
    """The tasks whose attempt was started, and was waiting to be written down."""
    reason: str


@dataclass(slots=True)
class PauseAsked:
    """No further attempt shall start; those that run go on, and so do deadlines."""


@dataclass(slots=True)
class ResumeAsked:
    """Attempts may start again."""


@dataclass(slots=True)
class Tick:
    """The instant of the last `WakeAt` has come: waits may be over, deadlines may have passed."""


@dataclass(slots=True)
class StopAttempt:
    """Stop the running attempt of this task and answer with `AttemptStopped` (or `AttemptEnded`)."""

    task: int


@dataclass(slots=True)
class AbandonAttempt:
    """The attempt did not stop in time: let go of it, and drop whatever it still says."""

    task: int


@dataclass(slots=True)
class WakeAt:
    """Give a `Tick` at this instant; it takes the place of an earlier `WakeAt`."""

    instant: float


@dataclass(slots=True)
class EndRun:
    """Every task has ended; the last command."""


Signal = (
    RunBegan
    | AttemptEnded
    | AttemptStopped
    | RoomAppeared
    | CancelTaskAsked
    | CancelAsked
    | JournalFailed
    | PauseAsked
    | ResumeAsked
    | Tick
)
Command = StopAttempt | AbandonAttempt | WakeAt | EndRun

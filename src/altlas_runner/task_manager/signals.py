"""What goes into the scheduler (signals) and what comes out of it (commands): small values without behaviour.

Tasks are named by their index in the ALT file. Instants are seconds on the clock of whoever drives the scheduler.
Nobody changes these values; they are not declared frozen because that would double what making one costs, and a run
makes two of them for every task.
"""

from __future__ import annotations

from dataclasses import dataclass

from altlas_runner.execution import Outcome

__all__ = [
    "AbandonAttempt",
    "AttemptEnded",
    "AttemptStopped",
    "CancelAsked",
    "Command",
    "RunBegan",
    "Signal",
    "StartAttempt",
    "StopAttempt",
    "Tick",
]


@dataclass(slots=True)
class RunBegan:
    """The run begins; the first signal, given once."""


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
class CancelAsked:
    """Somebody wants the run to end now."""

    reason: str = "the run was cancelled"


@dataclass(slots=True)
class Tick:
    """Time has passed: waits may be over, deadlines may have passed."""


@dataclass(slots=True)
class StartAttempt:
    """Make the next attempt of this task now. It holds a slot until it has ended, stopped or been abandoned."""

    task: int


@dataclass(slots=True)
class StopAttempt:
    """Stop the running attempt of this task and answer with `AttemptStopped` (or `AttemptEnded`)."""

    task: int


@dataclass(slots=True)
class AbandonAttempt:
    """The attempt did not stop in time: let go of it, and drop whatever it still says."""

    task: int


Signal = RunBegan | AttemptEnded | AttemptStopped | CancelAsked | Tick
Command = StartAttempt | StopAttempt | AbandonAttempt

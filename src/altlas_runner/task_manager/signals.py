"""What goes into the scheduler (signals) and what comes out of it (commands): small immutable values, no behaviour.

Tasks are named by their index in the ALT file. Instants are seconds on the clock of whoever drives the scheduler.
"""

from __future__ import annotations

from typing import NamedTuple

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


class RunBegan(NamedTuple):
    """The run begins; the first signal, given once."""


class AttemptEnded(NamedTuple):
    """An attempt came back with an outcome, good or bad."""

    task: int
    outcome: Outcome


class AttemptStopped(NamedTuple):
    """An attempt that was told to stop has stopped without an outcome."""

    task: int


class CancelAsked(NamedTuple):
    """Somebody wants the run to end now."""

    reason: str = "the run was cancelled"


class Tick(NamedTuple):
    """Time has passed: waits may be over, deadlines may have passed."""


class StartAttempt(NamedTuple):
    """Make this attempt now. It holds a slot until it has ended, stopped or been abandoned."""

    task: int
    number: int


class StopAttempt(NamedTuple):
    """Stop the running attempt of this task and answer with `AttemptStopped` (or `AttemptEnded`)."""

    task: int


class AbandonAttempt(NamedTuple):
    """The attempt did not stop in time: let go of it, and drop whatever it still says."""

    task: int


Signal = RunBegan | AttemptEnded | AttemptStopped | CancelAsked | Tick
Command = StartAttempt | StopAttempt | AbandonAttempt

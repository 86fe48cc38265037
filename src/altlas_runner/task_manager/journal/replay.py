"""What a journal says of its run, fact by fact: which tasks have results, and what is known of the others. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from altlas_runner.results import Attempt, TaskResult
from altlas_runner.statuses import TaskStatus
from altlas_runner.task_manager.journal.facts import (
    AttemptBegan,
    AttemptEnded,
    AttemptWithdrawn,
    Fact,
    RunBegun,
    RunEnded,
    TaskCompleted,
    TaskEnded,
    TasksReopened,
)

__all__ = ["IN_DOUBT", "ContradictionError", "RunRecord", "attempts_of", "replay"]

IN_DOUBT = "IN_DOUBT"
"""The error code of an attempt that was under way when the run was interrupted."""

_IN_DOUBT = "the run was interrupted while this attempt was under way: nobody knows what became of it"


class ContradictionError(ValueError):
    """Facts that cannot follow each other: something between them is missing."""


@dataclass(slots=True)
class RunRecord:
    """A run as its journal tells it.

    Attributes:
        descriptions: of the run, and of every resume, in order.
        results: by task id; tasks without one have not ended.
        attempts: by task id, the attempts of tasks without a result that have ended.
        in_doubt: by task id, the attempt of which nobody knows what became, the last of `attempts` of its task; its end
            is its beginning, for the true one is not known.
        editions: by task id, how often it was asked for something new; tasks of which that never happened are absent.
        ended: when and why early, when every task had its result; None for a run that was interrupted.
    """

    descriptions: list[dict[str, Any]] = field(default_factory=list)
    results: dict[str, TaskResult] = field(default_factory=dict)
    attempts: dict[str, list[Attempt]] = field(default_factory=dict)
    in_doubt: dict[str, Attempt] = field(default_factory=dict)
    editions: dict[str, int] = field(default_factory=dict)
    ended: RunEnded | None = None

    def add(self, fact: Fact, *, doubtful: bool = False) -> None:
        """Take in the next fact.

        Args:
            fact: the fact.
            doubtful: whether facts before it may be missing, so that it may contradict those that are there.

        Raises:
            ContradictionError: it cannot follow those before it, and nothing is doubtful.
        """
        if not doubtful:
            _must_follow(self, fact)
        _MOVES[type(fact)](self, fact)


def replay(facts: Iterable[Fact]) -> RunRecord:
    """The record that these facts add up to.

    Raises:
        ContradictionError: the facts cannot all be there is.
    """
    record = RunRecord()
    for fact in facts:
        record.add(fact)
    if not record.descriptions:
        raise ContradictionError("it is empty")
    return record


def attempts_of(result: TaskResult) -> list[Attempt]:
    """The attempts of a result that is taken back, with what they used: a first try says that for the whole task."""
    attempts = list(result.attempts)
    if len(attempts) == 1 and attempts[0].usage is None:
        attempts[0] = replace(attempts[0], usage=result.usage)
    return attempts


def _must_follow(record: RunRecord, fact: Fact) -> None:
    if not record.descriptions and not isinstance(fact, RunBegun):
        raise ContradictionError("it does not begin with a description of the run")
    if isinstance(fact, TasksReopened):
        for task_id in fact.task_ids:
            if task_id not in record.results:
                raise ContradictionError(f'the task "{task_id}" has no result to be taken back')
        return
    about = fact.result.task_id if isinstance(fact, TaskEnded) else getattr(fact, "task_id", None)
    if about in record.results:
        raise ContradictionError(f'the task "{about}" has ended before')


def _run_begun(record: RunRecord, fact: RunBegun) -> None:
    record.descriptions.append(fact.description)
    record.ended = None


def _tasks_reopened(record: RunRecord, fact: TasksReopened) -> None:
    for task_id in fact.task_ids:
        result = record.results.pop(task_id, None)
        if result is not None and result.attempts:
            record.attempts[task_id] = attempts_of(result)
    for task_id in fact.anew:
        record.editions[task_id] = record.editions.get(task_id, 0) + 1


def _attempt_began(record: RunRecord, fact: AttemptBegan) -> None:
    attempt = Attempt(fact.number, fact.at, fact.at, TaskStatus.CANCELLED, IN_DOUBT, _IN_DOUBT)
    record.attempts.setdefault(fact.task_id, []).append(attempt)
    record.in_doubt[fact.task_id] = attempt


def _attempt_withdrawn(record: RunRecord, fact: AttemptWithdrawn) -> None:
    _settle(record, fact.task_id)


def _attempt_ended(record: RunRecord, fact: AttemptEnded) -> None:
    _settle(record, fact.task_id)
    record.attempts.setdefault(fact.task_id, []).append(fact.attempt)


def _task_ended(record: RunRecord, fact: TaskCompleted | TaskEnded) -> None:
    result = fact.result
    task_id = result.task_id
    record.results[task_id] = result
    record.attempts.pop(task_id, None)
    record.in_doubt.pop(task_id, None)


def _run_ended(record: RunRecord, fact: RunEnded) -> None:
    record.ended = fact


def _settle(record: RunRecord, task_id: str) -> None:
    """It is known what became of the attempt that began last."""
    if record.in_doubt.pop(task_id, None) is not None:
        record.attempts[task_id].pop()
        if not record.attempts[task_id]:
            del record.attempts[task_id]


_MOVES: dict[type, Any] = {
    RunBegun: _run_begun,
    TasksReopened: _tasks_reopened,
    AttemptBegan: _attempt_began,
    AttemptWithdrawn: _attempt_withdrawn,
    AttemptEnded: _attempt_ended,
    TaskCompleted: _task_ended,
    TaskEnded: _task_ended,
    RunEnded: _run_ended,
}

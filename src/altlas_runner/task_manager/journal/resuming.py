"""What a resume does: which tasks keep their results, which run, and why. Pure: it decides and does nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from altlas_runner.alt_file import AltFile, TaskGraph
from altlas_runner.alt_file.reference_checks import inputs_of, outputs_used_by, secret_outputs
from altlas_runner.alt_file.selection import Selection
from altlas_runner.redaction import REDACTED
from altlas_runner.results import TaskResult
from altlas_runner.statuses import TaskStatus
from altlas_runner.task_manager.journal.definitions import definitions, differences
from altlas_runner.task_manager.journal.replay import RunRecord, attempts_of
from altlas_runner.task_manager.plan import Restored

__all__ = ["NOT_BEGUN", "ResumeChoice", "ResumePlan", "plan_resume", "secrets_needed"]

NOT_BEGUN: Final = "it has not begun"
"""Why a task runs of which nothing is written down."""

_MOST_SHOWN = 5


@dataclass(frozen=True, slots=True)
class ResumeChoice:
    """What is to run beside the tasks that have not ended.

    Attributes:
        failed: tasks that failed or passed their deadline, and what was skipped because of them.
        from_tasks: these tasks and everything that depends on them.
        only: exactly these tasks; what depends on them keeps its result.
        in_doubt: what becomes of tasks whose last attempt nobody knows the end of: `retry` makes it again with the same
            idempotency key, `fail` fails them with the code IN_DOUBT.
    """

    failed: bool = False
    from_tasks: Sequence[str] = ()
    only: Sequence[str] = ()
    in_doubt: Literal["retry", "fail"] = "retry"


@dataclass(slots=True)
class ResumePlan:
    """The answer, by task id.

    Attributes:
        kept: the results that stay.
        why: for each task that runs, in file order, the reason in words.
        changed: the tasks that would have kept their results, had the file not changed.
        reopened: the tasks that had a result and lose it; those that are no longer in the file among them.
        anew: those of them that are asked for something else than before, or for another answer.
        given_up: tasks that fail at once, because their last attempt is in doubt.
    """

    kept: dict[str, TaskResult]
    why: dict[str, str]
    changed: list[str]
    reopened: list[str]
    anew: list[str]
    given_up: list[str] = field(default_factory=list)

    def restored(self, alt_file: AltFile, record: RunRecord) -> Restored:
        """What the task manager needs to know, by the indices of this file."""
        attempts = record.attempts | {
            task_id: attempts_of(record.results[task_id])
            for task_id in self.reopened
            if record.results[task_id].attempts
        }
        ids = [task.id for task in alt_file.tasks]
        given_up = frozenset(self.given_up)
        return Restored(
            {index: self.kept[task_id] for index, task_id in enumerate(ids) if task_id in self.kept},
            {index: attempts[task_id] for index, task_id in enumerate(ids) if task_id in attempts},
            [index for index, task_id in enumerate(ids) if task_id in given_up],
        )


def secrets_needed(plan: ResumePlan, alt_file: AltFile, inputs: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """The tasks that are to run and hold a secret that was taken out, and the inputs of theirs that do.

    Args:
        plan: says which tasks run.
        alt_file: the tasks that are meant to run.
        inputs: the values given to the run.
    """
    running = [task for task in alt_file.tasks if task.id in plan.why and task.id not in plan.given_up]
    tasks = [task.id for task in running if _holds_redacted([task.description, task.parameters, task.model_extra])]
    used = inputs_of(alt_file.model_copy(update={"tasks": running}))
    return tasks, [name for name in used if _holds_redacted(inputs.get(name))]


def plan_resume(
    record: RunRecord,
    before: tuple[AltFile, Mapping[str, Any]],
    now: tuple[AltFile, Mapping[str, Any]],
    choice: ResumeChoice,
) -> ResumePlan:
    """Decide.

    Args:
        record: what the journal says of the run.
        before: the tasks that were meant to run, and the inputs, as the journal has them.
        now: the same as they are to be; valid.
        choice: what else is to run.

    Raises:
        ConfigurationError: the choice names a task that is not there.
    """
    graph = TaskGraph.from_alt_file(now[0])
    decision = _Decision(record, graph, definitions(*before), definitions(*now), choice)
    for index in graph.order:
        decision.decide(index)
    decision.reopen_for_secrets(now[0])
    return decision.plan()


def _holds_redacted(value: Any) -> bool:
    """Whether a secret stood somewhere in a JSON value."""
    if isinstance(value, str):
        return REDACTED in value
    if isinstance(value, dict):
        return any(_holds_redacted(each) for pair in value.items() for each in pair)
    return isinstance(value, list) and any(map(_holds_redacted, value))


_ENDED_BY_THEMSELVES = (TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.TIMEOUT)


class _Decision:
    """Task by task, dependencies first."""

    def __init__(
        self,
        record: RunRecord,
        graph: TaskGraph,
        old: Mapping[str, Any],
        new: Mapping[str, Any],
        choice: ResumeChoice,
    ) -> None:
        self._record = record
        self._graph = graph
        self._old = old
        self._new = new
        self._choice = choice
        self._only = Selection(only=choice.only).chosen(graph) if choice.only else set()
        self._from = Selection(from_tasks=choice.from_tasks).chosen(graph) if choice.from_tasks else set()
        self._reasons: dict[int, str] = {}
        self._changed: dict[int, str] = {}  # what the file changed, and what depends on that, and why
        self._anew: set[int] = set()

    def decide(self, index: int) -> None:
        """Whether this task runs, and why."""
        task_id = self._graph.ids[index]
        result = self._record.results.get(task_id)
        if result is None and task_id not in self._record.attempts:
            self._reasons[index] = NOT_BEGUN if task_id in self._old else "it is new in the file"
        elif reason := self._change(index, task_id):
            self._reasons[index] = self._changed[index] = reason
            self._anew.add(index)
        elif index in self._only or index in self._from:
            named = task_id in (*self._choice.only, *self._choice.from_tasks)
            self._reasons[index] = "it was asked for" if named else "it depends on a task that was asked for"
            if result is not None and result.status is TaskStatus.COMPLETED:
                self._anew.add(index)
        elif result is None:
            self._reasons[index] = self._without_result(task_id)
        elif reason := self._unfinished(index, result):
            self._reasons[index] = reason

    def _change(self, index: int, task_id: str) -> str:
        """Why what the task asks for is not the same as before, or nothing."""
        if task_id not in self._old:
            return "it is new in the file"
        if found := differences(self._old[task_id], self._new[task_id]):
            shown = ", ".join(found[:_MOST_SHOWN]) + (", …" if len(found) > _MOST_SHOWN else "")
            return f"its definition changed: {shown}"
        for dependency in self._graph.dependencies[index]:
            if dependency in self._changed:
                name, because = self._graph.ids[dependency], self._changed[dependency]
                return because if because.startswith("it depends on") else f'it depends on "{name}", of which {because}'
        return ""

    def _without_result(self, task_id: str) -> str:
        attempts = self._record.attempts[task_id]
        if task_id in self._record.in_doubt:
            return f"attempt {attempts[-1].number} was under way when the run was interrupted"
        if attempts[-1].status is TaskStatus.COMPLETED:
            return "an earlier resume took its result back, and was interrupted before it ran again"
        return f"attempt {attempts[-1].number} failed ({attempts[-1].error_code}), and another was to follow"

    def _unfinished(self, index: int, result: TaskResult) -> str:
        """Why a task with a result is not done with, or nothing."""
        status = result.status
        if status is TaskStatus.SKIPPED:
            kept = [self._kept(dependency) for dependency in self._graph.dependencies[index]]
            if any(each is not None and each.status is not TaskStatus.COMPLETED for each in kept):
                return ""
            return "what it was skipped for runs again"
        if status not in _ENDED_BY_THEMSELVES or (self._choice.failed and status is not TaskStatus.COMPLETED):
            return f"it ended as {status} ({result.error_code})"
        return ""

    def _kept(self, index: int) -> TaskResult | None:
        return None if index in self._reasons else self._record.results.get(self._graph.ids[index])

    def reopen_for_secrets(self, alt_file: AltFile) -> None:
        """Run again what another task refers to, where a secret was taken out of it.

        Every task is given the outputs of its dependencies. Those that are used as keys are made again for it, too; an
        echo of some other secret is no reason.
        """
        used_as_keys = secret_outputs(alt_file)
        waiting = list(self._reasons)
        while waiting:
            task = alt_file.tasks[waiting.pop()]
            given = [each for each in task.dependencies or () if each in used_as_keys]
            for task_id in [*outputs_used_by(task), *given]:
                index = self._graph.index_of[task_id]
                result = self._kept(index)
                if result is not None and _holds_redacted(result.output):
                    self._reasons[index] = "a task uses its output, which held a secret, and those are not kept"
                    waiting.append(index)

    def plan(self) -> ResumePlan:
        """What was decided."""
        record, ids = self._record, self._graph.ids
        kept = {ids[index]: result for index in range(len(ids)) if (result := self._kept(index)) is not None}
        given_up = [
            task_id
            for index, task_id in enumerate(ids)
            if self._choice.in_doubt == "fail" and task_id in record.in_doubt and index not in self._anew
        ]
        return ResumePlan(
            kept,
            why={ids[index]: self._reasons[index] for index in sorted(self._reasons)},
            changed=[ids[index] for index in sorted(self._changed) if ids[index] in record.results],
            reopened=[task_id for task_id in record.results if task_id not in kept],
            anew=[ids[index] for index in sorted(self._anew)],
            given_up=given_up,
        )

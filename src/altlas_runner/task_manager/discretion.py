"""Events as observers may see them: what strangers said is told without secrets."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from altlas_runner.execution import Executor, Outcome, TaskAttempt
from altlas_runner.redaction import PieceByPiece, Redactor, is_long
from altlas_runner.results import TaskResult
from altlas_runner.statuses import TaskStatus
from altlas_runner.task_manager.events import (
    AttemptFailed,
    Event,
    TaskFinished,
    TaskProgress,
    TaskStarted,
    TaskWaiting,
)

__all__ = ["Discretion"]


class Discretion:
    """Takes the secrets out of the events of one run, once for all observers.

    The texts of `delta` events are one text: a secret that comes in several of them is found. The end of such a text
    may be told later than it came, at the latest when its task completes; that of an attempt that failed is not told.
    Long outputs are looked through in a thread before their task is said to have completed.

    Args:
        redactor: knows the secrets of the run.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._texts: dict[str, PieceByPiece[str]] = {}
        self._looked_through: dict[str, tuple[Any, Any]] = {}  # by task: its output, and that without secrets

    def around(self, executor: Executor) -> Executor:
        """The executor, whose long outputs are looked through before anybody is told of them."""
        return _LooksThrough(executor, self)

    async def look_through(self, task_id: str, output: Any) -> None:
        """Prepare to tell a long output, so that telling it takes no time."""
        self._looked_through[task_id] = output, await asyncio.to_thread(self._redactor.value, output)

    def told(self, events: Iterable[Event]) -> list[Event]:
        """The events to tell in the place of the next ones."""
        return [told for event in events for told in self._told(event)]

    def _told(self, event: Event) -> Iterator[Event]:
        redactor = self._redactor
        match event:
            case TaskProgress(kind="delta", fields={"text": str(piece)}):
                text = self._texts.get(event.task_id)
                if text is None:
                    text = self._texts[event.task_id] = redactor.piece_by_piece()
                if clean := text.add(piece):
                    yield event._replace(fields=redactor.value({**event.fields, "text": clean}))
                return
            case TaskProgress():
                event = event._replace(fields=redactor.value(dict(event.fields)))
            case TaskStarted() | TaskWaiting():
                self._texts.pop(event.task_id, None)
            case AttemptFailed():
                self._texts.pop(event.task_id, None)
                event = event._replace(error=redactor.value(event.error))
            case TaskFinished(result=result):
                text = self._texts.pop(event.task_id, None)
                if text is not None and result.status is TaskStatus.COMPLETED and (rest := text.finish()):
                    yield TaskProgress(event.at, event.task_id, "delta", {"text": rest})
                event = event._replace(result=self._without_secrets(result))
        yield event

    def _without_secrets(self, result: TaskResult) -> TaskResult:
        redactor = self._redactor
        attempts = [replace(each, error=redactor.value(each.error)) if each.error else each for each in result.attempts]
        seen, output = self._looked_through.pop(result.task_id, (None, None))
        return TaskResult(
            **{name: getattr(result, name) for name in TaskResult.__slots__}
            | {
                "output": output if seen is result.output else redactor.value(result.output),
                "error": redactor.value(result.error),
                "attempts": attempts,
            }
        )


class _LooksThrough:
    def __init__(self, executor: Executor, discretion: Discretion) -> None:
        self._executor = executor
        self._discretion = discretion

    async def attempt(self, attempt: TaskAttempt) -> Outcome:
        outcome = await self._executor.attempt(attempt)
        if isinstance(outcome, Outcome) and is_long(outcome.output):
            await self._discretion.look_through(attempt.task.id, outcome.output)
        return outcome

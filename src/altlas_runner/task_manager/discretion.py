"""Events as observers may see them: what strangers said is told without secrets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from altlas_runner.redaction import PieceByPiece, Redactor
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
    """Takes the secrets out of the events of one run, for one observer.

    The texts of `delta` events are one text: a secret that comes in several of them is found. The end of such a text
    may be told later than it came, at the latest when its task completes; that of an attempt that failed is not told.

    Args:
        redactor: knows the secrets of the run.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._texts: dict[str, PieceByPiece[str]] = {}

    def told(self, event: Event) -> Iterator[Event]:
        """The events to tell in the place of the next one."""
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
                event = event._replace(error=redactor.text(event.error))
            case TaskFinished(result=result):
                text = self._texts.pop(event.task_id, None)
                if text is not None and result.status is TaskStatus.COMPLETED and (rest := text.finish()):
                    yield TaskProgress(event.at, event.task_id, "delta", {"text": rest})
                event = event._replace(result=_without_secrets(result, redactor))
        yield event


def _without_secrets(result: TaskResult, redactor: Redactor) -> TaskResult:
    attempts = [replace(each, error=redactor.text(each.error)) if each.error else each for each in result.attempts]
    return TaskResult(
        **{name: getattr(result, name) for name in TaskResult.__slots__}
        | {
            "output": redactor.value(result.output),
            "error": redactor.text(result.error) if result.error else None,
            "attempts": attempts,
        }
    )

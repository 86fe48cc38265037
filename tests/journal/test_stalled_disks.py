"""A disk that answers late, or not at all, while tasks are stopped whose attempts wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from altlas_runner import Outcome, TaskAttempt
from altlas_runner.errors import JournalError
from altlas_runner.results import TaskResult
from altlas_runner.task_manager import Event, TaskFinished, TaskManager
from altlas_runner.task_manager.journal import Fact
from altlas_runner.task_manager.journal.writer import Committed
from altlas_runner.testing import alt_file_of


class StalledDisk:
    """A recorder that says nothing of what it was given until somebody asks it to."""

    def __init__(self) -> None:
        self._committed: Committed | None = None
        self._waiting = 0

    def begin(self, committed: Committed) -> None:
        self._committed = committed

    def record(self, facts: Sequence[Fact]) -> None:
        self._waiting += 1

    def answer(self, failure: JournalError | None = None) -> None:
        count, self._waiting = self._waiting, 0
        assert self._committed is not None
        self._committed(count, failure)


class Service:
    def __init__(self) -> None:
        self.asked: list[str] = []

    async def attempt(self, attempt: TaskAttempt) -> Outcome:
        self.asked.append(attempt.task.id)
        return Outcome.completed(attempt.task.id)


@pytest.mark.parametrize("fails", [True, False], ids=["and then it fails", "and then it goes on"])
def test_a_task_that_is_given_up_before_its_start_is_written_ends_once(fails: bool) -> None:
    alt = alt_file_of({"id": "a"}, {"id": "b"}, {"id": "c", "dependencies": ["a"]})
    disk, service, ended = StalledDisk(), Service(), list[str]()

    def listen(event: Event) -> None:
        if isinstance(event, TaskFinished):
            ended.append(event.task_id)

    async def main() -> list[TaskResult]:
        manager = TaskManager(alt, service, 2, stop_grace_seconds=0.01, on_event=listen)
        run = asyncio.ensure_future(manager.run(disk))
        await asyncio.sleep(0)
        manager.cancel_task("a")
        while manager.statuses["a"] == "running":
            await asyncio.sleep(0.01)
        disk.answer(JournalError(Path("journal"), "cannot be written: disk I/O error") if fails else None)
        while not run.done():
            await asyncio.sleep(0)
            disk.answer()
        return run.result()

    results = asyncio.run(asyncio.wait_for(main(), 10))
    b = ("cancelled", "JOURNAL_IO") if fails else ("completed", None)
    assert [(each.status, each.error_code) for each in results] == [
        ("cancelled", "CANCELLED"),
        b,
        ("skipped", "DEPENDENCY_NOT_COMPLETED"),
    ]
    assert sorted(ended) == ["a", "b", "c"]
    assert service.asked == ([] if fails else ["b"])

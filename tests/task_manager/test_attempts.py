"""What an executor is handed: an attempt like any other, although most of it is filled in only when it is asked for."""

import asyncio
from dataclasses import fields, replace

from altlas_runner import AltFile, Outcome, Task, TaskAttempt, TaskManager


def test_an_attempt_has_all_its_fields_and_can_be_copied() -> None:
    seen: list[dict[str, object]] = []

    class Looking:
        async def attempt(self, attempt: TaskAttempt) -> Outcome:
            copy = replace(attempt, number=7)
            assert copy.number == 7
            seen.append({field.name: getattr(attempt, field.name) for field in fields(TaskAttempt)})
            return Outcome.completed(None)

    tasks = [Task(id="a", description="a"), Task(id="b", description="b", dependencies=["a"])]
    asyncio.run(TaskManager(AltFile(id="f", title="f", tasks=tasks), Looking()).run())
    assert [attempt["context"] for attempt in seen] == [{}, {"a": None}]
    assert all(attempt["number"] == 1 and attempt["files"] is None for attempt in seen)

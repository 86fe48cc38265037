"""Follow a run live through its events, and cancel it when it has cost enough."""

import asyncio

from altlas_runner import AltFile, Outcome, Task, TaskAttempt, TaskManager
from altlas_runner.task_manager import Event, TaskFinished, TaskStarted


class Sleeper:
    """Pretends to work."""

    async def attempt(self, attempt: TaskAttempt) -> Outcome:
        """Sleep a little, then complete."""
        await asyncio.sleep(0.02)
        return Outcome.completed(f"{attempt.task.id} is done")


def watch(event: Event) -> None:
    """Print what happens; after five finished tasks, end the run."""
    match event:
        case TaskStarted(task_id=task_id, number=number):
            print(f"started  {task_id} (attempt {number})")
        case TaskFinished(task_id=task_id, result=result):
            print(f"finished {task_id}: {result.status}")
            if sum(status.is_terminal for status in manager.statuses.values()) == 5:
                manager.cancel("five tasks are enough")


tasks = [
    Task(id=f"task{n}", description="sleep", dependencies=[f"task{n - 2}"] if n > 2 else None) for n in range(1, 9)
]
manager = TaskManager(
    AltFile(id="watched", title="A watched run", tasks=tasks), Sleeper(), max_concurrency=2, on_event=watch
)
results = asyncio.run(manager.run())
print({str(result.status) for result in results})

"""To run things in tests: a clock that jumps by itself, a scripted executor, files in one line."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from altlas_runner.alt_file import AltFile, Task
from altlas_runner.execution import Outcome, TaskAttempt
from altlas_runner.retrying import RetryPolicy

__all__ = ["Call", "FakeExecutor", "VirtualClockLoop", "alt_file_of", "run_in_virtual_time"]

T = TypeVar("T")

_THREAD_PATIENCE_SECONDS = 10.0


class _JumpingSelector(selectors.DefaultSelector):
    """A selector that lets the clock jump instead of waiting."""

    loop: VirtualClockLoop

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:  # only a thread or a socket can wake the loop now
            ready = super().select(_THREAD_PATIENCE_SECONDS)
            if not ready:
                raise RuntimeError("deadlock: nothing is scheduled, and nothing will ever wake the loop")
            return ready
        self.loop.now += timeout
        return ready


class VirtualClockLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock stands still while there is work and jumps to the next timer when there is none.

    Attributes:
        now: the current instant in seconds; it starts at 0.
    """

    def __init__(self) -> None:
        self.now = 0.0
        selector = _JumpingSelector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        """The virtual instant."""
        return self.now


def run_in_virtual_time(main: Callable[[], Awaitable[T]]) -> T:
    """Run a coroutine function on a `VirtualClockLoop`: hours pass in milliseconds, and always the same way.

    Raises:
        RuntimeError: the program waits for something that can never happen, or leaves tasks behind.
    """

    async def checked() -> T:
        result = await main()
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        if left:
            raise RuntimeError(f"{len(left)} asyncio tasks were left behind: {left}")
        return result

    with asyncio.Runner(loop_factory=VirtualClockLoop) as runner:
        return runner.run(checked())


@dataclass(frozen=True, slots=True)
class Call:
    """One attempt that a `FakeExecutor` was asked for.

    Attributes:
        task_id: the task.
        number: of the attempt, from 1.
        started_at: instant on the loop's clock.
        attempt: all that the executor was given.
    """

    task_id: str
    number: int
    started_at: float
    attempt: TaskAttempt


class FakeExecutor:
    """An executor that follows a script and remembers what it was asked.

    Args:
        durations: seconds that an attempt of a task takes, by task id; `default_duration` for the others.
        outcomes: how the attempts of a task end, in order, by task id; the last one repeats. An exception in the list
            is raised. Without a script a task completes with the output `{"task": <id>}`.
        default_duration: seconds.
        max_retries: the policy's, for tasks without a `retry_count`.

    Attributes:
        calls: every attempt, in the order in which they began.
        running: how many attempts are under way.
        peak: the greatest number that were under way at one time.
    """

    def __init__(
        self,
        durations: Mapping[str, float] | None = None,
        outcomes: Mapping[str, Sequence[Outcome | BaseException]] | None = None,
        *,
        default_duration: float = 1.0,
        max_retries: int = 0,
    ) -> None:
        self.calls: list[Call] = []
        self.running = 0
        self.peak = 0
        self._durations = durations or {}
        self._outcomes = outcomes or {}
        self._default_duration = default_duration
        self._retry_policy = RetryPolicy(max_retries=max_retries)

    @property
    def retry_policy(self) -> RetryPolicy:
        """The policy for tasks that do not say how often to retry."""
        return self._retry_policy

    async def attempt(self, attempt: TaskAttempt) -> Outcome:
        """Take the scripted time, then end as scripted."""
        task_id = attempt.task.id
        self.calls.append(Call(task_id, attempt.number, asyncio.get_running_loop().time(), attempt))
        self.running += 1
        self.peak = max(self.peak, self.running)
        try:
            await asyncio.sleep(self._durations.get(task_id, self._default_duration))
        finally:
            self.running -= 1
        script = self._outcomes.get(task_id)
        if not script:
            return Outcome.completed({"task": task_id})
        outcome = script[min(attempt.number, len(script)) - 1]
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def started(self) -> list[str]:
        """The ids of the tasks in the order in which their attempts began."""
        return [call.task_id for call in self.calls]


def alt_file_of(*tasks: Task | Mapping[str, Any], **fields: Any) -> AltFile:
    """An ALT file of these tasks; a task may be given by its fields, and needs no description.

    Example:
        >>> alt_file_of({"id": "a"}, {"id": "b", "dependencies": ["a"]}).tasks[1].dependencies
        ['a']
    """
    made = [task if isinstance(task, Task) else Task(**{"description": f"do {task['id']}", **task}) for task in tasks]
    return AltFile(**{"id": "test", "title": "Test", "tasks": made, **fields})

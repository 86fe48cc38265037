"""Runs with handlers, in one line."""

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from altlas_runner.alt_file import Task
from altlas_runner.execution import Executor
from altlas_runner.handlers import HandlerSource
from altlas_runner.results import TaskResult
from altlas_runner.task_manager import Event, TaskManager
from altlas_runner.testing import alt_file_of


def task(task_type: str, task_id: str = "a", *, parameters: Mapping[str, Any] | None = None, **fields: Any) -> Task:
    """A task of a type."""
    return Task(id=task_id, description=task_type, parameters={"task_type": task_type, **(parameters or {})}, **fields)


def run_tasks(
    handlers: HandlerSource,
    *tasks: Task,
    executor: Executor | None = None,
    on_event: Callable[[Event], None] | None = None,
    **options: Any,
) -> list[TaskResult]:
    """Run tasks to their end in real time."""
    options = {"seed": 1, **options}
    manager = TaskManager(alt_file_of(*tasks), executor, handlers=handlers, on_event=on_event, **options)
    return asyncio.run(manager.run())


def is_running(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] != b"Z"
    except OSError:
        return False


def gone(pid: int, patience: float = 5.0) -> bool:
    """Whether a process is gone, soon."""
    end = time.monotonic() + patience
    while is_running(pid) and time.monotonic() < end:
        time.sleep(0.01)
    return not is_running(pid)


def children() -> set[int]:
    """The processes that this one started and that still are there."""
    found = set()
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_bytes().rpartition(b")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == os.getpid():
            found.add(int(entry.parent.name))
    return found


def wait_for(path: Path) -> int:
    """The process id that a program writes into a file."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if path.exists() and (text := path.read_text()).endswith("\n"):
            return int(text)
        time.sleep(0.01)
    raise AssertionError(f"{path} was not written")

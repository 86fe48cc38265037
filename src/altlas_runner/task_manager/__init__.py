"""Scheduling and driving: which task runs when, and what became of it."""

from altlas_runner.handlers import HandlerContext, handler
from altlas_runner.task_manager.events import (
    AttemptFailed,
    Event,
    RunFinished,
    RunPaused,
    RunResumed,
    RunStarted,
    TaskFinished,
    TaskProgress,
    TaskReady,
    TaskStarted,
    TaskWaiting,
)
from altlas_runner.task_manager.manager import TaskManager, new_run_id
from altlas_runner.task_manager.observing import Observer
from altlas_runner.task_manager.scheduler import Scheduler

__all__ = [
    "AttemptFailed",
    "Event",
    "HandlerContext",
    "Observer",
    "RunFinished",
    "RunPaused",
    "RunResumed",
    "RunStarted",
    "Scheduler",
    "TaskFinished",
    "TaskManager",
    "TaskProgress",
    "TaskReady",
    "TaskStarted",
    "TaskWaiting",
    "handler",
    "new_run_id",
]

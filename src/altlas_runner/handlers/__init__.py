"""Handlers: Python functions that do the tasks of their type, in the event loop, a thread or a process."""

from altlas_runner.handlers.artifact_directory import ArtifactDirectory
from altlas_runner.handlers.choosing import handlers_for, own_handlers
from altlas_runner.handlers.command import command
from altlas_runner.handlers.context import HandlerContext
from altlas_runner.handlers.declaring import Handler, HandlerFunction, handler
from altlas_runner.handlers.executor import HandlerEngine, HandlerExecutor, handled_tasks, task_type_of
from altlas_runner.handlers.host import HandlerHost
from altlas_runner.handlers.loading import HandlerSource, collect_handlers, installed_handlers
from altlas_runner.handlers.places import FunctionPlace, load_function, source_digest

__all__ = [
    "ArtifactDirectory",
    "FunctionPlace",
    "Handler",
    "HandlerContext",
    "HandlerEngine",
    "HandlerExecutor",
    "HandlerFunction",
    "HandlerHost",
    "HandlerSource",
    "collect_handlers",
    "command",
    "handled_tasks",
    "handler",
    "handlers_for",
    "installed_handlers",
    "load_function",
    "own_handlers",
    "source_digest",
    "task_type_of",
]

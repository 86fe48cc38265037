"""Embeddable runner for AI task files.

An ALT file comes in, its tasks run against an AI service as concurrently as their dependencies allow, a LAST file goes
out. Every public name is importable from here; each is loaded on first use, so that importing the package stays cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from altlas_runner.ai_service import AiServiceClient as AiServiceClient
    from altlas_runner.ai_service import AiServiceConfig as AiServiceConfig
    from altlas_runner.alt_file import AltFile as AltFile
    from altlas_runner.alt_file import AltMode as AltMode
    from altlas_runner.alt_file import AltParser as AltParser
    from altlas_runner.alt_file import Diagnostic as Diagnostic
    from altlas_runner.alt_file import Priority as Priority
    from altlas_runner.alt_file import Task as Task
    from altlas_runner.alt_file import create_sample_alt_file as create_sample_alt_file
    from altlas_runner.alt_file import validate_alt_file as validate_alt_file
    from altlas_runner.alt_file import validate_execution_sequence as validate_execution_sequence
    from altlas_runner.blocking import run as run
    from altlas_runner.config import RunnerConfig as RunnerConfig
    from altlas_runner.errors import AltFormatError as AltFormatError
    from altlas_runner.errors import AltIoError as AltIoError
    from altlas_runner.errors import AltJsonError as AltJsonError
    from altlas_runner.errors import AltlasRunnerError as AltlasRunnerError
    from altlas_runner.errors import AltParseError as AltParseError
    from altlas_runner.errors import AltSchemaError as AltSchemaError
    from altlas_runner.errors import AltValidationError as AltValidationError
    from altlas_runner.errors import BundleError as BundleError
    from altlas_runner.errors import ConfigurationError as ConfigurationError
    from altlas_runner.errors import HandlerError as HandlerError
    from altlas_runner.errors import JournalError as JournalError
    from altlas_runner.execution import Executor as Executor
    from altlas_runner.execution import Outcome as Outcome
    from altlas_runner.execution import TaskAttempt as TaskAttempt
    from altlas_runner.last_file import LastFile as LastFile
    from altlas_runner.last_file import LastFileGenerator as LastFileGenerator
    from altlas_runner.results import Artifact as Artifact
    from altlas_runner.results import Attempt as Attempt
    from altlas_runner.results import TaskResult as TaskResult
    from altlas_runner.results import Usage as Usage
    from altlas_runner.retrying import RetryPolicy as RetryPolicy
    from altlas_runner.runner import Runner as Runner
    from altlas_runner.statuses import TaskStatus as TaskStatus
    from altlas_runner.task_manager import HandlerContext as HandlerContext
    from altlas_runner.task_manager import TaskManager as TaskManager
    from altlas_runner.task_manager import handler as handler

__version__ = "0.1.0"

_ROOMS = {
    "ai_service": ("AiServiceClient", "AiServiceConfig"),
    "alt_file": (
        "AltFile",
        "AltMode",
        "AltParser",
        "Diagnostic",
        "Priority",
        "Task",
        "create_sample_alt_file",
        "validate_alt_file",
        "validate_execution_sequence",
    ),
    "config": ("RunnerConfig",),
    "errors": (
        "AltFormatError",
        "AltIoError",
        "AltJsonError",
        "AltParseError",
        "AltSchemaError",
        "AltValidationError",
        "AltlasRunnerError",
        "BundleError",
        "ConfigurationError",
        "HandlerError",
        "JournalError",
    ),
    "execution": ("Executor", "Outcome", "TaskAttempt"),
    "last_file": ("LastFile", "LastFileGenerator"),
    "results": ("Artifact", "Attempt", "TaskResult", "Usage"),
    "retrying": ("RetryPolicy",),
    "blocking": ("run",),
    "runner": ("Runner",),
    "statuses": ("TaskStatus",),
    "task_manager": ("HandlerContext", "TaskManager", "handler"),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = ["__version__", *sorted(_ROOM_OF)]


def __getattr__(name: str) -> Any:
    room = _ROOM_OF.get(name)
    if room is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{room}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

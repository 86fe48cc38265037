"""Which handlers do the tasks of a file: those that a program gives, those of the configuration, installed ones."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from altlas_runner.alt_file import AltFile
from altlas_runner.handlers.command import command
from altlas_runner.handlers.declaring import Handler, HandlerFunction
from altlas_runner.handlers.executor import task_type_of
from altlas_runner.handlers.loading import HandlerSource, collect_handlers, installed_handlers

__all__ = ["handlers_for", "own_handlers"]

_log = logging.getLogger("altlas_runner")

_COMMAND = "command"


def own_handlers(given: HandlerSource | None, configured: Sequence[str], *, allow_commands: bool) -> dict[str, Handler]:
    """The handlers by task type that a program gives, before those of the configuration and the built-in ones.

    Raises:
        ConfigurationError: a handler cannot be found or cannot be used.
    """
    built_in: list[HandlerFunction] = [command] if allow_commands else []
    return {**collect_handlers(built_in), **collect_handlers(configured), **collect_handlers(given)}


def handlers_for(alt_file: AltFile, own: Mapping[str, Handler], *, use_installed: bool) -> dict[str, Handler]:
    """These handlers, and those of installed packages for types of the file that have none, where they may be used.

    Raises:
        ConfigurationError: an installed handler cannot be used.
    """
    types = {task_type for task in alt_file.tasks if (task_type := task_type_of(task)) is not None}
    if _COMMAND in types and _COMMAND not in own:
        _log.warning("tasks of the type command go to the AI service; to run them as programs, allow commands")
    return {**own, **installed_handlers(types - own.keys() if use_installed else ())}

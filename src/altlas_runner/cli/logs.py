"""Logging of the commands: the standard library's, on stderr."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime

from altlas_runner.event_json import json_line, rfc3339
from altlas_runner.last_file.json_values import as_json_text
from altlas_runner.last_file.visible_text import visible
from altlas_runner.log_records import TRACE

__all__ = ["set_up_logging"]

_LEVELS = {
    "trace": TRACE,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}


def set_up_logging(level: str, *, as_json: bool = False) -> None:
    """Show the library's messages from this level on.

    Args:
        level: trace, debug, info, warn or error.
        as_json: each message as a line of JSON (`docs/progress.md`) instead of text for people.
    """
    logging.addLevelName(TRACE, "TRACE")
    handler = _OnStderr()
    handler.setFormatter(_AsJson() if as_json else _Visible("%(levelname)s %(message)s"))
    logger = logging.getLogger("altlas_runner")
    logger.handlers = [handler]
    logger.setLevel(_LEVELS[level])


class _OnStderr(logging.Handler):
    """Writes to what stderr is now: while a display is drawn, to the lines above it."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(self.format(record) + "\n")
            sys.stderr.flush()
        except Exception:
            self.handleError(record)


class _Visible(logging.Formatter):
    """Messages name tasks, and quote services: nothing in them may steer the terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record))


class _AsJson(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = rfc3339(datetime.fromtimestamp(record.created, UTC))
        message = as_json_text(super().format(record))
        return json_line({"event": "log", "at": at, "level": record.levelname.lower(), "message": message})

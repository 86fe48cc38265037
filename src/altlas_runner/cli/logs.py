"""Logging of the commands: the standard library's, on stderr."""

from __future__ import annotations

import logging

__all__ = ["TRACE", "set_up_logging"]

TRACE = 5
_LEVELS = {
    "trace": TRACE,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}


def set_up_logging(level: str) -> None:
    """Show the library's messages from this level on: trace, debug, info, warn or error."""
    logging.addLevelName(TRACE, "TRACE")
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    logger = logging.getLogger("altlas_runner")
    logger.handlers = [handler]
    logger.setLevel(_LEVELS[level])

"""The library's log: its finest level, and the filter that keeps secrets out of it while a run goes on."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from altlas_runner.redaction import Redactor

__all__ = ["HANDLERS", "TRACE", "redacted"]

TRACE = 5
"""Below debug: also what is sent and what comes back."""

HANDLERS = "altlas_runner.handlers"
"""The name of the logger on which handlers log."""

_LOGGERS = (logging.getLogger("altlas_runner"), logging.getLogger(HANDLERS))  # one asks nobody's filters but its own


@contextmanager
def redacted(redactor: Redactor) -> Iterator[None]:
    """The block during which no record of the library's loggers shows these secrets, whoever handles it."""
    if not redactor:
        yield
        return
    cleaning = _Cleaning(redactor)
    for logger in _LOGGERS:
        logger.addFilter(cleaning)
    try:
        yield
    finally:
        for logger in _LOGGERS:
            logger.removeFilter(cleaning)


class _Cleaning(logging.Filter):
    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self._redactor.text(record.getMessage()), None
        if record.exc_info:
            record.exc_text = self._redactor.text(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        return True

"""An `AltFile` as JSON text: what is written can be read again, or is not written."""

from __future__ import annotations

from typing import Any

from pydantic_core import PydanticSerializationError

from altlas_runner.alt_file.diagnostics import Diagnostic, Path, json_pointer, sort_by_position
from altlas_runner.alt_file.json_text import numbers_out_of_range, read_json
from altlas_runner.alt_file.models import AltFile
from altlas_runner.errors import AltFormatError

__all__ = ["as_json_text"]

_MOST_LEVELS = 200
_DEEP_LINE = b"\n" + 2 * _MOST_LEVELS * b" "  # two for each level; no text holds a line feed
_LONGEST_PATH = 6


def as_json_text(alt_file: AltFile) -> bytes:
    """Exactly the fields that were set, unknown ones included.

    Raises:
        AltFormatError: the file holds what JSON cannot say, put there by a program; or values so deep that the text
            could not be read again: translating and merging put values deeper than they were written.
    """
    try:
        content = alt_file.model_dump_json(indent=2, exclude_unset=True, warnings=False).encode() + b"\n"
    except (PydanticSerializationError, ValueError) as error:
        message = f"the file holds a value that JSON cannot say: {error}"
        raise AltFormatError([Diagnostic("ALT303", message)]) from error
    if _DEEP_LINE in content:
        path = _too_deep(alt_file.model_dump(exclude_unset=True))
        if path is not None:
            message = f"written as plain ALT, values are nested more than {_MOST_LEVELS} levels deep: "
            message += "the file could not be read again"
            help_text = "nest this less, or keep it as text"
            raise AltFormatError([Diagnostic("ALT306", message, json_pointer(path[:_LONGEST_PATH]), help=help_text)])
    document = read_json(content)
    diagnostics = sort_by_position(document, numbers_out_of_range(document))
    if diagnostics:
        raise AltFormatError(diagnostics)
    return content


def _too_deep(document: Any) -> Path | None:
    """The path to the first array or object that is on a level too many."""
    waiting: list[tuple[Path, Any]] = [((), document)]
    while waiting:
        path, value = waiting.pop()
        if value and isinstance(value, (dict, list)):  # an empty one is no level to the reader
            if len(path) >= _MOST_LEVELS:
                return path
            items = value.items() if isinstance(value, dict) else enumerate(value)
            waiting.extend(((*path, key), item) for key, item in items if isinstance(item, (dict, list)))
    return None

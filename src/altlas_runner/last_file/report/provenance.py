"""Where a LAST file comes from, as far as it says so itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from altlas_runner.last_file.report.formats import format_time
from altlas_runner.last_file.visible_text import shortened

if TYPE_CHECKING:
    from altlas_runner.last_file.models import LastFile

__all__ = ["alt_file_path", "has_journal", "provenance_of", "warnings_of"]

_NAME_LENGTH, _FACT_LENGTH = 60, 800
_MAX_FACTS, _MAX_WARNINGS = 40, 50

_NAMES = {
    "alt_file_path": "ALT file path",
    "alt_file_sha256": "ALT file SHA-256",
    "command": "Command",
    "host": "Host",
    "altlas_runner": "altlas_runner version",
    "python": "Python version",
}


def provenance_of(last_file: LastFile) -> list[tuple[str, str]]:
    """Names and values: ids, times, versions, and what the runner noted under `metadata.runner.provenance`."""
    selection = _runner(last_file).get("selection")
    facts: dict[str, str] = {
        "LAST file": last_file.id,
        "ALT file": last_file.alt_file_id,
        "Mode": last_file.mode,
        "Persona": last_file.persona or "",
        "Started": format_time(last_file.execution_started),
        "Ended": format_time(last_file.execution_completed),
        "Selected tasks": json.dumps(selection, ensure_ascii=False) if isinstance(selection, list) else "",
        "LAST format": last_file.version,
    }
    for place in ("versions", "provenance"):
        noted = _runner(last_file).get(place)
        if isinstance(noted, dict):
            facts |= {_NAMES.get(n, str(n)): str(v) for n, v in list(noted.items())[:_MAX_FACTS] if n != "last_format"}
    return [(shortened(name, _NAME_LENGTH), shortened(fact, _FACT_LENGTH)) for name, fact in facts.items() if fact]


def alt_file_path(last_file: LastFile) -> str | None:
    """The path of the ALT file as the run was given it, when that was noted."""
    noted = _runner(last_file).get("provenance")
    path = noted.get("alt_file_path") if isinstance(noted, dict) else None
    return path if isinstance(path, str) else None


def has_journal(last_file: LastFile) -> bool:
    """Whether the run wrote a journal, so that it can be resumed."""
    return _runner(last_file).get("journal") is True


def warnings_of(last_file: LastFile) -> list[str]:
    """What the runner warned of."""
    found = _runner(last_file).get("warnings")
    if not isinstance(found, list):
        return []
    return [shortened(text, _FACT_LENGTH) for text in found[:_MAX_WARNINGS] if isinstance(text, str)]


def _runner(last_file: LastFile) -> dict[str, Any]:
    runner = last_file.metadata.get("runner")
    return runner if isinstance(runner, dict) else {}

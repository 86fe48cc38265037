"""Diagnostics for other programs: JSON, the annotations of GitHub, SARIF 2.1.0. Pure."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from altlas_runner import __version__
from altlas_runner.alt_file import Diagnostic, Related
from altlas_runner.alt_file.code_pages import code_page
from altlas_runner.alt_file.diagnostics import CODES
from altlas_runner.cli.diagnostics import Checked
from altlas_runner.cli.source_lines import SourceLines

__all__ = ["as_github", "as_json", "as_sarif"]

_SARIF_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def as_json(files: Sequence[Checked]) -> str:
    """One array of the diagnostics of all files, each with its `file`; ASCII, so that any stream can take it."""
    rows = [{"file": file.name, **diagnostic.to_dict()} for file in files for diagnostic in file.diagnostics]
    return json.dumps(rows, indent=2) + "\n"


def as_github(files: Sequence[Checked]) -> str:
    """One workflow command for each diagnostic, which GitHub shows beside the line in a pull request."""
    rows = []
    for file in files:
        lines = SourceLines(file.text, file.diagnostics)
        for diagnostic in file.diagnostics:
            properties = {"file": file.name}
            if diagnostic.line is not None:
                span = lines.span_of(diagnostic)
                properties |= {"line": str(diagnostic.line), "col": str(diagnostic.column)}
                properties |= {"endColumn": str(span[2])} if span else {}  # the last column, not the one behind it
            properties["title"] = diagnostic.code
            listed = ",".join(f"{key}={_escaped(value, ':,')}" for key, value in properties.items())
            help_text = f"\n{diagnostic.help}" if diagnostic.help else ""
            rows.append(f"::{diagnostic.severity} {listed}::{_escaped(diagnostic.message + help_text)}\n")
    return "".join(rows)


def as_sarif(files: Sequence[Checked]) -> str:
    """One SARIF log with one run; its rules are the codes that were found, with their pages as help."""
    codes = sorted({diagnostic.code for file in files for diagnostic in file.diagnostics})
    rules = [
        {
            "id": code,
            "shortDescription": {"text": CODES[code]},
            "help": {"text": code_page(code), "markdown": code_page(code)},
            "defaultConfiguration": {"level": Diagnostic(code, "").severity},
        }
        for code in codes
    ]
    index_of = {code: index for index, code in enumerate(codes)}
    results = []
    for file in files:
        lines = SourceLines(file.text, file.diagnostics)
        results += [_result(diagnostic, file, lines, index_of[diagnostic.code]) for diagnostic in file.diagnostics]
    log = {
        "$schema": _SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "altlas-runner", "semanticVersion": __version__, "rules": rules}},
                "columnKind": "unicodeCodePoints",
                "results": results,
            }
        ],
    }
    return json.dumps(log, indent=2) + "\n"


def _result(diagnostic: Diagnostic, file: Checked, lines: SourceLines, rule: int) -> dict[str, Any]:
    help_text = f" Help: {diagnostic.help}" if diagnostic.help else ""
    result: dict[str, Any] = {
        "ruleId": diagnostic.code,
        "ruleIndex": rule,
        "level": diagnostic.severity,
        "message": {"text": diagnostic.message + help_text},
        "locations": [_location(diagnostic, file, lines.span_of(diagnostic))],
    }
    if diagnostic.related:
        result["relatedLocations"] = [
            {
                "id": number,
                "message": {"text": related.message},
                **_location(related, file, lines.span(related.line, related.column)),
            }
            for number, related in enumerate(diagnostic.related, start=1)
        ]
    return result


def _location(place: Diagnostic | Related, file: Checked, span: tuple[str, int, int] | None) -> dict[str, Any]:
    physical: dict[str, Any] = {"artifactLocation": {"uri": _uri(file.name)}}
    if place.line is not None:
        physical["region"] = {"startLine": place.line, "startColumn": place.column}
        if span is not None:
            physical["region"]["endColumn"] = span[2] + 1
    location: dict[str, Any] = {"physicalLocation": physical}
    if place.path:
        location["logicalLocations"] = [{"fullyQualifiedName": place.path}]
    return location


def _uri(name: str) -> str:
    """A file name as a URI: relative to wherever the command was given, or absolute."""
    path = Path(name)
    return path.as_uri() if path.is_absolute() else quote(os.fsencode(path))


def _escaped(text: str, also: str = "") -> str:
    for char in "%\r\n" + also:
        text = text.replace(char, f"%{ord(char):02X}")
    return text

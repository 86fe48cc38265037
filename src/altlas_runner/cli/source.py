"""Where commands get an ALT file from: a path, or `-` for stdin."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from altlas_runner.alt_file import AltFile, AltParser, Limits
from altlas_runner.cli.diagnostics import STDIN, Checked
from altlas_runner.errors import AltParseError, ConfigurationError

__all__ = ["UnusableFileError", "kept_stdin", "parse_source", "parser_with_schema", "read_source"]

_KEPT = "altlas_runner.stdin"


class UnusableFileError(AltParseError):
    """An ALT file that a command was given cannot be used; unlike other such errors it knows which file that is.

    Attributes:
        checked: the file and why it cannot be used, ready to be printed.
    """

    def __init__(self, checked: Checked) -> None:
        self.checked = checked
        super().__init__(checked.diagnostics)


def parser_with_schema(schema: Path | None) -> AltParser:
    """A parser that also checks against the JSON Schema in this file, if any.

    Raises:
        ConfigurationError: the schema cannot be read or is none.
    """
    if schema is None:
        return AltParser()
    try:
        document: Any = json.loads(schema.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"the schema {schema} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"the schema {schema} is not JSON: {error}") from error
    try:
        return AltParser().with_schema(document)
    except AltParseError as error:
        raise ConfigurationError(f"{schema}: {error.diagnostics[0].message}") from error


def read_source(alt_file: Path) -> Path | bytes:
    """What the parser is given: the path itself, or the bytes of stdin, which are kept until the command ends."""
    content = kept_stdin(alt_file)
    return alt_file if content is None else content


def kept_stdin(alt_file: Path) -> bytes | None:
    """The bytes of stdin if that is what is meant, however often it is asked for; None for a path."""
    if alt_file != STDIN:
        return None
    kept = click.get_current_context().meta
    if _KEPT not in kept:
        if sys.stdin is None:  # closed by whoever started the command
            raise ConfigurationError("there is no stdin to read from")
        kept[_KEPT] = sys.stdin.buffer.read(Limits().size_bytes + 1)
    content: bytes = kept[_KEPT]
    return content


def parse_source(parser: AltParser, alt_file: Path) -> AltFile:
    """Parse a path or stdin; what comes from stdin is YAML unless it begins like a JSON object.

    Raises:
        UnusableFileError: it cannot be used.
    """
    source = read_source(alt_file)
    try:
        if isinstance(source, Path):
            return parser.parse_from_path(source)
        return parser.parse_from_string(source, is_yaml=not source.lstrip().startswith(b"{"))
    except AltParseError as error:
        raise UnusableFileError(Checked.read(alt_file, error.diagnostics, kept_stdin(alt_file))) from error

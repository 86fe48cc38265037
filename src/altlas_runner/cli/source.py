"""Where commands get an ALT file from: a path, or `-` for stdin."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from altlas_runner.alt_file import AltFile, AltParser
from altlas_runner.errors import ConfigurationError

__all__ = ["parse_source", "parser_with_schema", "read_source"]

_STDIN = Path("-")


def parser_with_schema(schema: Path | None) -> AltParser:
    """A parser that also checks against the JSON Schema in this file, if any.

    Raises:
        ConfigurationError: the schema cannot be read or is not JSON.
    """
    if schema is None:
        return AltParser()
    try:
        document: Any = json.loads(schema.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"the schema {schema} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigurationError(f"the schema {schema} is not JSON: {error}") from error
    return AltParser().with_schema(document)


def read_source(alt_file: Path) -> Path | bytes:
    """What the parser is given: the path itself, or the bytes of stdin."""
    return sys.stdin.buffer.read() if alt_file == _STDIN else alt_file


def parse_source(parser: AltParser, alt_file: Path) -> AltFile:
    """Parse a path or stdin."""
    source = read_source(alt_file)
    return parser.parse_from_string(source) if isinstance(source, bytes) else parser.parse_from_path(source)

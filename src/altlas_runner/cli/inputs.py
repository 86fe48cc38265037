"""The values that a run is given for `${{ inputs.<name> }}`: from the command line and from a file."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from altlas_runner.alt_file.diagnostics import Diagnostic, quoted
from altlas_runner.alt_file.json_text import encoding_problem, numbers_out_of_range, read_json, syntax_problem
from altlas_runner.alt_file.yaml_text import YamlError, read_yaml
from altlas_runner.errors import ConfigurationError

__all__ = ["read_inputs", "refuse_stdin_twice"]

_STDIN = Path("-")
_YAML_SUFFIXES = (".yaml", ".yml")


def read_inputs(pairs: Sequence[str], file: Path | None) -> dict[str, Any]:
    """The inputs by name.

    Args:
        pairs: `name=value`; the value is text. They win over the file, and the last over the first.
        file: an object in JSON, or in YAML when its name ends in .yaml or .yml; types are kept. `-` is stdin.

    Raises:
        ConfigurationError: a pair has no name or no `=`, or the file cannot be used.
    """
    inputs = {} if file is None else _read(file)
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise ConfigurationError(f"--input {quoted(pair)}: write it as name=value")
        inputs[name] = value
    return inputs


def refuse_stdin_twice(alt_file: Path | None, input_file: Path | None) -> None:
    """Refuse that both files are stdin.

    Raises:
        ConfigurationError: they are.
    """
    if alt_file == input_file == _STDIN:
        raise ConfigurationError("only one of ALT_FILE and --input-file can be - (stdin)")


def _read(file: Path) -> dict[str, Any]:
    try:
        content = sys.stdin.buffer.read() if file == _STDIN else file.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigurationError(f"the inputs {file} cannot be read: {reason}") from error
    problem = encoding_problem(content)
    if problem is not None:
        raise _unusable(file, problem)
    try:
        inputs = read_yaml(content.decode()) if file.suffix.lower() in _YAML_SUFFIXES else read_json(content)
    except YamlError as error:
        raise _unusable(file, error.diagnostic) from error
    except ValueError as error:
        raise _unusable(file, syntax_problem(content)) from error
    for _, problem in numbers_out_of_range(inputs):
        raise _unusable(file, problem)
    if not isinstance(inputs, dict):
        raise ConfigurationError(f"the inputs {file} must be an object: a value for each name")
    return inputs


def _unusable(file: Path, problem: Diagnostic) -> ConfigurationError:
    place = f", line {problem.line}, column {problem.column}" if problem.line else ""
    return ConfigurationError(f"the inputs {file}{place}: {problem.message}")

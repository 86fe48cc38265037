"""A JSON Schema that somebody asks their ALT files to satisfy, beyond what every ALT file must."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path as FilePath
from typing import Any

from altlas_runner.alt_file.diagnostics import Diagnostic, Found, found_at, json_pointer
from altlas_runner.errors import AltIoError, AltSchemaError

__all__ = ["SchemaCheck"]

_LONGEST_MESSAGE = 300


class SchemaCheck:
    """A JSON Schema (draft 2020-12 unless its `$schema` says otherwise), ready to be applied.

    References lead to the schema itself and to the standard's own schemas; nothing is fetched.

    Raises:
        AltSchemaError: it is no JSON Schema.
        AltIoError: it is a path, and there is no such file.
    """

    def __init__(self, schema: Mapping[str, Any] | str | os.PathLike[str]) -> None:
        from jsonschema import Draft202012Validator
        from jsonschema.exceptions import SchemaError
        from jsonschema.validators import validator_for
        from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped] # ships no types

        content = dict(schema) if isinstance(schema, Mapping) else _read(FilePath(schema))
        if not isinstance(content, dict):
            raise _unusable("a schema is an object")
        kind = validator_for(content, default=Draft202012Validator)
        try:
            kind.check_schema(content)
        except SchemaError as error:
            raise _unusable(f"{error.message} (at {error.json_path} of the schema)") from error
        except Exception as error:  # what a schema can break is open-ended: a pattern, a nesting, a reference
            raise _unusable(str(error)) from error
        self._validator = kind(content, registry=REGISTRY)

    def violations(self, document: Any) -> Iterator[Found]:
        """Every place where the document does not satisfy the schema.

        Raises:
            AltSchemaError: the schema cannot be applied: a reference leads nowhere or in circles, a pattern is broken.
        """
        try:
            for error in self._validator.iter_errors(document):
                message = f"against the schema: {_shortened(error.message)}"
                help_text = f"mend this, or the rule {json_pointer(error.absolute_schema_path)} of the schema"
                yield found_at(tuple(error.absolute_path), "ALT305", message, help=help_text)
        except Exception as error:  # as above; the validator meets such faults only where it gets to them
            raise _unusable(str(error) or type(error).__name__) from error


def _read(path: FilePath) -> Any:
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise AltIoError([Diagnostic("ALT301", f"the schema {path} cannot be read: {error.strerror}")]) from error
    except (ValueError, RecursionError) as error:
        raise _unusable(f"{path} is not JSON: {error}") from error


def _unusable(reason: str) -> AltSchemaError:
    return AltSchemaError(
        [
            Diagnostic(
                "ALT305",
                f"the schema given to with_schema cannot be used: {_shortened(reason)}",
                help="mend the schema; the ALT file was not looked at",
            )
        ]
    )


def _shortened(text: str) -> str:
    shown = " ".join(text.split())
    return shown if len(shown) <= _LONGEST_MESSAGE else shown[: _LONGEST_MESSAGE - 1] + "…"

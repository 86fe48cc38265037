"""A JSON Schema that somebody asks their ALT files to satisfy, beyond what every ALT file must."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any

from altlas_runner.alt_file.diagnostics import Diagnostic, Found, found_at, json_pointer
from altlas_runner.errors import AltIoError, AltSchemaError

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

__all__ = ["Keyword", "SchemaCheck", "validator_of"]

Keyword = Callable[[Any, Any, Any, Any], Iterator[Any] | None]
"""Checks a keyword, given a validator, the keyword's value, the instance and the schema around it; gives the errors."""

_LONGEST_MESSAGE = 300


class SchemaCheck:
    """A JSON Schema (draft 2020-12 unless its `$schema` says otherwise), ready to be applied.

    References lead to the schema itself and to the standard's own schemas; nothing is fetched.

    Raises:
        AltSchemaError: it is no JSON Schema.
        AltIoError: it is a path, and there is no such file.
    """

    def __init__(self, schema: Mapping[str, Any] | str | os.PathLike[str]) -> None:
        content = dict(schema) if isinstance(schema, Mapping) else _read(FilePath(schema))
        try:
            self._validator = validator_of(content)
        except ValueError as error:
            raise _unusable(str(error)) from error

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


def validator_of(
    schema: Any,
    adapted: Callable[[str, Keyword], Keyword] | None = None,
    on_part: Callable[[], None] | None = None,
) -> Validator:
    """What checks documents against a schema. References lead to the schema itself and to the standard's own schemas.

    Args:
        schema: draft 2020-12 unless its `$schema` says otherwise.
        adapted: gives the function that checks a keyword instead of the usual one, for its name and the usual one. It
            is used for the schema itself, too, and wherever a part of it names another `$schema`.
        on_part: called with it whenever a part of a schema is turned to, such as behind a reference; may raise.

    Raises:
        ValueError: it is no JSON Schema; the message says why.
    """
    import attrs
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend, validator_for
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped] # ships no types

    if not isinstance(schema, dict):
        raise ValueError("a schema is an object")  # noqa: TRY004 - one kind of error for whatever is wrong with it
    kind = validator_for(schema, default=Draft202012Validator)
    metaschema, formats = kind.META_SCHEMA, kind.FORMAT_CHECKER
    if adapted is not None:
        kind = extend(kind, {name: adapted(name, usual) for name, usual in kind.VALIDATORS.items()})  # type: ignore[no-untyped-call]

        def evolve(validator: Any, **changes: Any) -> Any:
            if on_part is not None:
                on_part()
            return attrs.evolve(validator, **changes)  # its own would return to the usual functions at every `$schema`

        kind.evolve = evolve
    try:
        found = next(kind(metaschema, registry=REGISTRY, format_checker=formats).iter_errors(schema), None)
    except Exception as error:  # what a schema can break is open-ended: a pattern, a nesting, a reference
        raise ValueError(str(error)) from error
    if found is not None:
        raise ValueError(f"{found.message} (at {found.json_path} of the schema)") from found
    return kind(schema, registry=REGISTRY)


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

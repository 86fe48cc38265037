"""`AltParser`: from a path or a text to an `AltFile`, or to every reason why not."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from pydantic import ValidationError
from pydantic_core import to_json

from altlas_runner.alt_file.diagnostics import Diagnostic, Found, sort_by_position
from altlas_runner.alt_file.explanation import explain
from altlas_runner.alt_file.json_text import (
    duplicate_keys,
    encoding_problem,
    numbers_out_of_range,
    read_json,
    syntax_problem,
)
from altlas_runner.alt_file.limits import Limits
from altlas_runner.alt_file.merging import merge
from altlas_runner.alt_file.models import AltFile, as_document
from altlas_runner.alt_file.positions import with_positions
from altlas_runner.alt_file.references import may_hold_references
from altlas_runner.alt_file.saving import as_json_text
from altlas_runner.alt_file.schema_check import SchemaCheck
from altlas_runner.alt_file.segmentation import Segmentation, is_segmentation
from altlas_runner.alt_file.validator import Look, look_at
from altlas_runner.alt_file.wrong_types import explain_wrong_types
from altlas_runner.alt_file.yaml_text import YamlError, duplicate_yaml_keys, read_yaml
from altlas_runner.atomic_file import write_atomically
from altlas_runner.collector import collector_paused
from altlas_runner.errors import (
    AltFormatError,
    AltIoError,
    AltJsonError,
    AltParseError,
    AltSchemaError,
    AltValidationError,
)

__all__ = ["AltParser"]

_YAML_SUFFIXES = (".yaml", ".yml")
_YAML_BEGINNING = re.compile(rb"(?:\s|#[^\n]*\n|%[^\n]*\n|---[ \t]*\n)*[A-Za-z_\"'][^\n:]*:(?:\s|$)")


@dataclass(frozen=True, slots=True)
class AltParser:
    """Reads, checks and writes ALT files. A parser never changes: each `with_…` gives a new one.

    Every problem of a file is reported at once, by an exception whose `diagnostics` hold all errors and warnings.

    Attributes:
        default_dir: where relative paths are looked up; None is the current directory.
        strict_validation: whether errors of meaning (such as a circular dependency) raise. Wrong types always do.
        schema_check: a JSON Schema that files must satisfy as well, or None.
        limits: how large files may be.

    Example:
        >>> alt = AltParser().parse_from_string('{"id": "f", "title": "t", "tasks": [{"id": "a", "description": "d"}]}')
        >>> [task.id for task in alt.tasks]
        ['a']
    """

    default_dir: Path | None = None
    strict_validation: bool = True
    schema_check: SchemaCheck | None = None
    limits: Limits = field(default_factory=Limits)

    def with_schema(self, schema: Mapping[str, Any] | str | os.PathLike[str]) -> AltParser:
        """A parser that also checks documents, as they are written, against a JSON Schema or the file of one.

        Raises:
            AltSchemaError: it is no JSON Schema.
            AltIoError: its file cannot be read.
        """
        return replace(self, schema_check=SchemaCheck(schema))

    def with_default_dir(self, path: str | os.PathLike[str]) -> AltParser:
        """A parser that looks relative paths up in this directory."""
        return replace(self, default_dir=Path(path))

    def with_strict_validation(self, strict: bool) -> AltParser:
        """A parser that raises on errors of meaning, or does not; running such a file is refused later."""
        return replace(self, strict_validation=strict)

    def with_limits(self, limits: Limits) -> AltParser:
        """A parser that refuses larger files than these limits allow (ALT306)."""
        return replace(self, limits=limits)

    def parse_from_path(self, path: str | os.PathLike[str]) -> AltFile:
        """Read a file: YAML when its name ends in .yaml or .yml, else JSON.

        Raises:
            AltIoError: it cannot be read.
            AltParseError: as `parse_from_string`.
        """
        return self._parse(*self._read(path))

    def parse_from_string(self, text: str | bytes, *, is_yaml: bool = False) -> AltFile:
        """Read JSON text, or YAML text: when told so, or when no JSON document begins as it does.

        Raises:
            AltJsonError: it is not JSON.
            AltFormatError: it is empty, or has wrong types or missing fields, or is over a limit.
            AltSchemaError: it violates the schema given.
            AltValidationError: it has errors of meaning, and the parser is strict.
        """
        content = _as_bytes(text)
        self._check_size(content)
        return self._parse(*_as_json_and_yaml(content, is_yaml=is_yaml or _looks_like_yaml(content)))

    def validate(
        self, alt_file_or_text: AltFile | str | bytes | Path, inputs: Mapping[str, Any] | None = None
    ) -> list[Diagnostic]:
        """Everything that is wrong or doubtful in a file or its text, in the order of position; empty when it is fine.

        A `Path` is read as by `parse_from_path`; a str is text, JSON or YAML. In a text keys that stand twice are found
        as well, and every diagnostic has its line and column. This never raises for anything that a file can hold.

        References to inputs are looked at when `inputs` are given.
        """
        try:
            if isinstance(alt_file_or_text, AltFile):
                content, yaml = as_json_text(alt_file_or_text), None
            elif isinstance(alt_file_or_text, Path):
                content, yaml = self._read(alt_file_or_text)
            else:
                content = _as_bytes(alt_file_or_text)
                self._check_size(content)
                content, yaml = _as_json_and_yaml(content, is_yaml=_looks_like_yaml(content))
            with collector_paused():
                read = _read_models(content)
                if isinstance(read, AltFile) and (too_many := self.limits.count_problems(read, len(content))):
                    return _positioned(too_many, content, yaml)
                document, found = self._problems(content, read, inputs)
                found += duplicate_keys(content) if yaml is None else duplicate_yaml_keys(yaml.decode())
                diagnostics = sort_by_position(document, found)
                return diagnostics if isinstance(alt_file_or_text, AltFile) else _positioned(diagnostics, content, yaml)
        except AltParseError as error:
            return error.diagnostics

    def save_to_path(self, alt_file: AltFile, path: str | os.PathLike[str]) -> None:
        """Write a file as JSON, whole or not at all: exactly the fields that were set, unknown ones included.

        Raises:
            AltIoError: it cannot be written.
            AltFormatError: it holds what JSON cannot say, or what would be too deep to be read again.
        """
        content = as_json_text(alt_file)
        place = self._place(path)
        try:
            write_atomically(place, content)
        except (OSError, ValueError) as error:
            raise _io_error("written", place, error) from error

    def merge_alt_files(self, files: Iterable[AltFile], title: str) -> AltFile:
        """One file with the tasks of all these files, under a new id; the files themselves stay as they are.

        When a file has a task id that an earlier one has, its task becomes `<file index>_<id>`, the index counted from
        0 (with `_2`, `_3`, … behind it where any file has that id), and every dependency and output reference of that
        file follows. A task without a priority takes its file's along. The metadata names the source files.

        Raises:
            AltFormatError: there are no files.
        """
        return merge(files, title, new_id=str(uuid4()), created_at=datetime.now(UTC))

    def _read(self, path: str | os.PathLike[str]) -> tuple[bytes, bytes | None]:
        """The JSON text of a file, and its YAML text where that is how it is written."""
        place = self._place(path)
        try:
            with place.open("rb") as file:
                content = file.read(self.limits.size_bytes + 1)
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            raise _io_error("read", place, error) from error
        self._check_size(content)
        return _as_json_and_yaml(content, is_yaml=place.suffix.lower() in _YAML_SUFFIXES)

    def _check_size(self, content: bytes) -> None:
        problem = self.limits.size_problem(len(content))
        if problem is not None:
            raise AltFormatError([problem])

    def _place(self, path: str | os.PathLike[str]) -> Path:
        return Path(path) if self.default_dir is None else self.default_dir / path

    def _parse(self, content: bytes, yaml: bytes | None) -> AltFile:
        with collector_paused():
            read = _read_models(content)
            look = None
            if isinstance(read, AltFile):
                too_many = self.limits.count_problems(read, len(content))
                if too_many:
                    raise AltFormatError(_positioned(too_many, content, yaml))
                look = look_at(read, may_refer=may_hold_references(content))
                if look.is_sound and self.schema_check is None:
                    return read
            document, found = self._problems(content, read, look=look)
            codes = {diagnostic.code for _, diagnostic in found if diagnostic.severity == "error"}
            if any(self.strict_validation or code.startswith("ALT3") for code in codes):
                diagnostics = _positioned(sort_by_position(document, found), content, yaml)
                raise _error_class(codes)(diagnostics) from (read if isinstance(read, ValidationError) else None)
            if isinstance(read, AltFile):
                return read
            alt_file = Segmentation(document).to_alt_file()
            if too_many := self.limits.count_problems(alt_file, len(content)):
                raise AltFormatError(_positioned([replace(each, path="/segments") for each in too_many], content, yaml))
            return alt_file

    def _problems(
        self,
        content: bytes,
        read: AltFile | ValidationError,
        inputs: Mapping[str, Any] | None = None,
        *,
        look: Look | None = None,
    ) -> tuple[Any, list[Found]]:
        """The document, and all that is wrong with it, beginning with what a look has told already.

        It is read again as it is written, because now there is time, unless the models hold all there is to look at.
        """
        if isinstance(read, AltFile) and self.schema_check is None:
            document: Any = as_document(read)
        else:
            try:
                document = read_json(content)
            except ValueError as error:
                problem = syntax_problem(content)
                raise _error_class({problem.code})([problem]) from error
        found = [] if look is not None and look.is_finite else list(numbers_out_of_range(document))
        if is_segmentation(document):
            found += Segmentation(document).problems()
        else:
            if isinstance(read, ValidationError):
                found += explain_wrong_types(read, document)
            wrong: list[Found] | None = None
            if look is not None:
                wrong = look.wrong_references
            elif not may_hold_references(content):
                wrong = []
            found += explain(document, inputs, wrong_references=wrong)
        if self.schema_check is not None:
            found += self.schema_check.violations(document)
        return document, found


def _read_models(content: bytes) -> AltFile | ValidationError:
    """The file, or why its text is none: it is no JSON, or has wrong types."""
    try:
        return AltFile.model_validate_json(content)
    except ValidationError as error:
        return error


def _positioned(diagnostics: list[Diagnostic], content: bytes, yaml: bytes | None) -> list[Diagnostic]:
    """The diagnostics with their places in the text as it is written: this JSON, or this YAML."""
    if not diagnostics:
        return []
    placed = with_positions(diagnostics, (content if yaml is None else yaml).decode(), is_yaml=yaml is not None)
    return sorted(placed, key=lambda diagnostic: (diagnostic.line or 0, diagnostic.column or 0))


def _looks_like_yaml(content: bytes) -> bool:
    """Whether no JSON document begins like this, but a mapping of YAML might."""
    return bool(_YAML_BEGINNING.match(content))


def _error_class(codes: set[str]) -> type[AltParseError]:
    """The error that names the most basic of these problems."""
    if "ALT302" in codes:
        return AltJsonError
    if codes & {"ALT303", "ALT304", "ALT306"}:
        return AltFormatError
    return AltSchemaError if "ALT305" in codes else AltValidationError


def _as_bytes(text: str | bytes) -> bytes:
    if isinstance(text, bytes):
        return text
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        line = text.count("\n", 0, error.start) + 1
        column = error.start - text.rfind("\n", 0, error.start)
        message = f"the text holds half of a character (\\u{ord(text[error.start]):04x})"
        raise AltJsonError([Diagnostic("ALT302", message, line=line, column=column)]) from error


def _as_json_and_yaml(content: bytes, *, is_yaml: bool) -> tuple[bytes, bytes | None]:
    """JSON text of the document, and its YAML text where that is how it is written; a YAML file may be JSON already."""
    if not is_yaml:
        return content, None
    problem = encoding_problem(content)
    if problem is not None:
        raise _error_class({problem.code})([problem])
    if content.lstrip().startswith(b"{"):
        try:
            read_json(content)
        except ValueError:
            pass
        else:
            return content, None
    try:
        return to_json(read_yaml(content.decode()), inf_nan_mode="constants"), content
    except YamlError as error:
        raise _error_class({error.diagnostic.code})([error.diagnostic]) from error


def _io_error(verb: str, path: Path, error: OSError | ValueError) -> AltIoError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return AltIoError([Diagnostic("ALT301", f"{path} cannot be {verb}: {reason}")])

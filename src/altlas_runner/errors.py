"""The whole exception family: everything the library raises derives from `AltlasRunnerError`.

A failed task is never an exception: it is a `TaskResult`. Exceptions here mean that a file could not be understood,
that something is configured wrongly, or that a bundle could not be written or read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from altlas_runner.alt_file.diagnostics import Diagnostic


class AltlasRunnerError(Exception):
    """Base of every error that this library raises."""


class AltParseError(AltlasRunnerError):
    """An ALT file cannot be used; `diagnostics` says where, what and how to mend it.

    Attributes:
        kind: one of io, json, format, schema, validation.
        diagnostics: every problem that was found, in the order of position.
    """

    kind: ClassVar[str] = "format"

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        self.diagnostics: list[Diagnostic] = list(diagnostics)
        super().__init__(self.diagnostics)

    def __str__(self) -> str:
        errors = [d for d in self.diagnostics if d.severity == "error"] or self.diagnostics
        if not errors:
            return f"the ALT file is not usable ({self.kind})"
        lines = [f"{d.code}: {d.message}" + (f" (at {d.path})" if d.path else "") for d in errors[:10]]
        if len(errors) > 10:
            lines.append(f"… and {len(errors) - 10} more")
        return "\n".join(lines)


class AltIoError(AltParseError):
    """The file cannot be read or written."""

    kind = "io"


class AltJsonError(AltParseError):
    """The text is not JSON (or YAML)."""

    kind = "json"


class AltFormatError(AltParseError):
    """The text is JSON, but not an ALT file: a wrong type, a missing field, nothing at all, or over a limit."""

    kind = "format"


class AltSchemaError(AltParseError):
    """The file violates the JSON Schema given with `AltParser.with_schema`."""

    kind = "schema"


class AltValidationError(AltParseError):
    """The file is an ALT file whose content contradicts itself (duplicate ids, cycles, …)."""

    kind = "validation"


class ConfigurationError(AltlasRunnerError):
    """A setting does not fit; the message names the setting and where it came from."""


class HandlerError(AltlasRunnerError):
    """Raised by a handler to fail its attempt with a code of its own, and to say whether another attempt may help.

    Args:
        message: what is wrong, in words.
        error_code: the typed reason in the task's result.
        retry: whether another attempt may help; the task's `retry_count` says how many there may be.
        retry_after: seconds that the next attempt must wait at least, or None.

    Example:
        >>> raise HandlerError("the image is larger than the page", error_code="TOO_LARGE")  # doctest: +SKIP
    """

    def __init__(
        self,
        message: str,
        *,
        error_code: str = "HANDLER_FAILED",
        retry: bool = False,
        retry_after: float | None = None,
    ) -> None:
        self.error_code = error_code
        self.retry = retry
        self.retry_after = retry_after
        super().__init__(message)


class LocalModelError(ConfigurationError):
    """The embedded model cannot be loaded; the message says how to get one."""


class BundleError(AltlasRunnerError):
    """A LAST bundle cannot be read or written.

    Attributes:
        path: the file or directory that was being read or written.
    """

    def __init__(self, path: Path | str, reason: str) -> None:
        self.path = str(path)
        self.reason = reason
        super().__init__(path, reason)

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class JournalError(BundleError):
    """The journal of a run cannot be read or written, is damaged, or another process has the run."""


class IllegalSignalError(AltlasRunnerError):
    """A signal reached the scheduler in a state that does not allow it: a bug in the driver, never in a file."""


class ReferenceNotFoundError(AltlasRunnerError):
    """An output reference leads nowhere. In a run it fails the task that holds it, with the code REFERENCE_NOT_FOUND.

    Attributes:
        code: REFERENCE_NOT_FOUND.
        reference: as it is written.
        place: how far it leads, such as `tasks.fetch.output.items`.
        part: the part that is missing there, such as `[5]`.
        found: what is there instead, in words.
    """

    code: ClassVar[str] = "REFERENCE_NOT_FOUND"

    def __init__(self, reference: str, place: str, part: str, found: str) -> None:
        self.reference = reference
        self.place = place
        self.part = part
        self.found = found
        super().__init__(reference, place, part, found)

    def __str__(self) -> str:
        return f"{self.reference} leads nowhere: {self.place} is {self.found}, so there is no {self.part} in it"

"""Requests read: a body in time and within its size, an ALT file in it or below the directory for files."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from aiohttp import hdrs, web
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from altlas_runner.alt_file import AltFile, AltParser, Diagnostic, validate_alt_file
from altlas_runner.alt_file.diagnostics import quoted
from altlas_runner.alt_file.limits import Limits
from altlas_runner.collector import collector_paused
from altlas_runner.errors import AltIoError, AltParseError
from altlas_runner.last_file.artifacts.places import open_file_below
from altlas_runner.server.config import ServerConfig
from altlas_runner.server.models import RunRequest, ValidateRequest
from altlas_runner.server.problems import Problem

__all__ = ["AltSource", "RequestReader", "bad_file", "placed"]

_YAML_SUFFIXES = (".yaml", ".yml")
_LONG = 64 << 10
"""Bytes of a body or of an ALT file that are not read in the event loop's own thread, and must find room."""

_HELP_WITH_LIMITS = (
    "split it, or have the service take more: serve --max-tasks, --max-dependencies, --max-body-bytes, or the fields "
    "of ServerConfig with these names"
)

M = TypeVar("M", bound=BaseModel)


class AltSource:
    """An ALT file as a request gives it.

    Attributes:
        content: its text.
        path: as it was named, or None.
        is_text: whether lines and columns of `content` mean anything to whoever sent it.
    """

    def __init__(self, content: bytes, path: str | None, *, is_text: bool) -> None:
        self.content = content
        self.path = path
        self.is_text = is_text

    @property
    def is_yaml(self) -> bool:
        """Whether its name says that it is YAML."""
        return self.path is not None and self.path.lower().endswith(_YAML_SUFFIXES)

    def provenance(self) -> dict[str, str]:
        """What the LAST file says of where it comes from."""
        facts = {"alt_file_sha256": hashlib.sha256(self.content).hexdigest(), "via": "http"}
        return facts if self.path is None else facts | {"alt_file_path": self.path}


class RequestReader:
    """Reads the bodies of requests.

    Args:
        config: how long and how large they may be, and where files may be.
    """

    def __init__(self, config: ServerConfig) -> None:
        self._config = config
        self._uploading = 0
        self._turn = asyncio.Lock()
        limits = Limits(config.max_body_bytes, config.max_tasks, config.max_dependencies, _HELP_WITH_LIMITS)
        self._parser = AltParser().with_limits(limits)

    async def model(self, request: web.Request, kind: type[M]) -> M:
        """The body as a model.

        Raises:
            Problem: 400, 408, 413, 415 or 503.
        """
        body = await self._body(request)
        if len(body) > _LONG:
            return await asyncio.to_thread(_validated, kind, body)
        return _validated(kind, body)

    async def alt_file(self, asked: RunRequest) -> tuple[AltFile, AltSource]:
        """The ALT file that a request gives or names, which can be run with its inputs; and where it was.

        Raises:
            Problem: 400 with every diagnostic, or 403.
        """
        try:
            source = await self._source(asked)
        except AltIoError as error:
            raise bad_file(error.diagnostics) from None
        inputs = asked.inputs or {}
        if len(source.content) > _LONG:
            return await asyncio.to_thread(self._checked, source, inputs), source
        async with self._turn:
            await asyncio.sleep(0)  # of many requests at once, one between two looks at everything else
            return self._checked(source, inputs), source

    async def diagnostics(self, asked: ValidateRequest) -> list[Diagnostic]:
        """Everything that is wrong or doubtful in the ALT file that a request gives or names.

        Raises:
            Problem: 403.
        """
        try:
            source = await self._source(asked)
        except AltIoError as error:
            return error.diagnostics
        return placed(await asyncio.to_thread(self._parser.validate, source.content), source)

    async def _source(self, asked: ValidateRequest) -> AltSource:
        if asked.alt_file_path is not None:
            return await asyncio.to_thread(self._read, asked.alt_file_path)
        assert asked.content is not None
        return AltSource(asked.content, None, is_text=isinstance(asked.alt_file_content, str))

    def _checked(self, source: AltSource, inputs: Mapping[str, Any]) -> AltFile:
        try:
            alt_file = self._parser.parse_from_string(source.content, is_yaml=source.is_yaml)
        except AltParseError as error:
            raise bad_file(placed(error.diagnostics, source)) from None
        diagnostics = validate_alt_file(alt_file, inputs)
        if any(diagnostic.severity == "error" for diagnostic in diagnostics):
            raise bad_file(placed(diagnostics, source))
        return alt_file

    async def _body(self, request: web.Request) -> bytes:
        if request.content_type != "application/json" or (request.charset or "utf-8").lower() != "utf-8":
            raise Problem(415, "the body must be JSON in UTF-8 (Content-Type: application/json)")
        if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
            raise Problem(415, "the body must not be compressed")
        most = self._config.max_body_bytes
        if request.content_length is not None and request.content_length > most:
            raise _too_large(most)
        body = bytearray()
        try:
            async with asyncio.timeout(self._config.body_seconds):
                if hdrs.EXPECT in request.headers:
                    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                    request.writer.output_size = 0  # the answer has not begun
                async for chunk in request.content.iter_any():
                    body += chunk
                    self._uploading += len(chunk)
                    if len(body) > most:
                        raise _too_large(most)
                    self._find_room(len(body))
        except TimeoutError:
            problem = Problem(408, f"the body did not come within {self._config.body_seconds:g} s")
            problem.force_close()
            raise problem from None
        except (web.RequestPayloadError, ValueError) as error:  # a broken chunk
            raise Problem(400, "the body is not as its headers say") from error
        finally:
            self._uploading -= len(body)
        return bytes(body)

    def _find_room(self, size: int) -> None:
        """Refuse a long body when those on their way take too much together, unless it is the only one."""
        if size > _LONG and self._uploading > max(size, self._config.max_uploading_bytes):
            problem = Problem(
                503, "too many long bodies are on their way; try again later", headers={"Retry-After": "5"}
            )
            problem.force_close()
            raise problem

    def _read(self, path: str) -> AltSource:
        root = self._config.alt_root
        if root is None:
            raise Problem(403, "alt_file_path is off: this service was given no directory for ALT files (--alt-root)")
        most = self._config.max_body_bytes
        try:
            with os.fdopen(open_file_below(root, path.split("/")), "rb") as file:
                content = file.read(most + 1)
        except (OSError, ValueError) as error:  # ValueError: what no file system can name
            reason = error.strerror if isinstance(error, OSError) and error.strerror else "it cannot be named so"
            if isinstance(error, OSError) and error.errno is None:
                reason = str(error)
            help_text = "give a path relative to the directory for ALT files, without .. and without links on the way"
            raise AltIoError(
                [Diagnostic("ALT301", f"{quoted(path)} cannot be read: {reason}", help=help_text)]
            ) from None
        return AltSource(content, path, is_text=True)


def _validated(kind: type[M], body: bytes) -> M:
    """The body as a model, in steps between which others have their turn: each is quick, also for millions of values.

    Raises:
        Problem: 400.
    """
    with collector_paused():  # what it would do meanwhile takes longest of all
        try:
            value = from_json(body)
        except ValueError as error:
            raise Problem(400, f"the body is not JSON: {error}") from None
        if not isinstance(value, dict):
            raise Problem(400, "the body must be a JSON object")
        try:
            return kind.model_validate(value)
        except ValidationError as error:
            raise Problem(400, _explain(error)) from None


def bad_file(diagnostics: list[Diagnostic]) -> Problem:
    """The refusal of an ALT file."""
    errors = [each for each in diagnostics if each.severity == "error"]
    more = f", and {len(errors) - 1} more errors" if len(errors) > 1 else ""
    text = f"{errors[0].code}: {errors[0].message}{more}" if errors else "the ALT file cannot be used"
    return Problem(400, text, diagnostics=diagnostics)


def placed(diagnostics: list[Diagnostic], source: AltSource) -> list[Diagnostic]:
    """The diagnostics, without places in a text that nobody wrote."""
    if source.is_text:
        return diagnostics
    return [
        replace(each, line=None, column=None, related=tuple(replace(at, line=None, column=None) for at in each.related))
        for each in diagnostics
    ]


def _too_large(most: int) -> Problem:
    problem = Problem(413, f"the body is larger than {most:,} bytes")
    problem.force_close()
    return problem


def _explain(error: ValidationError) -> str:
    """What does not fit, without what was sent."""
    lines = []
    for problem in error.errors(include_input=False, include_url=False, include_context=False)[:10]:
        place = "/".join(str(part) for part in problem["loc"] if part not in ("str", "dict[str,any]"))
        text = problem["msg"].removeprefix("Value error, ").replace("a valid dictionary", "an object")
        lines.append(f"{place[:200]}: {text}" if place else text)
    return "; ".join(dict.fromkeys(lines))

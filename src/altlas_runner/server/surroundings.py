"""Whether what runs need around them is there: the AI service, and room for bundles. Looked at now and then."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Generic, TypeVar
from urllib.parse import urlsplit

from altlas_runner.config import RunnerConfig
from altlas_runner.server.models import AiServiceState

__all__ = ["Surroundings"]

_LOOK_AGAIN_SECONDS = 5.0
_CONNECT_SECONDS = 2.0
_SMALL_BUNDLE_BYTES = 256 << 10

T = TypeVar("T")


class Surroundings:
    """Looks at most every few seconds, however many ask.

    Args:
        config: of the runs.
    """

    def __init__(self, config: RunnerConfig) -> None:
        self._config = config
        self._ai_service = _Recent(self._reach)
        self._problem_of_output = _Recent(self._try_to_write)

    async def ai_service(self) -> AiServiceState:
        """Whether the AI service can be reached; nothing is asked of it."""
        return await self._ai_service.value()

    async def problem_of_output(self) -> str | None:
        """Why no bundle can be written, in words and without a path; None when one can."""
        return await self._problem_of_output.value()

    async def _reach(self) -> AiServiceState:
        config = self._config
        if config.ai_protocol == "local":
            return "embedded"
        if config.ai_proxy is not None:
            return "unknown"
        url = urlsplit(config.ai_service_url)
        port = url.port or (443 if url.scheme == "https" else 80)
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                _, writer = await asyncio.open_connection(url.hostname, port)
        except (OSError, UnicodeError):  # a timeout is an OSError; the other: a host that no resolver takes
            return "unreachable"
        writer.close()
        return "reachable"

    async def _try_to_write(self) -> str | None:
        return await asyncio.to_thread(_write_and_forget, self._config.output_dir)


class _Recent(Generic[T]):
    """What was found a few seconds ago, or is looked for now: once for all who ask, also when they go away."""

    def __init__(self, look: Callable[[], Awaitable[T]]) -> None:
        self._look = look
        self._looking: asyncio.Task[T] | None = None
        self._again_at = 0.0

    async def value(self) -> T:
        loop = asyncio.get_running_loop()
        if self._looking is None or (self._looking.done() and loop.time() >= self._again_at):
            self._looking = loop.create_task(self._look_now())
        return await asyncio.shield(self._looking)

    async def _look_now(self) -> T:
        try:
            return await self._look()
        finally:
            self._again_at = asyncio.get_running_loop().time() + _LOOK_AGAIN_SECONDS


def _write_and_forget(directory: Path) -> str | None:
    """Write as much as a small bundle has into a file without a name; the directory is made, as a run would."""
    try:
        with contextlib.suppress(FileExistsError):
            directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory) as file:
            file.write(bytes(_SMALL_BUNDLE_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return f"bundles cannot be written: {error.strerror or error}"
    return None

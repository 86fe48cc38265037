"""A directory of answers: who asks the same again gets the answer from there, and the service is not asked."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from altlas_runner.ai_service.client import AiServiceClient
from altlas_runner.atomic_file import write_atomically
from altlas_runner.errors import ConfigurationError, ReferenceNotFoundError
from altlas_runner.execution import Outcome, TaskAttempt
from altlas_runner.redaction import Redactor, is_long
from altlas_runner.retrying import RetryPolicy

__all__ = ["CachedAnswers"]

FORMAT = 1
_log = logging.getLogger("altlas_runner")


class CachedAnswers:
    """An executor in front of a client: answers from a directory what was answered before.

    The key of an answer is the SHA-256 of what is sent: the service, its wire format, configured headers and query
    parameters, and the body of the request as it is, also values under key-like names in it: one user's answer is no
    other's. Keys that are configured travel outside the body and are no part of it. An answer that came after a
    complaint about the one before is the answer to the question without the complaint. Errors are never kept, nor is an
    answer that holds a secret. A damaged entry counts as none. A hit takes no tokens and no room in a limit; it stands
    in the result's metadata as `cache`, and is told as progress of the kind `cache_hit`.

    Args:
        client: asks what is not there.
        directory: where the answers are, one file for each; made when the first is written.
        redactor: knows the secrets of the run.
        refresh: whether to ask for everything anew, and replace what is there.
    """

    def __init__(self, client: AiServiceClient, directory: Path, redactor: Redactor, *, refresh: bool = False) -> None:
        self._client = client
        self._directory = directory
        self._redactor = redactor
        self._refresh = refresh

    @property
    def retry_policy(self) -> RetryPolicy:
        """That of the client."""
        return self._client.retry_policy

    async def attempt(self, attempt: TaskAttempt) -> Outcome:
        """Answer from the directory, or ask and keep the answer."""
        try:
            question = await self._client.question(replace(attempt, previous=()))
            key = await asyncio.to_thread(_key, question) if is_long(question) else _key(question)
        except (ConfigurationError, ReferenceNotFoundError, ValueError, TypeError, RecursionError):
            return await self._client.attempt(attempt)  # it says what is wrong
        file = self._directory / key[:2] / f"{key}.json"
        if not self._refresh and (entry := await asyncio.to_thread(_read, file, key)) is not None:
            attempt.emit("cache_hit", {"key": key})
            metadata = {"cache": {"hit": True, "key": key, "stored_at": entry["stored_at"]}}
            return Outcome.completed(entry["output"], metadata=metadata)
        outcome = await self._client.attempt(attempt)
        if outcome.ok:
            try:
                await asyncio.to_thread(self._keep, file, key, outcome.output)
            except (OSError, ValueError, TypeError, RecursionError) as error:
                reason = error.strerror if isinstance(error, OSError) else error
                _log.warning('the answer of task "%s" is not kept in %s: %s', attempt.task.id, file, reason)
        return outcome

    def _keep(self, file: Path, key: str, output: Any) -> None:
        if self._redactor.value(output) is output:
            _write(file, key, output)


def _key(question: Mapping[str, Any]) -> str:
    """The SHA-256 of a question in canonical JSON: sorted keys, no blanks."""
    return sha256(_canonical(question)).hexdigest()


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _write(file: Path, key: str, output: Any) -> None:
    entry = {
        "format": FORMAT,
        "key": key,
        "stored_at": datetime.now(UTC).isoformat(),
        "sha256": sha256(_canonical(output)).hexdigest(),
        "output": output,
    }
    content = json.dumps(entry, allow_nan=False).encode()
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, content)


def _read(file: Path, key: str) -> dict[str, Any] | None:
    """The entry, or None when there is none or it is damaged."""
    try:
        entry: Any = json.loads(file.read_bytes())
        sound = (
            isinstance(entry, dict)
            and (entry.get("format"), entry.get("key")) == (FORMAT, key)
            and isinstance(entry.get("stored_at"), str)
            and entry.get("sha256") == sha256(_canonical(entry["output"])).hexdigest()
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, RecursionError):
        sound = False
    if not sound:
        _log.warning("the cached answer %s is damaged, and ignored", file)
        return None
    return dict(entry)

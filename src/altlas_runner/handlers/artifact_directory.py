"""Where a handler puts its files, and which of them it gives away."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from altlas_runner.errors import HandlerError

__all__ = ["ArtifactDirectory", "temporary_artifacts", "temporary_artifacts_path"]


def temporary_artifacts_path() -> Path:
    """A new name in the system's directory for temporary files; nothing is made there yet."""
    return Path(tempfile.gettempdir(), f"altlas-runner-{uuid4().hex}")


@contextmanager
def temporary_artifacts() -> Iterator[Path]:
    """The same for a block: what was made there is removed at its end. Most handlers make no files, and nothing is."""
    path = temporary_artifacts_path()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


class ArtifactDirectory:
    """The directory of one task for the files it makes. It is made when it is first asked for.

    Args:
        root: the directory in which each task has its own.
        name: of the task's directory.

    Attributes:
        name: as given.

    Example:
        >>> with tempfile.TemporaryDirectory() as place:
        ...     artifacts = ArtifactDirectory(Path(place), "task")
        ...     _ = artifacts.write("notes.txt", "two lines", description="what was seen")
        ...     [artifact["name"] for artifact in artifacts.added]
        ['notes.txt']
    """

    def __init__(self, root: Path, name: str) -> None:
        self.name = name
        self._root = root
        self._added: dict[str, dict[str, Any]] = {}

    @property
    def path(self) -> Path:
        """The directory, made if it is missing; nobody else's files are in it. Attempts of one task share it."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._root / self.name
        path.mkdir(mode=0o700, exist_ok=True)
        return path

    @property
    def added(self) -> list[Mapping[str, Any]]:
        """The files given away so far: `name`, `path` (absolute) and, where said, `mime_type` and `description`."""
        return list(self._added.values())

    def add(
        self, name: str | os.PathLike[str], *, mime_type: str | None = None, description: str | None = None
    ) -> None:
        """Give a file of this directory away: it becomes an artifact of the task when the attempt completes.

        Args:
            name: of the file, relative to the directory, or its absolute path.
            mime_type: of the content; None leaves it to the name and the content.
            description: free text.

        Raises:
            HandlerError: there is no such file, or it is outside the directory.
        """
        found = self.checked({"path": os.fspath(name)})
        if mime_type is not None:
            found["mime_type"] = mime_type
        if description is not None:
            found["description"] = description
        self._added[found["path"]] = found

    def write(
        self, name: str, content: str | bytes, *, mime_type: str | None = None, description: str | None = None
    ) -> Path:
        """Write a file (text as UTF-8) and give it away; returns its path.

        Raises:
            HandlerError: the name leads outside the directory.
        """
        file = self._inside(name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        self.add(file, mime_type=mime_type, description=description)
        return file

    def checked(self, artifact: Mapping[str, Any]) -> dict[str, Any]:
        """The artifact with the absolute `path` of an ordinary file in this directory, and with a `name`.

        Raises:
            HandlerError: there is no such file, or it is outside the directory, also by way of a symbolic link.
        """
        file = self._inside(artifact["path"])
        if not file.is_file():
            raise _refusal(artifact["path"], "there is no such file in the task's artifact directory")
        inside = file.relative_to(self.path.resolve())
        return {"name": inside.as_posix(), **artifact, "path": str(file)}

    def _inside(self, name: Any) -> Path:
        if not isinstance(name, str) or not name or "\0" in name:
            raise _refusal(name, "the name of a file is a text that is not empty")
        root = self.path.resolve()
        file = (root / name).resolve()
        if root not in file.parents:
            raise _refusal(name, "it is outside the task's artifact directory")
        return file


def _refusal(name: object, reason: str) -> HandlerError:
    return HandlerError(f"the file {str(name)[:200]!r} cannot be an artifact: {reason}", error_code="HANDLER_ARTIFACT")

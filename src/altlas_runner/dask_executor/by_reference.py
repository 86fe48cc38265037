"""What is too large for Dask's scheduler travels through a store that the driver and all workers reach.

A store is a directory that they share, or an fsspec URL such as `s3://bucket/prefix`. What stands in it is checked by
its SHA-256 when it is read, and removed as soon as nobody needs it.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

from altlas_runner.errors import AltlasRunnerError

__all__ = ["MOST_INLINE_BYTES", "ReferenceStore", "StoreError", "is_reference"]

MOST_INLINE_BYTES = 1 << 20
"""What is longer than this goes by reference."""

_REFERENCE = "$stored"
_NAME = re.compile(r"[0-9a-f]{32}")
_CHUNK_BYTES = 1 << 20


class StoreError(AltlasRunnerError):
    """The store cannot be used, or has not what it should have; `str()` says what to do."""


def is_reference(value: Any) -> bool:
    """Whether a value is what a store gave for a content."""
    return isinstance(value, dict) and _REFERENCE in value


class ReferenceStore:
    """Contents by reference. Its methods block: call them in a thread.

    Args:
        url: a directory or an fsspec URL; None when there is no store: everything then has to be short.

    Raises:
        StoreError: the URL names a file system that is not installed here.
    """

    def __init__(self, url: str | None) -> None:
        self.url = url if url is None or "://" in url else str(Path(url).absolute())  # workers run elsewhere
        if self.url is None:
            self._root = ""
            return
        import fsspec

        try:
            self._files, self._root = fsspec.core.url_to_fs(self.url)
        except (ImportError, ValueError) as error:
            raise StoreError(f"the store {url} cannot be used here: {error}") from error

    def put(self, content: bytes) -> dict[str, Any]:
        """Keep a content; returns the reference to it, which is JSON.

        Raises:
            StoreError: there is no store, or it cannot be written.
        """
        with self._writing(len(content)) as (name, file):
            file.write(content)
        return _reference(name, len(content), hashlib.sha256(content).hexdigest())

    def put_file(self, path: Path) -> dict[str, Any]:
        """Keep the content of a file.

        Raises:
            StoreError: there is no store, or it cannot be written.
            OSError: the file cannot be read.
        """
        size = path.stat().st_size
        digest = hashlib.sha256()
        with path.open("rb") as source, self._writing(size) as (name, file):
            while chunk := source.read(_CHUNK_BYTES):
                digest.update(chunk)
                file.write(chunk)
        return _reference(name, size, digest.hexdigest())

    def take(self, reference: Mapping[str, Any]) -> bytes:
        """The content of a reference.

        Raises:
            StoreError: it is not there, or is another one.
        """
        with self._reading(reference) as source:
            content: bytes = source.read()
        _check(reference, len(content), hashlib.sha256(content).hexdigest())
        return content

    def take_file(self, reference: Mapping[str, Any], path: Path) -> None:
        """Write the content of a reference into a new file.

        Raises:
            StoreError: it is not there, or is another one; then there is no file.
        """
        digest = hashlib.sha256()
        with self._reading(reference) as source, path.open("xb") as file:
            shutil.copyfileobj(_Seen(source, digest), file, _CHUNK_BYTES)
            size = file.tell()
        try:
            _check(reference, size, digest.hexdigest())
        except StoreError:
            path.unlink()
            raise

    def remove(self, reference: Mapping[str, Any]) -> None:
        """Remove a content; one that is gone already, or cannot be removed, is left."""
        with suppress(Exception):  # each file system has errors of its own, and what stays does no harm
            self._files.rm_file(self._path(reference))

    @contextmanager
    def _writing(self, size: int) -> Iterator[tuple[str, IO[bytes]]]:
        if self.url is None:
            raise StoreError(
                f"{size:,} bytes are too many to go through the scheduler of Dask (at most {MOST_INLINE_BYTES:,}): "
                "name a store that the driver and all workers reach, a shared directory or an fsspec URL "
                "(dask_store, --dask-store)"
            )
        name = uuid4().hex
        try:
            self._files.makedirs(self._root, exist_ok=True)
            with self._files.open(f"{self._root}/{name}", "wb") as file:
                yield name, file
        except Exception as error:  # each file system has errors of its own
            with suppress(Exception):
                self._files.rm_file(f"{self._root}/{name}")
            raise StoreError(f"the store {self.url} cannot be written: {error}") from error

    @contextmanager
    def _reading(self, reference: Mapping[str, Any]) -> Iterator[IO[bytes]]:
        path = self._path(reference)
        try:
            with self._files.open(path, "rb") as file:
                yield file
        except StoreError:
            raise
        except Exception as error:
            raise StoreError(
                f"the store {self.url} cannot be read: {error}; driver and workers must share it"
            ) from error

    def _path(self, reference: Mapping[str, Any]) -> str:
        name = reference.get(_REFERENCE)
        if self.url is None or not isinstance(name, str) or not _NAME.fullmatch(name):
            raise StoreError("a worker sent a reference, but there is no such store")
        return f"{self._root}/{name}"


class _Seen:
    """A source whose content is seen by a digest on its way."""

    def __init__(self, source: IO[bytes], digest: Any) -> None:
        self._source = source
        self._digest = digest

    def read(self, size: int = -1) -> bytes:
        chunk = self._source.read(size)
        self._digest.update(chunk)
        return chunk


def _reference(name: str, size: int, sha256: str) -> dict[str, Any]:
    return {_REFERENCE: name, "size": size, "sha256": sha256}


def _check(reference: Mapping[str, Any], size: int, sha256: str) -> None:
    if reference.get("size") != size or reference.get("sha256") != sha256:
        raise StoreError("what stands in the store is not what was put there")

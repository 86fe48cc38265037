"""One artifact written into a directory: hashed, redacted and compressed on the way, named when it is whole."""

from __future__ import annotations

import gzip
import hashlib
import os
import secrets
import zlib
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from altlas_runner.last_file.artifacts.types import HEAD_LENGTH, is_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from altlas_runner.redaction import Redactor

__all__ = ["CHUNK_LENGTH", "TooLargeError", "Written", "write_content"]

CHUNK_LENGTH = 262_144

_LEAST_COMPRESSED = 128
_WORTH_IT = 0.9
"""Compressed content is kept when it is at most this part of the original."""


class TooLargeError(Exception):
    """The content has more bytes than an artifact may have."""

    def __init__(self, size_bytes: int, limit: int) -> None:
        super().__init__(f"it has {size_bytes:,} bytes or more; an artifact may have {limit:,}")


@dataclass(frozen=True, slots=True)
class Written:
    """A file that was written.

    Attributes:
        name: of the file.
        size_bytes: of the content before compression.
        sha256: of the content before compression.
        head: its first bytes, at most `HEAD_LENGTH`.
        compressed: whether the file is a gzip of the content.
    """

    name: str
    size_bytes: int
    sha256: str
    head: bytes
    compressed: bool


def write_content(
    directory: int,
    name: str,
    chunks: Iterable[bytes],
    *,
    compress: bool,
    most_bytes: int | None,
    redactor: Redactor | None = None,
) -> Written:
    """Write a file that is whole or not there at all.

    Args:
        directory: a descriptor of the directory.
        name: of the file; nothing of this name is there, nor with `.gz` behind it.
        chunks: the content.
        compress: whether a gzip takes the place of the content, with `.gz` behind the name, where that is smaller.
        most_bytes: how large the content may be, or None.
        redactor: removes secrets from content that is text.

    Raises:
        OSError: it cannot be written; nothing is left behind.
        TooLargeError: there is more content than `most_bytes`.
    """
    plain, packed = _temporary_name(), _temporary_name()
    try:
        descriptor = _create(directory, plain)
        with os.fdopen(descriptor, "r+b") as file:
            digest, size, head = hashlib.sha256(), 0, b""
            for chunk in _clean(chunks, redactor):
                size += len(chunk)
                if most_bytes is not None and size > most_bytes:
                    raise TooLargeError(size, most_bytes)
                if len(head) < HEAD_LENGTH:
                    head += chunk[: HEAD_LENGTH - len(head)]
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            compressed = compress and _may_shrink(head)
            if compressed:
                file.seek(0)
                compressed = _pack(iter(lambda: file.read(CHUNK_LENGTH), b""), directory, packed) <= _WORTH_IT * size
            if not compressed:
                os.fsync(descriptor)
        final = f"{name}.gz" if compressed else name
        os.rename(packed if compressed else plain, final, src_dir_fd=directory, dst_dir_fd=directory)
        return Written(final, size, digest.hexdigest(), head, compressed)
    finally:
        for left in (plain, packed):
            with suppress(OSError):
                os.unlink(left, dir_fd=directory)


def _pack(chunks: Iterable[bytes], directory: int, name: str) -> int:
    """Write a gzip without name and time, so that equal content gives equal bytes; returns its size."""
    with os.fdopen(_create(directory, name), "wb") as file:
        with gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=6, mtime=0) as packing:
            for chunk in chunks:
                packing.write(chunk)
        file.flush()
        os.fsync(file.fileno())
        return file.tell()


def _may_shrink(head: bytes) -> bool:
    return len(head) >= _LEAST_COMPRESSED and len(zlib.compress(head, 1)) <= _WORTH_IT * len(head)


def _clean(chunks: Iterable[bytes], redactor: Redactor | None) -> Iterator[bytes]:
    """The content without secrets when it is text; a few bytes in a picture that look like one are none."""
    rest = iter(chunks)
    if not redactor:
        return rest
    first = next(rest, b"")
    whole = chain([first], rest)
    return redactor.stream(whole) if is_text(first[:HEAD_LENGTH]) else whole


def _temporary_name() -> str:
    return f".{secrets.token_hex(8)}.tmp"


def _create(directory: int, name: str) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(name, flags, 0o666, dir_fd=directory)

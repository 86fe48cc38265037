"""Files that appear whole or not at all: a temporary name beside them, fsync, rename, fsync of the directory."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
from collections.abc import Iterable
from pathlib import Path

__all__ = ["remove_leftovers", "sync_directory", "write_atomically"]

_TEMPORARY_NAME = re.compile(r"\.[0-9a-f]{16}\.tmp")


def write_atomically(path: Path, content: bytes | Iterable[bytes | memoryview], *, sync_name: bool = True) -> None:
    """Write `content`, in one piece or in several, to `path` so that no reader and no crash ever sees half of it.

    An existing file keeps its permissions; a new one gets those that the umask leaves of 0666. A device or a pipe, such
    as /dev/stdout, is written to and stays what it is.

    Args:
        path: of the file.
        content: all of it.
        sync_name: whether its name is durable when this returns; else `sync_directory` is still to come.

    Raises:
        OSError: the file cannot be written; what stood there before stands there still, and nothing is left behind.
    """
    pieces = (content,) if isinstance(content, bytes) else content
    earlier = None
    with contextlib.suppress(OSError):
        earlier = path.stat()
    if earlier is not None and not stat.S_ISREG(earlier.st_mode):  # renaming would replace the device itself
        with path.open("wb") as stream:
            stream.writelines(pieces)
        return
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(pieces)
            file.flush()
            if earlier is not None:
                os.fchmod(file.fileno(), earlier.st_mode & 0o777)
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    if sync_name:
        sync_directory(path.parent)


def remove_leftovers(directory: Path) -> None:
    """Remove the temporary files of writers that were killed; nobody may be writing into the directory."""
    with contextlib.suppress(OSError):
        for file in directory.iterdir():
            if _TEMPORARY_NAME.fullmatch(file.name):
                file.unlink()


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable: a rename survives a power loss only after this.

    Where that cannot be asked for (a directory that may be written but not read, a file system without it) the names
    are left to the system; any other error is raised.
    """
    try:
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)

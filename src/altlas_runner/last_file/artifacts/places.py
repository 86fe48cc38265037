"""Files and directories reached by descriptors, so that no link on the way leads anywhere else."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

__all__ = ["open_directory", "open_file_below"]

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_INNER_DIRECTORY = _DIRECTORY | os.O_NOFOLLOW


def open_file_below(root: Path, steps: Sequence[str]) -> int:
    """A descriptor of an ordinary file below a directory, to be read.

    Args:
        root: the directory; itself it may be a link.
        steps: the names on the way, that of the file last.

    Raises:
        OSError: there is no such file, it is a link or no ordinary file, or a link is on the way.
    """
    if not steps or any(step in ("", ".", "..") or "/" in step or "\0" in step for step in steps):
        raise OSError("it is outside the directory for artifacts")
    at = os.open(root, _DIRECTORY)
    try:
        for step in steps[:-1]:
            inner = os.open(step, _INNER_DIRECTORY, dir_fd=at)
            os.close(at)
            at = inner
        # not waiting for whoever writes into a pipe
        file = os.open(steps[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=at)
    finally:
        os.close(at)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError("it is no ordinary file")
    return file


def open_directory(root: Path | int, name: str) -> int:
    """A descriptor of a directory inside another; it is made when it is missing, and a link in its place is refused.

    Args:
        root: the other directory, or a descriptor of it.
        name: of the directory.

    Raises:
        OSError: it cannot be made or opened.
    """
    at = root if isinstance(root, int) else os.open(root, _DIRECTORY)
    try:
        try:
            os.mkdir(name, dir_fd=at)
            os.fsync(at)
        except FileExistsError:
            pass
        return os.open(name, _INNER_DIRECTORY, dir_fd=at)
    finally:
        if not isinstance(root, int):
            os.close(at)

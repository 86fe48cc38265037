"""Who owns a run: one process at a time may write into its bundle. A lock dies with its owner."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path
from weakref import WeakSet

from altlas_runner.errors import JournalError

__all__ = ["LOCK_NAME", "Lock", "owner_of"]

LOCK_NAME = "journal.lock"
"""The name of the lock inside its bundle, while a run goes on or when its process was killed."""

_PATIENCE_SECONDS = 1.0
"""How long somebody may look at a lock whose owner is dead."""


class Lock:
    """The lock of a directory, such as that of a bundle, held by this process from here to `release`.

    The system takes it away when the process ends, however that happens; a process that was made by fork does not
    keep it.

    Args:
        directory: of the bundle.
        name: of the file.
        what: is locked, in words.

    Raises:
        JournalError: another process has it, and the error names that; or the file cannot be made.
    """

    def __init__(self, directory: Path, name: str = LOCK_NAME, what: str = "the run") -> None:
        self._path = directory / name
        until = time.monotonic() + _PATIENCE_SECONDS
        try:
            while (descriptor := _locked(self._path)) is None:
                owner = _named_owner(self._path)
                if owner is not None and _is_alive(owner):
                    raise JournalError(directory, f"{what} is going on: process {owner} has it")
                if time.monotonic() > until:
                    raise JournalError(directory, f"{what} is locked by a process that cannot be told")
                time.sleep(0.01)
            self._descriptor: int | None = descriptor
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)
        except OSError as error:
            raise JournalError(self._path, f"cannot be locked: {error.strerror or error}") from error
        _held.add(self)

    def release(self) -> None:
        """Let another process have it; the file goes away. A second call does nothing."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()
            self.forget()

    def forget(self) -> None:
        """Close the file, as a process must that was made by fork: else the lock would outlive its owner."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


_held: WeakSet[Lock] = WeakSet()


def _forget_all() -> None:
    for lock in list(_held):
        lock.forget()


os.register_at_fork(after_in_child=_forget_all)


def owner_of(directory: Path) -> int | None:
    """The process that runs the run of this bundle; None when nobody does, 0 when its number is not known.

    Raises:
        JournalError: the lock cannot be looked at.
    """
    try:
        descriptor = os.open(directory / LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise JournalError(directory / LOCK_NAME, f"cannot be read: {error.strerror or error}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _named_owner(directory / LOCK_NAME) or 0
    finally:
        os.close(descriptor)
    return None


def _locked(path: Path) -> int | None:
    """A descriptor of the file, locked; None when somebody else has the lock."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), path.stat()):
                    return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # its owner removed it between the two calls; there may be another one by now


def _named_owner(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True

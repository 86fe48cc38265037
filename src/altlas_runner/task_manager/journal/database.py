"""The file of a journal: a SQLite database to which rows are added, each durable before the call returns."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

from altlas_runner.atomic_file import sync_directory
from altlas_runner.errors import JournalError

__all__ = ["JOURNAL_NAME", "Database"]

JOURNAL_NAME = "journal.sqlite3"
"""The name of the journal inside its bundle."""

_FORMAT = 1
_APPLICATION = 0x414C4A4C  # ALJL, so that no other database is taken for a journal
_BUSY_SECONDS = 10.0
_TRIES = 5

T = TypeVar("T")


class Database:
    """Rows of bytes in the order in which they were added, numbered from 1.

    Made by `create` or `open`, or given by `look_into`. Calls must not overlap; they may come from any thread.

    Args:
        path: of the file.
        connection: to it, in autocommit mode.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection

    @classmethod
    def create(cls, directory: Path) -> Database:
        """A new database in the directory of a bundle; it is on the disk when this returns.

        Raises:
            JournalError: there is one already, or it cannot be made.
        """
        path = directory / JOURNAL_NAME
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
        except OSError as error:
            raise JournalError(path, f"cannot be made: {error.strerror or error}") from error
        connection = _connected(f"{path.absolute().as_uri()}?mode=rw")
        try:
            connection.execute(f"PRAGMA application_id = {_APPLICATION}")
            connection.execute(f"PRAGMA user_version = {_FORMAT}")
            _make_durable(connection)
            connection.execute("CREATE TABLE entries (number INTEGER PRIMARY KEY, content BLOB NOT NULL)")
            sync_directory(directory)
            sync_directory(directory.parent)
        except (sqlite3.Error, OSError) as error:
            cls(path, connection).remove()
            raise JournalError(path, f"cannot be made: {error}") from error
        return cls(path, connection)

    @classmethod
    def open(cls, directory: Path) -> Database:
        """The database in the directory of a bundle, to be added to.

        Raises:
            JournalError: there is none, it cannot be written, or another version made it.
        """
        path = directory / JOURNAL_NAME
        if not os.access(path, os.W_OK) and path.exists():
            raise JournalError(path, "cannot be written: permission denied, or a read-only file system")
        database = cls._existing(path, "mode=rw")
        try:
            _make_durable(database._connection)
        except sqlite3.Error as error:
            database.close()
            raise JournalError(path, f"cannot be written: {error}") from error
        return database

    @classmethod
    def look_into(cls, directory: Path, look: Callable[[Database], T]) -> T:
        """What `look` finds in the database of a bundle, which it may only read, also while somebody adds to it.

        When the one who adds to it came or went meanwhile, what was found may be neither before nor after, and an error
        no damage: then it is looked for again.

        Raises:
            JournalError: there is none, it cannot be read, or another version made it.
        """
        path = directory / JOURNAL_NAME
        tries_left = _TRIES
        while True:
            tries_left -= 1
            before = _state(path)
            try:
                with contextlib.closing(cls._existing(path, before.how_to_look)) as database:
                    found = look(database)
            except JournalError:
                if not tries_left or _state(path) == before:
                    raise
            else:
                if not tries_left or before.is_added_to or _state(path) == before:
                    return found

    @staticmethod
    def must_exist(directory: Path) -> None:
        """Refuse a bundle without a journal.

        Raises:
            JournalError: it has none.
        """
        if not (directory / JOURNAL_NAME).is_file():
            raise JournalError(directory, "it has no journal: the run was made without one, and cannot be resumed")

    @classmethod
    def _existing(cls, path: Path, how: str) -> Database:
        cls.must_exist(path.parent)
        try:
            connection = _connected(f"{path.absolute().as_uri()}?{how}")
            application = connection.execute("PRAGMA application_id").fetchone()[0]
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            is_bare = connection.execute("PRAGMA schema_version").fetchone()[0] == 0
        except sqlite3.DatabaseError as error:
            raise _damaged(path, error) from error
        if application != _APPLICATION or version != _FORMAT:
            connection.close()
            if application in (0, _APPLICATION) and version == 0 and is_bare:
                raise JournalError(path, "holds no run: its process ended while it made it; run the file again")
            if application != _APPLICATION:
                raise JournalError(path, "is not the journal of a run")
            raise JournalError(
                path, f"has format {version}; this altlas_runner reads {_FORMAT}: use the one that wrote it"
            )
        return cls(path, connection)

    def add(self, content: bytes) -> None:
        """Add a row. When this returns, it is on the disk; when it raises, nothing may be added any more.

        Raises:
            JournalError: it cannot be written.
        """
        try:
            self._connection.execute("INSERT INTO entries (content) VALUES (?)", (content,))
        except sqlite3.Error as error:
            raise JournalError(self.path, f"cannot be written: {error}") from error

    def rows(self) -> Iterator[bytes]:
        """Every row, in order.

        Raises:
            JournalError: the database is damaged.
        """
        try:
            problem = self._connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if problem != "ok":
                raise _damaged(self.path, problem)
            expected = 1
            for number, content in self._connection.execute("SELECT number, content FROM entries ORDER BY number"):
                if number != expected or not isinstance(content, bytes):
                    raise _damaged(self.path, f"row {expected} is missing")
                expected += 1
                yield content
        except sqlite3.Error as error:
            raise _damaged(self.path, error) from error

    def ends(self) -> tuple[bytes, bytes]:
        """The first row and the last, quickly.

        Raises:
            JournalError: the database is damaged, or there is no row.
        """
        question = "SELECT content FROM entries WHERE number = (SELECT {}(number) FROM entries)"
        try:
            found = [self._connection.execute(question.format(end)).fetchone() for end in ("min", "max")]
        except sqlite3.Error as error:
            raise _damaged(self.path, error) from error
        if None in found:
            raise _damaged(self.path, "it is empty")
        (first,), (last,) = found
        return first, last

    def rows_that_can_be_read(self) -> Iterator[bytes]:
        """Every row that is left in a damaged database, in order. Nothing is raised."""
        try:
            most = self._connection.execute("SELECT max(number) FROM entries").fetchone()[0] or 0
        except sqlite3.Error:
            most = 0
        missing = 0
        number = 0
        while number < most or (not most and missing < _MOST_MISSING):
            number += 1
            try:
                row = self._connection.execute("SELECT content FROM entries WHERE number = ?", (number,)).fetchone()
            except sqlite3.Error:
                row = None
            missing = missing + 1 if row is None else 0
            if row is not None and isinstance(row[0], bytes):
                yield row[0]

    def damaged(self, what: object) -> JournalError:
        """An error that says what is wrong with the database, and what can be done about it."""
        return _damaged(self.path, what)

    def remove(self) -> None:
        """Close and remove it: it was made in vain."""
        self._connection.close()
        for end in ("", "-wal", "-shm"):
            self.path.with_name(f"{JOURNAL_NAME}{end}").unlink(missing_ok=True)

    def close(self) -> None:
        """Put everything into the one file, and let go of it. Nothing is raised: what was added is on the disk."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()


class _State(NamedTuple):
    """Of the files of a database, as far as it says whether somebody who adds to it came or went.

    Attributes:
        is_added_to: whether rows are beside the database, as they are while somebody adds to it or was killed.
        file: the file system's numbers for the database itself, which change when those rows are put into it.
    """

    is_added_to: bool
    file: tuple[int, int, int] | None

    @property
    def how_to_look(self) -> str:
        """Where nobody adds to it SQLite need not lock it, and so leaves nothing beside it."""
        return "mode=ro" if self.is_added_to else "mode=ro&immutable=1"


def _state(path: Path) -> _State:
    rows = _stat(path.with_name(f"{JOURNAL_NAME}-wal"))
    file = _stat(path)
    return _State(
        rows is not None and rows.st_size > 0, None if file is None else (file.st_ino, file.st_size, file.st_mtime_ns)
    )


def _stat(path: Path) -> os.stat_result | None:
    with contextlib.suppress(OSError):
        return path.stat()
    return None


_MOST_MISSING = 10_000
"""How many rows in a row are looked for in vain when nobody knows how many there are."""


def _connected(uri: str) -> sqlite3.Connection:
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=_BUSY_SECONDS)


def _make_durable(connection: sqlite3.Connection) -> None:
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":  # SQLite does not raise: it stays with what it had
        raise sqlite3.OperationalError("disk I/O error, or a file system on which SQLite can have no WAL")
    connection.execute("PRAGMA synchronous = FULL")


def _damaged(path: Path, what: object) -> JournalError:
    return JournalError(
        path, f"is damaged: {what}; altlas-runner show --recover {path.parent} says what can be saved from it"
    )

"""The files of a journal: the database, who owns it, and the thread that writes it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path
from random import Random

import pytest

from altlas_runner.errors import JournalError
from altlas_runner.redaction import Redactor
from altlas_runner.run_journal import JournalCleaning
from altlas_runner.task_manager.journal import (
    JOURNAL_NAME,
    LOCK_NAME,
    Database,
    JournalWriter,
    Lock,
    RunBegun,
    owner_of,
    read_line,
)
from altlas_runner.task_manager.journal import database as database_module
from altlas_runner.task_manager.journal.facts import TaskCompleted
from altlas_runner.testing import alt_file_of


def rows_in(directory: Path) -> list[bytes]:
    return Database.look_into(directory, lambda database: list(database.rows()))


def test_rows_are_found_again_in_their_order(tmp_path: Path) -> None:
    database = Database.create(tmp_path)
    for number in range(3):
        database.add(b"row %d" % number)
    assert database.ends() == (b"row 0", b"row 2")
    assert rows_in(tmp_path) == [b"row 0", b"row 1", b"row 2"]  # while it is written
    database.close()
    assert [path.name for path in tmp_path.iterdir()] == [JOURNAL_NAME], "everything is in one file"
    opened = Database.open(tmp_path)
    opened.add(b"row 3")
    assert len(list(opened.rows())) == 4
    opened.close()


def test_who_looks_into_a_journal_leaves_nothing_beside_it(tmp_path: Path) -> None:
    Database.create(tmp_path).close()
    assert rows_in(tmp_path) == []
    assert [path.name for path in tmp_path.iterdir()] == [JOURNAL_NAME]


def test_who_opens_a_journal_the_moment_its_process_closes_it_still_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows were beside it when it was looked for; who may not write there cannot open it so any more."""
    writer = Database.create(tmp_path)
    writer.add(b"row 0")
    opened = []

    def connected(uri: str) -> sqlite3.Connection:
        opened.append(uri.rpartition("?")[2])
        if len(opened) == 1:
            writer.close()
            raise sqlite3.OperationalError("unable to open database file")
        return true_connected(uri)

    true_connected = database_module._connected
    monkeypatch.setattr(database_module, "_connected", connected)
    assert rows_in(tmp_path) == [b"row 0"]
    assert opened == ["mode=ro", "mode=ro&immutable=1"]


def test_who_reads_a_journal_while_a_process_takes_it_up_and_closes_it_reads_it_again(tmp_path: Path) -> None:
    """Without locks what is read meanwhile may be neither the one nor the other."""
    first = Database.create(tmp_path)
    for number in range(50):
        first.add(b"%d " % number * 2000)
    first.close()
    looks = []

    def look(found: Database) -> list[bytes]:
        rows = found.rows()
        looks.append(next(rows))
        if len(looks) == 1:
            writer = Database.open(tmp_path)
            writer.add(b"the last")
            writer.close()
            raise found.damaged("what it looked like")
        return [looks[-1], *rows]

    assert len(Database.look_into(tmp_path, look)) == 51
    assert len(looks) == 2


def test_what_is_read_while_a_process_only_takes_it_up_is_read_again(tmp_path: Path) -> None:
    Database.create(tmp_path).close()
    writers: list[Database] = []

    def look(found: Database) -> list[bytes]:
        if not writers:
            writers.append(Database.open(tmp_path))
            writers[0].add(b"row 0")
        return list(found.rows())

    assert Database.look_into(tmp_path, look) == [b"row 0"]
    writers[0].close()


def test_a_damaged_journal_is_damaged_at_once_also_while_a_process_adds_to_it(tmp_path: Path) -> None:
    writer = Database.create(tmp_path)
    writer.add(b"row 0")
    looks = []

    def look(found: Database) -> None:
        looks.append(found)
        writer.add(b"more")
        raise found.damaged("for good")

    with pytest.raises(JournalError, match="for good"):
        Database.look_into(tmp_path, look)
    assert len(looks) == 1
    writer.close()


def test_a_bundle_has_one_journal(tmp_path: Path) -> None:
    Database.create(tmp_path).close()
    with pytest.raises(JournalError, match="File exists"):
        Database.create(tmp_path)


def test_what_is_no_journal_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="without one"):
        Database.open(tmp_path)
    (tmp_path / JOURNAL_NAME).write_text("no database at all, although it is long enough to look like one " * 20)
    with pytest.raises(JournalError, match="damaged"):
        Database.open(tmp_path)
    (tmp_path / JOURNAL_NAME).unlink()
    other = sqlite3.connect(tmp_path / JOURNAL_NAME)
    other.execute("CREATE TABLE other (x)")
    other.close()
    with pytest.raises(JournalError, match="not the journal of a run"):
        rows_in(tmp_path)


def test_a_journal_of_another_format_is_refused_by_its_number(tmp_path: Path) -> None:
    Database.create(tmp_path).close()
    other = sqlite3.connect(tmp_path / JOURNAL_NAME)
    other.execute("PRAGMA user_version = 9")
    other.close()
    with pytest.raises(JournalError, match="format 9"):
        Database.open(tmp_path)


def test_a_row_that_is_gone_is_noticed_and_the_others_can_be_saved(tmp_path: Path) -> None:
    database = Database.create(tmp_path)
    for number in range(5):
        database.add(b"row %d" % number)
    database.close()
    other = sqlite3.connect(tmp_path / JOURNAL_NAME)
    other.execute("DELETE FROM entries WHERE number = 2")
    other.commit()
    other.close()
    with pytest.raises(JournalError, match=r"row 2 is missing.*--recover"):
        rows_in(tmp_path)
    saved = Database.look_into(tmp_path, lambda database: list(database.rows_that_can_be_read()))
    assert saved == [b"row 0", b"row 2", b"row 3", b"row 4"]


def test_damaged_pages_never_raise_anything_else(tmp_path: Path) -> None:
    database = Database.create(tmp_path)
    for number in range(40):
        database.add(b"row %d " % number * 300)
    database.close()
    path = tmp_path / JOURNAL_NAME
    whole = path.read_bytes()
    for seed in range(60):
        random = Random(seed)
        content = bytearray(whole)
        start = random.randrange(len(content))
        end = min(start + random.choice([1, 100, 5_000]), len(content))
        content[start:end] = random.randbytes(end - start)
        path.write_bytes(content)
        with contextlib.suppress(JournalError):
            rows_in(tmp_path)
        with contextlib.suppress(JournalError):
            saved = Database.look_into(tmp_path, lambda database: list(database.rows_that_can_be_read()))
            assert len(saved) <= 40


def test_a_failed_write_is_a_journal_error(tmp_path: Path) -> None:
    database = Database.create(tmp_path)
    database._connection.execute("PRAGMA max_page_count = 5")
    with pytest.raises(JournalError, match="cannot be written: database or disk is full"):
        database.add(b"x" * 100_000)
    database.close()


# -- the lock --------------------------------------------------------------------------------------------------------


def test_a_second_owner_in_the_same_process_is_refused_by_number(tmp_path: Path) -> None:
    lock = Lock(tmp_path)
    assert owner_of(tmp_path) == os.getpid()
    with pytest.raises(JournalError, match=f"process {os.getpid()} has it"):
        Lock(tmp_path)
    lock.release()
    lock.release()
    assert owner_of(tmp_path) is None
    assert not (tmp_path / LOCK_NAME).exists()
    Lock(tmp_path).release()


def test_the_lock_of_a_process_that_was_killed_is_taken_over(tmp_path: Path) -> None:
    program = f"""
        import os, signal
        from pathlib import Path
        from altlas_runner.task_manager.journal import Lock
        lock = Lock(Path({str(tmp_path)!r}))
        print("locked", flush=True)
        input()
    """
    owner = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "locked\n"
        assert owner_of(tmp_path) == owner.pid
        with pytest.raises(JournalError, match=f"process {owner.pid} has it"):
            Lock(tmp_path)
        owner.kill()
        owner.wait()
    assert (tmp_path / LOCK_NAME).exists()
    assert owner_of(tmp_path) is None
    Lock(tmp_path).release()


def test_a_process_made_by_fork_does_not_keep_the_lock_alive(tmp_path: Path) -> None:
    program = f"""
        import os, sys, time
        from pathlib import Path
        from altlas_runner.task_manager.journal import Lock
        lock = Lock(Path({str(tmp_path)!r}))
        if not os.fork():
            print("forked", flush=True)
            os.close(1)
            time.sleep(20)
            os._exit(0)
        os._exit(0)  # without releasing anything
    """
    done = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True)
    with done:
        assert done.stdout is not None
        assert done.stdout.readline() == "forked\n"
        done.wait()
        Lock(tmp_path).release()


@pytest.mark.slow
def test_of_many_who_want_a_lock_at_once_one_gets_it(tmp_path: Path) -> None:
    program = f"""
        from pathlib import Path
        from altlas_runner.errors import JournalError
        from altlas_runner.task_manager.journal import Lock
        input()
        try:
            lock = Lock(Path({str(tmp_path)!r}))
            print("got", flush=True)
            input()
        except JournalError:
            print("refused", flush=True)
    """
    (tmp_path / LOCK_NAME).write_text("4194999\n")  # of a process that is gone
    start = [sys.executable, "-c", textwrap.dedent(program)]
    many = [subprocess.Popen(start, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for each in many:
        assert each.stdin is not None
        each.stdin.write("\n")
        each.stdin.flush()
    said = [each.stdout.readline() for each in many if each.stdout is not None]
    for each in many:
        each.communicate("\n")
    assert sorted(said) == ["got\n", "refused\n", "refused\n", "refused\n"]


# -- the writer ------------------------------------------------------------------------------------------------------


def _writer(directory: Path, *secrets: str) -> JournalWriter:
    return JournalWriter(Database.create(directory), Lock(directory), JournalCleaning(Redactor(secrets), alt_file_of()))


def _facts(directory: Path) -> list[str]:
    return [
        fact.task_id
        for row in rows_in(directory)
        for line in row.split(b"\n")[:-1]
        for fact in read_line(line)
        if isinstance(fact, TaskCompleted)
    ]


def _fact(name: str, output: object = None) -> TaskCompleted:
    return TaskCompleted(name, output, None, 0.0, 1.0, 1000)


def test_what_comes_while_the_writer_is_busy_is_committed_together(tmp_path: Path) -> None:
    async def main() -> list[int]:
        writer = _writer(tmp_path)
        told: list[int] = []
        everything = asyncio.Event()

        def committed(count: int, failure: JournalError | None) -> None:
            assert failure is None
            told.append(count)
            if sum(told) == 500:
                everything.set()

        writer.begin(committed)
        for number in range(500):
            writer.record([_fact(f"t{number}")])
        await everything.wait()
        assert len(_facts(tmp_path)) == 500, "told means committed"
        await asyncio.to_thread(writer.close)
        return told

    told = asyncio.run(main())
    assert len(told) < 250
    assert _facts(tmp_path) == [f"t{number}" for number in range(500)]


def test_what_was_recorded_is_written_before_the_writer_closes(tmp_path: Path) -> None:
    async def main() -> None:
        writer = _writer(tmp_path)
        writer.begin(lambda count, failure: None)
        for number in range(50):
            writer.record([_fact(f"t{number}")])
        writer.close()

    asyncio.run(main())
    assert len(_facts(tmp_path)) == 50
    assert not (tmp_path / LOCK_NAME).exists()


def test_after_the_first_failure_nothing_is_written_any_more(tmp_path: Path) -> None:
    """What a failed fsync left behind, nobody knows; a later one that succeeds would say nothing about it."""

    class Failing(Database):
        tries = 0

        def add(self, content: bytes) -> None:
            Failing.tries += 1
            if Failing.tries == 2:
                raise JournalError(self.path, "cannot be written: disk I/O error")
            super().add(content)

    async def main() -> list[tuple[int, bool]]:
        database = Database.create(tmp_path)
        writer = JournalWriter(
            Failing(database.path, database._connection), Lock(tmp_path), JournalCleaning(Redactor(()), alt_file_of())
        )
        told: list[tuple[int, bool]] = []
        writer.begin(lambda count, failure: told.append((count, failure is None)))
        for number in range(4):
            before = len(told)
            writer.record([_fact(f"t{number}")])
            while len(told) == before:
                await asyncio.sleep(0.001)
        assert writer.failure is not None
        await asyncio.to_thread(writer.close)
        return told

    assert asyncio.run(main()) == [(1, True), (1, False), (1, False), (1, False)]
    assert Failing.tries == 2
    assert _facts(tmp_path) == ["t0"]


def test_secrets_are_taken_out_and_strange_outputs_become_json(tmp_path: Path) -> None:
    async def main() -> None:
        writer = _writer(tmp_path, "planted-key-1")
        writer.begin(lambda count, failure: None)
        writer.record([RunBegun({}), _fact("a", {"said": "planted-key-1", "number": float("nan"), "set": {1}})])
        writer.record([_fact("b", "\ud800 broken"), _fact("c", 10**30)])
        writer.close()

    asyncio.run(main())
    assert b"planted-key-1" not in (tmp_path / JOURNAL_NAME).read_bytes()
    assert _facts(tmp_path) == ["a", "b", "c"]

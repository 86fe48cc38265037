"""The journal of a run in its bundle: begun, found again, looked into. What it keeps of the run itself is said here."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, from_json

from altlas_runner import __version__
from altlas_runner.alt_file import AltFile
from altlas_runner.alt_file.reference_checks import secret_outputs
from altlas_runner.alt_file.resolving import look_up
from altlas_runner.alt_file.selection import Selection
from altlas_runner.errors import JournalError, ReferenceNotFoundError
from altlas_runner.last_file.gather import Cleaning
from altlas_runner.last_file.json_values import as_json_value
from altlas_runner.redaction import Redactor, redact_key_like, secrets_in
from altlas_runner.results import TaskResult
from altlas_runner.task_manager.journal import (
    JOURNAL_NAME,
    ContradictionError,
    Database,
    Fact,
    JournalWriter,
    Lock,
    RunBegun,
    RunRecord,
    UnreadableFactError,
    line_of,
    read_line,
    replay,
)
from altlas_runner.task_manager.journal.definitions import may_be_kept

__all__ = [
    "FoundRun",
    "JournalCleaning",
    "RunDescription",
    "begin_journal",
    "description_in",
    "find_run",
    "look_into_run",
    "save_from_journal",
]


@dataclass(frozen=True, slots=True)
class RunDescription:
    """What a journal keeps of the run itself; without secrets.

    Attributes:
        run_id: also the id of the LAST file.
        started_at: when the run began; a resume does not change it.
        alt_file: values under key-like names in it stand as `[redacted]`.
        inputs: the values given to the run.
        selection: which tasks are meant to run, as the fields of `Selection`; None is all.
        provenance: facts about where the run comes from.
        settings: how the run was configured, as far as a resume should know.
        process: which process wrote this.
        runner_version: of the altlas_runner that wrote this.
    """

    run_id: str
    started_at: datetime
    alt_file: dict[str, Any]
    inputs: dict[str, Any]
    selection: dict[str, list[str]] | None
    provenance: dict[str, str]
    settings: dict[str, Any]
    process: int
    runner_version: str = __version__

    @classmethod
    def of(
        cls,
        run_id: str,
        started_at: datetime,
        alt_file: AltFile,
        inputs: Mapping[str, Any],
        selection: Selection | None,
        provenance: Mapping[str, str],
        settings: Mapping[str, Any],
        redactor: Redactor,
    ) -> RunDescription:
        """The description of a run, with the secrets taken out."""

        def clean(value: Any) -> Any:
            return redactor.value(redact_key_like(value, may_be_kept))

        return cls(
            run_id=run_id,
            started_at=started_at,
            alt_file=clean(_as_document(alt_file)),
            inputs=clean(as_json_value(dict(inputs))),
            selection={name: list(ids) for name, ids in asdict(selection).items()} if selection else None,
            provenance=clean(dict(provenance)),
            settings=clean(dict(settings)),
            process=os.getpid(),
        )

    def fact(self) -> Fact:
        """The fact that says this in a journal."""
        return RunBegun({field.name: getattr(self, field.name) for field in fields(self)})

    def tasks_meant(self) -> tuple[AltFile, AltFile]:
        """The ALT file, and the same with the tasks alone that were meant to run."""
        alt_file = AltFile.model_validate(self.alt_file)
        selection = self.selected()
        return alt_file, selection.apply_to(alt_file) if selection else alt_file

    def selected(self) -> Selection:
        """Which tasks were meant to run."""
        return Selection(**(self.selection or {}))


class JournalCleaning(Cleaning):
    """Takes out the secrets that a run knows, and those that it learns: outputs that are to be used as keys.

    Args:
        redactor: takes out the secrets that are known.
        alt_file: what is run; it says which outputs stand under key-like names in the parameters of other tasks.
    """

    def __init__(self, redactor: Redactor, alt_file: AltFile) -> None:
        super().__init__(redactor)
        self._used_as_keys = secret_outputs(alt_file)

    def output(self, task_id: str, output: Any) -> Any:
        """A copy of the output of a task."""
        self._learn(task_id, output)
        return self.value(output)

    def result(self, result: TaskResult) -> TaskResult:
        """A copy of a result."""
        self._learn(result.task_id, result.output)
        return super().result(result)

    def _learn(self, task_id: str, output: Any) -> None:
        for reference in self._used_as_keys.get(task_id, ()):
            with suppress(ReferenceNotFoundError):
                value = look_up(reference, {task_id: output}, {})
                self._redactor |= Redactor(secrets_in({"secret": value}))


@dataclass(frozen=True, slots=True)
class FoundRun:
    """A run that was found in a bundle, and is this process's alone until `release`.

    Attributes:
        directory: of the bundle.
        record: what its journal tells.
        first: the description of the run as it was begun.
        latest: the description by which it went on last.
    """

    directory: Path
    record: RunRecord
    first: RunDescription
    latest: RunDescription
    database: Database
    lock: Lock

    def go_on(self, cleaning: JournalCleaning, facts: Iterable[Fact]) -> JournalWriter:
        """Add these facts, all or none, and be ready for more.

        Raises:
            JournalError: they cannot be written.
        """
        self.database.add(line_of(facts))
        return JournalWriter(self.database, self.lock, cleaning)

    def release(self) -> None:
        """Leave everything as it is."""
        self.database.close()
        self.lock.release()


def begin_journal(directory: Path, description: RunDescription, cleaning: JournalCleaning) -> JournalWriter:
    """Make the journal of a new run; its description is on the disk when this returns.

    Args:
        directory: of the bundle; it is there.
        description: of the run.
        cleaning: for what comes from executors.

    Raises:
        JournalError: it cannot be made, or the bundle has one already.
    """
    lock = Lock(directory)
    try:
        database = Database.create(directory)
        try:
            database.add(line_of([description.fact()]))
        except BaseException:
            database.remove()
            raise
    except BaseException:
        lock.release()
        raise
    return JournalWriter(database, lock, cleaning)


def find_run(directory: Path) -> FoundRun:
    """Take over the run of a bundle.

    Raises:
        JournalError: there is no journal, it is damaged, another process has the run, or the directory does not have
            the name of the run: idempotency keys begin with it, so what is in doubt would be asked for as something
            new.
    """
    directory = Path(os.path.realpath(directory))  # "." has no name, and that of a link is not the run's
    _must_be_directory(directory)
    if not os.access(directory, os.W_OK | os.X_OK):
        raise JournalError(directory, "cannot be written: permission denied, or a read-only file system")
    Database.must_exist(directory)
    lock = Lock(directory)
    try:
        database = Database.open(directory)
        try:
            record, descriptions = _record(database)
            _must_have_its_name(directory, descriptions[-1].run_id)
        except BaseException:
            database.close()
            raise
    except BaseException:
        lock.release()
        raise
    return FoundRun(directory, record, descriptions[0], descriptions[-1], database, lock)


def look_into_run(directory: Path) -> tuple[RunRecord, RunDescription]:
    """What a journal tells, and the latest description, also of a run that goes on.

    Raises:
        JournalError: there is no journal, or it is damaged.
    """
    record, descriptions = Database.look_into(directory, _record)
    return record, descriptions[-1]


def description_in(fact: Fact) -> RunDescription | None:
    """The description that a fact holds; None when it holds none."""
    return _description(fact.description) if isinstance(fact, RunBegun) else None


def save_from_journal(directory: Path) -> tuple[RunRecord, RunDescription, int]:
    """What can be saved from a damaged journal, and how many lines cannot be read.

    Facts that contradict others are passed over; of two results of a task the later counts.

    Raises:
        JournalError: not even the description of the run can be read.
    """
    saved, lost = Database.look_into(directory, _saved)
    descriptions = [each for each in map(_description, saved.descriptions) if each is not None]
    if not descriptions:
        raise JournalError(directory / JOURNAL_NAME, "nothing can be saved: the description of the run cannot be read")
    return saved, descriptions[-1], lost


def _saved(database: Database) -> tuple[RunRecord, int]:
    saved, lost = RunRecord(), 0
    for row in database.rows_that_can_be_read():
        for line in row.split(b"\n")[:-1]:
            try:
                facts = read_line(line)
            except UnreadableFactError:
                lost += 1
                continue
            for fact in facts:
                saved.add(fact, doubtful=True)
    return saved, lost


def _record(database: Database) -> tuple[RunRecord, list[RunDescription]]:
    try:
        record = replay(_facts(database))
    except (UnreadableFactError, ContradictionError) as error:
        raise database.damaged(error) from error
    descriptions = list(map(_description, record.descriptions))
    if None in descriptions:
        raise database.damaged("a description of the run lacks something")
    return record, descriptions  # type: ignore[return-value]


def _facts(database: Database) -> Iterator[Fact]:
    for row in database.rows():
        for line in row.split(b"\n")[:-1]:
            yield from read_line(line)


def _description(row: Mapping[str, Any]) -> RunDescription | None:
    try:
        description = _description_adapter().validate_python(row)
        description.tasks_meant()
    except (ValidationError, TypeError, ValueError):
        return None
    return description


@cache
def _description_adapter() -> TypeAdapter[RunDescription]:
    return TypeAdapter(RunDescription)


def _as_document(alt_file: AltFile) -> Any:
    """The file as a JSON value: exactly the fields that were set."""
    try:
        return from_json(alt_file.model_dump_json(exclude_unset=True, warnings=False))
    except (PydanticSerializationError, ValueError):  # a program put something there that JSON cannot say
        return as_json_value(alt_file.model_dump(exclude_unset=True))


def _must_have_its_name(directory: Path, run_id: str) -> None:
    if directory.name != run_id:
        raise JournalError(directory, f"was renamed: a run goes on under its own name, {run_id}")


def _must_be_directory(directory: Path) -> None:
    if not directory.is_dir():
        raise JournalError(directory, "there is no such bundle")

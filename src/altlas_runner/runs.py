"""The runs in an output directory: how each of them stands, and which may go."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from altlas_runner.errors import BundleError
from altlas_runner.last_file import LastFile
from altlas_runner.last_file.models import RESULT_NAME
from altlas_runner.run_journal import RunDescription, description_in
from altlas_runner.task_manager.journal import (
    JOURNAL_NAME,
    LOCK_NAME,
    Database,
    Lock,
    UnreadableFactError,
    owner_of,
    read_line,
)
from altlas_runner.task_manager.journal.facts import RunEnded

__all__ = ["RunEntry", "RunState", "list_runs", "remove_run", "run_entry", "runs_to_prune"]

RunState = Literal["running", "interrupted", "finished", "damaged"]


@dataclass(frozen=True, slots=True)
class RunEntry:
    """One run.

    Attributes:
        run_id: also the name of the directory.
        directory: of its bundle.
        state: `running` in some process; `interrupted`, so that it can be resumed; `finished`, with a LAST file; or
            `damaged`: what is there cannot be read.
        owner: the process that runs it; None when none does or its number is not known.
        title: of the ALT file.
        started_at: when it began; of a damaged one when its directory was changed last.
        ended_at: when it ended; None before.
        task_count: how many tasks it had, when it has ended.
        completed: how many of them completed.
        can_resume: whether it has a journal.
    """

    run_id: str
    directory: Path
    state: RunState
    started_at: datetime
    title: str = ""
    owner: int | None = None
    ended_at: datetime | None = None
    task_count: int | None = None
    completed: int | None = None
    can_resume: bool = False


def list_runs(output_dir: Path | str) -> list[RunEntry]:
    """The runs whose bundles are in a directory, the latest first. What is no bundle is passed over.

    So is a link to one: counted as a run of its own, it could be pruned, and what it leads to would be gone. Of a run
    with a journal only its beginning and its end are read, however large it is.

    Raises:
        BundleError: the directory cannot be read.
    """
    directory = Path(output_dir)
    try:
        found = [each for each in directory.iterdir() if each.is_dir() and not each.is_symlink()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise BundleError(directory, f"cannot be read: {error.strerror or error}") from error
    entries = [entry for each in found if (entry := run_entry(each)) is not None]
    return sorted(entries, key=lambda entry: entry.started_at, reverse=True)


def run_entry(directory: Path) -> RunEntry | None:
    """How the run of one bundle stands; None when the directory is no bundle."""
    has_journal = (directory / JOURNAL_NAME).is_file()
    has_result = (directory / RESULT_NAME).is_file()
    if not has_journal and not has_result:
        return None
    try:
        return _from_journal(directory) if has_journal else _from_last_file(directory)
    except BundleError:
        try:
            changed = datetime.fromtimestamp(directory.stat().st_mtime, UTC)
        except FileNotFoundError:  # it was removed meanwhile
            return None
        return RunEntry(directory.name, directory, "damaged", changed, can_resume=has_journal)


def runs_to_prune(
    entries: Sequence[RunEntry],
    now: datetime,
    *,
    keep: int = 0,
    older_than: timedelta = timedelta(0),
    interrupted: bool = False,
) -> list[RunEntry]:
    """Those that may go: finished, not among the latest `keep`, and begun longer ago than `older_than`.

    A run that goes on, and one whose files cannot be read, never may. Pure.

    Args:
        entries: the runs, the latest first.
        now: the current time.
        keep: how many stay in any case, of all that are asked for.
        older_than: how old they must be.
        interrupted: whether runs that could be resumed may go, too.
    """
    states = ("finished", "interrupted") if interrupted else ("finished",)
    candidates = [entry for entry in entries if entry.state in states]
    return [entry for entry in candidates[keep:] if now - entry.started_at > older_than]


def remove_run(entry: RunEntry) -> None:
    """Remove a bundle with everything in it. What the list knows it by goes last: what is left can be pruned again.

    Raises:
        JournalError: a process has the run by now.
        BundleError: something cannot be removed.
    """
    directory = entry.directory
    lock = Lock(directory) if entry.can_resume else None
    try:
        last = RESULT_NAME if (directory / RESULT_NAME).exists() else JOURNAL_NAME
        for path in sorted(directory.iterdir(), key=lambda path: (path.name == last, not _is_journal(path))):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif lock is None or path.name != LOCK_NAME:  # it goes when it is let go of
                path.unlink()
    except OSError as error:
        raise BundleError(directory, f"cannot be removed: {error.strerror or error}") from error
    finally:
        if lock is not None:
            lock.release()
    try:
        directory.rmdir()
    except OSError as error:
        raise BundleError(directory, f"cannot be removed: {error.strerror or error}") from error


def _is_journal(path: Path) -> bool:
    return path.name.startswith(JOURNAL_NAME)


def _from_journal(directory: Path) -> RunEntry:
    owner = owner_of(directory)  # before the files: when it has let go, they are what they are to be
    description, end = Database.look_into(directory, _ends)
    has_result = (directory / RESULT_NAME).is_file()
    state: RunState = "running" if owner is not None else "finished" if end and has_result else "interrupted"
    return RunEntry(
        directory.name,
        directory,
        state,
        description.started_at,
        str(description.alt_file.get("title", "")),
        owner or None,
        end and end.at,
        end and end.task_count,
        end and end.completed,
        can_resume=True,
    )


def _ends(database: Database) -> tuple[RunDescription, RunEnded | None]:
    """How a run began, and how it ended, if it has."""
    first, last = database.ends()
    try:
        description = description_in(read_line(first.split(b"\n")[0])[0])
        end = read_line(last.split(b"\n")[-2])[-1]
    except (UnreadableFactError, IndexError) as error:
        raise database.damaged(error) from error
    if description is None:
        raise database.damaged("it does not begin with a description of the run")
    return description, end if isinstance(end, RunEnded) else None


def _from_last_file(directory: Path) -> RunEntry:
    last_file = LastFile.from_path(directory)
    return RunEntry(
        directory.name,
        directory,
        "finished",
        last_file.execution_started,
        last_file.title.removeprefix("Result of "),
        ended_at=last_file.execution_completed,
        task_count=len(last_file.task_results),
        completed=len(last_file.get_successful_tasks()),
    )

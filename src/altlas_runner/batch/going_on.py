"""Going on with a batch: which files have finished, which runs go on, and what is removed. Its functions block.

The runs of a batch take place in `unfinished/`, and a bundle moves beside the index when its row is written. So what
stands there is the batch's own and not finished, however the batch was ended.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Container, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from altlas_runner.atomic_file import sync_directory
from altlas_runner.batch.index import BatchIndex, sha256_of
from altlas_runner.batch.rows import BatchRow
from altlas_runner.batch.sources import RUN_NAME, UNFINISHED_NAME, BatchFile, FileKey, content_of
from altlas_runner.errors import BundleError, JournalError
from altlas_runner.run_journal import look_into_run
from altlas_runner.task_manager.journal import JOURNAL_NAME

__all__ = ["Earlier", "clear_unfinished", "finish_bundle", "provenance_of", "take_up"]

_PATH, _SHA256, _INPUTS = "alt_file_path", "alt_file_sha256", "inputs_sha256"

RunKey = tuple[str | None, str | None, str | None]


@dataclass(frozen=True, slots=True)
class Earlier:
    """What counts of earlier runs of the batch.

    Attributes:
        finished: the files that need not be run again.
        _runs: the bundles of runs with a journal that were interrupted, by what they run.
    """

    finished: set[FileKey] = field(default_factory=set)
    _runs: dict[RunKey, Path] = field(default_factory=dict)

    def run_of(self, file: BatchFile, sha256: str) -> Path | None:
        """The bundle of an interrupted run of this file, as it is now, that can go on."""
        return self._runs.pop((*file.key, sha256), None)


def provenance_of(file: BatchFile, sha256: str) -> dict[str, str]:
    """What a run keeps of the file that it runs, so that it is known when it goes on."""
    path, inputs_sha256 = file.key
    return {_PATH: path, _SHA256: sha256} | ({_INPUTS: inputs_sha256} if inputs_sha256 else {})


def take_up(output_dir: Path, index: BatchIndex, files: Mapping[FileKey, BatchFile], *, retry_failed: bool) -> Earlier:
    """Keep the rows that count, drop those of files that run again, and tidy what is not finished.

    Rows of files that are not in this batch stay. Only the owner of the index may do this.

    Args:
        output_dir: of the index.
        index: the rows.
        files: those of this batch.
        retry_failed: whether files run again whose tasks did not all complete.

    Raises:
        BundleError: the index cannot be read or written, or a bundle cannot be moved or removed.
    """
    earlier = Earlier()
    unfinished = output_dir / UNFINISHED_NAME

    def what_counts(row: BatchRow) -> BatchRow | None:
        if (file := files.get(row.key)) is not None:
            if row.key in earlier.finished or not row.is_finished or (retry_failed and row.status != "success"):
                _take_back(output_dir, row)
                return None
            if not _is_unchanged(row):
                return None
            earlier.finished.add(row.key)
            row = replace(row, line=file.line)
        if row.last_file_id is not None and row.last_file_id in left:  # the row was written, and nothing more
            finish_bundle(output_dir, row.last_file_id)
        return row

    try:
        unfinished.mkdir(exist_ok=True)
        left = {each.name for each in _runs_in(unfinished)}
        index.keep(what_counts)
        for bundle in _runs_in(unfinished):
            key = _what_it_runs(bundle)
            if key is None or key in earlier._runs:
                shutil.rmtree(bundle)
            else:
                earlier._runs[key] = bundle
    except OSError as error:
        raise BundleError(unfinished, f"cannot be tidied: {error.strerror or error}") from error
    return earlier


def finish_bundle(output_dir: Path, run_id: str) -> None:
    """Move a bundle beside the index, now that its row is written.

    Raises:
        BundleError: it cannot be moved.
    """
    bundle = output_dir / run_id
    try:
        (output_dir / UNFINISHED_NAME / run_id).rename(bundle)
    except OSError as error:
        raise BundleError(bundle, f"cannot be moved here: {error.strerror or error}") from error


def clear_unfinished(output_dir: Path, ended: Container[FileKey]) -> None:
    """Remove at the end of a batch what stayed unfinished, but runs with a journal that can go on.

    Args:
        output_dir: of the index.
        ended: files that have their rows, so that no earlier run of them need go on.
    """
    unfinished = output_dir / UNFINISHED_NAME
    with suppress(OSError):  # what a worker still writes, or nobody may remove, is for the next time
        for bundle in _runs_in(unfinished):
            key = _what_it_runs(bundle)
            if key is None or key[:2] in ended:
                shutil.rmtree(bundle, ignore_errors=True)
        unfinished.rmdir()
    with suppress(OSError):
        sync_directory(output_dir)


def _take_back(output_dir: Path, row: BatchRow) -> None:
    """The bundle of a run that was interrupted is not finished any more; one that has failed stays."""
    if row.status == "cancelled" and row.last_file_id:
        with suppress(FileNotFoundError):
            (output_dir / row.last_file_id).rename(output_dir / UNFINISHED_NAME / row.last_file_id)


def _runs_in(unfinished: Path) -> Iterator[Path]:
    """The directories of runs; what somebody else put there is left alone."""
    return (each for each in list(unfinished.iterdir()) if re.fullmatch(RUN_NAME, each.name))


def _what_it_runs(bundle: Path) -> RunKey | None:
    """What an interrupted run runs; None when it cannot go on."""
    if not (bundle / JOURNAL_NAME).exists():
        return None
    try:
        known = look_into_run(bundle)[1].provenance
    except JournalError:
        return None
    return known.get(_PATH), known.get(_INPUTS), known.get(_SHA256)


def _is_unchanged(row: BatchRow) -> bool:
    try:
        return sha256_of(content_of(Path(row.path))) == row.sha256
    except (OSError, ValueError):
        return False

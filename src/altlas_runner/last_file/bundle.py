"""The bundle: a directory named after the LAST file's id, whose files appear whole or not at all.

`result.last` is written after everything else, so a directory that has one is a complete bundle.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from altlas_runner.atomic_file import remove_leftovers, sync_directory, write_atomically
from altlas_runner.errors import BundleError
from altlas_runner.last_file.models import RESULT_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["REPORT_NAME", "RUN_ID", "bundle_directory", "prepare_directory", "write_bundle"]

REPORT_NAME = "report.html"
"""The name of the report inside its bundle."""

RUN_ID = "[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?"
"""What the id of a run may be, as a regular expression: it names the directory of its bundle."""


def bundle_directory(output_dir: Path | str, last_id: str) -> Path:
    """Where the bundle of a run is, or will be.

    Raises:
        BundleError: the id is no safe name for a directory. Up to 128 letters, digits, dots, hyphens and underscores
            are, with a letter or digit at both ends.
    """
    if not re.fullmatch(RUN_ID, last_id):
        raise BundleError(
            output_dir,
            f"{last_id[:80]!r} cannot name a bundle: use up to 128 letters, digits, '.', '-' and '_', "
            "with a letter or digit at both ends",
        )
    return Path(output_dir) / last_id


def prepare_directory(directory: Path) -> None:
    """Make the directory of a bundle, with its parents.

    Raises:
        BundleError: it cannot be made, or files cannot be made in it.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BundleError(directory, f"cannot be made: {error.strerror or error}") from error
    if not os.access(directory, os.W_OK | os.X_OK):
        raise BundleError(directory, "cannot be written: permission denied, or a read-only file system")


def write_bundle(directory: Path, result: Iterable[bytes | memoryview], others: Mapping[str, bytes]) -> None:
    """Write a bundle: the other files in their order, then `result.last`. All of it is on the disk when this returns.

    Args:
        directory: made when it is missing. Files of an earlier bundle in it are replaced, and what a writer that was
            killed left there is removed.
        result: the content of `result.last`, piece by piece.
        others: contents by file name.

    Raises:
        BundleError: something cannot be written; `result.last` was not written then.
    """
    prepare_directory(directory)
    place = directory
    try:
        for name, content in others.items():
            place = directory / name
            write_atomically(place, content, sync_name=False)
        place = directory
        sync_directory(directory)  # nobody finds a result before what stands beside it
        place = directory / RESULT_NAME
        write_atomically(place, result)
        sync_directory(directory.parent)
        remove_leftovers(directory)
    except OSError as error:
        raise BundleError(place, f"cannot be written: {error.strerror or error}") from error

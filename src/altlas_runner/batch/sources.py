"""Which files a batch runs: those of a directory, of a pattern, or of a manifest."""

from __future__ import annotations

import errno
import glob
import hashlib
import json
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from altlas_runner.alt_file.limits import Limits
from altlas_runner.errors import ConfigurationError

__all__ = ["RUN_NAME", "SUMMARY_NAME", "UNFINISHED_NAME", "BatchFile", "FileKey", "batch_files", "content_of"]

FileKey = tuple[str, str | None]
"""By which a file of a batch is known: its path, and the SHA-256 of its inputs, or None without any."""

RUN_NAME = r"last_[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
"""The names of the bundles that batches make, as a regular expression."""

UNFINISHED_NAME = "unfinished"
"""The directory of the runs that have not ended, in the output directory."""

SUMMARY_NAME = "batch.json"

_OWN_NAMES = (UNFINISHED_NAME, SUMMARY_NAME)
_ALT_SUFFIXES = (".alt", ".json", ".yaml", ".yml")


@dataclass(frozen=True)
class BatchFile:
    """One file of a batch.

    Attributes:
        path: as it stands in the index.
        inputs: values for references to inputs, for this file alone.
        line: of the manifest in which it stands, from 1; None without one.
    """

    path: Path
    inputs: Mapping[str, Any] = field(default_factory=dict)
    line: int | None = None

    @cached_property
    def key(self) -> FileKey:
        """By which the file is known: one path with other inputs is another file."""
        path = str(self.path)
        if not self.inputs:
            return path, None
        return path, hashlib.sha256(json.dumps(self.inputs, sort_keys=True, default=str).encode()).hexdigest()


def batch_files(source: str, output_dir: Path) -> list[BatchFile]:
    """The files that a source stands for, each once.

    Args:
        source: a directory (its ALT files, at any depth), a pattern such as `flows/*.alt.json` (`**` for any depth), or
            a manifest: a file `….jsonl` whose lines are paths (JSON texts) or objects with `path` and `inputs`, paths
            relative to the manifest.
        output_dir: what a batch wrote there is passed over.

    Raises:
        ConfigurationError: there is no such directory, one below it cannot be looked into, no file fits, or a line of
            the manifest cannot be understood.
    """
    place = Path(source)
    is_own = _what_batches_wrote(output_dir)
    if source.endswith(".jsonl"):
        found = list(_in_manifest(place))
    elif place.is_dir():
        below = sorted(path for path in _below(place, is_own) if path.suffix.lower() in _ALT_SUFFIXES)
        found = [BatchFile(path) for path in below]
    elif glob.has_magic(source):
        fitting = map(Path, sorted(glob.glob(source, recursive=True)))  # noqa: PTH207  ** and absolute
        found = [BatchFile(path) for path in fitting if not path.is_dir() and not is_own(path)]
    elif place.is_file():
        found = [BatchFile(place)]
    else:
        raise ConfigurationError(f"{source}: there is no such directory, file or pattern")
    if not found:
        raise ConfigurationError(f"{source}: there is no ALT file (*.alt, *.json, *.yaml, *.yml)")
    first: dict[FileKey, BatchFile] = {}
    for each in found:
        first.setdefault(each.key, each)
    return list(first.values())


def content_of(path: Path) -> bytes:
    """The content of a file, cut behind what an ALT file may have at most. It never waits for somebody to write.

    Raises:
        OSError: it cannot be read, or is no regular file: a pipe or a device may have no end.
        ValueError: the path cannot be the name of a file.
    """
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        return file.read(Limits().size_bytes + 1)


def _below(directory: Path, is_own: Callable[[Path], bool]) -> Iterator[Path]:
    """The files at any depth; a directory that cannot be looked into is told, for files in it would be missing."""

    def refuse(error: OSError) -> None:
        raise ConfigurationError(f"{error.filename} cannot be looked into: {error.strerror}")

    for place, directories, names in os.walk(directory, onerror=refuse):
        directories[:] = [name for name in directories if not is_own(Path(place, name))]
        yield from (path for path in (Path(place, name) for name in names) if not is_own(path))


def _what_batches_wrote(output_dir: Path) -> Callable[[Path], bool]:
    """Tells whether a path is one that a batch wrote into its output directory, which may be around the files."""
    output_dir = output_dir.resolve()
    resolved = cache(Path.resolve)

    def is_own(path: Path) -> bool:
        place = resolved(path.parent) / path.name
        if output_dir not in place.parents:
            return False
        first = place.relative_to(output_dir).parts[0]
        return first in _OWN_NAMES or re.fullmatch(RUN_NAME, first) is not None

    return is_own


def _in_manifest(manifest: Path) -> Iterator[BatchFile]:
    try:
        lines = manifest.read_text(encoding="utf-8-sig").split("\n")  # other separators may stand in a text
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"the manifest {manifest} cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _entry(manifest, number, line)


def _entry(manifest: Path, number: int, line: str) -> BatchFile:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{manifest}, line {number}: not JSON: {error}") from error
    if isinstance(entry, str):
        entry = {"path": entry}
    if not isinstance(entry, dict) or not isinstance(path := entry.get("path"), str) or not path or "\0" in path:
        raise ConfigurationError(
            f'{manifest}, line {number}: write a path in quotes, or {{"path": …, "inputs": {{…}}}}'
        )
    inputs = entry.get("inputs", {})
    unknown = entry.keys() - {"path", "inputs"}
    if not isinstance(inputs, dict) or unknown:
        what = f"there is no field {min(unknown)!r}" if unknown else "the inputs must be an object"
        raise ConfigurationError(f"{manifest}, line {number}: {what}")
    return BatchFile(manifest.parent / path, inputs, number)

"""Which files a batch runs: those of a directory, of a pattern, or of a manifest."""

from __future__ import annotations

import glob
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from altlas_runner.errors import ConfigurationError

__all__ = ["BatchFile", "FileKey", "batch_files"]

FileKey = tuple[str, str | None]
"""By which a file of a batch is known: its path, and the SHA-256 of its inputs, or None without any."""

_ALT_SUFFIXES = (".alt", ".json", ".yaml", ".yml")


@dataclass(frozen=True, slots=True)
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

    @property
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
        output_dir: not looked into: what batches wrote is no source.

    Raises:
        ConfigurationError: there is no such directory, no file fits, or a line of the manifest cannot be understood.
    """
    place = Path(source)
    if source.endswith(".jsonl"):
        found = list(_in_manifest(place))
    elif place.is_dir():
        found = [BatchFile(path) for path in sorted(place.rglob("*")) if path.suffix.lower() in _ALT_SUFFIXES]
    elif glob.has_magic(source):
        found = [BatchFile(Path(path)) for path in sorted(glob.glob(source, recursive=True))]  # noqa: PTH207  ** and absolute
    elif place.is_file():
        found = [BatchFile(place)]
    else:
        raise ConfigurationError(f"{source}: there is no such directory, file or pattern")
    outside = output_dir.absolute()
    found = [each for each in found if outside not in each.path.absolute().parents and not each.path.is_dir()]
    if not found:
        raise ConfigurationError(f"{source}: there is no ALT file (*.alt, *.json, *.yaml, *.yml)")
    return list({each.key: each for each in found}.values())


def _in_manifest(manifest: Path) -> Iterator[BatchFile]:
    try:
        lines = manifest.read_text(encoding="utf-8").splitlines()
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

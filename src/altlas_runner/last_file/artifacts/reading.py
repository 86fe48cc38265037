"""Artifacts read back from a bundle that somebody may have tampered with: no link, no bomb, no other content."""

from __future__ import annotations

import hashlib
import os
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from altlas_runner.errors import BundleError
from altlas_runner.last_file.artifacts.places import open_file_below
from altlas_runner.last_file.artifacts.store import ARTIFACTS_NAME, HOLDS_OUTPUT

if TYPE_CHECKING:
    from altlas_runner.results import Artifact, TaskResult

__all__ = ["OUTPUT_REFERENCE", "output_artifact", "read_artifact", "read_output"]

OUTPUT_REFERENCE = "$artifact"
"""The only key of what stands in the place of an output that is an artifact; its value is the artifact's id."""

_MOST_BYTES = 1 << 28
_HIGHEST_RATIO = 1100
"""Deflate cannot pack more than about 1,032 to one."""


def read_artifact(bundle: Path | str, artifact: Artifact, *, most_bytes: int = _MOST_BYTES) -> bytes:
    """The content of an artifact, as it was before compression.

    Args:
        bundle: the directory of the bundle, or its `result.last`.
        artifact: as the LAST file has it.
        most_bytes: how large it may be.

    Raises:
        BundleError: the file is missing, a link, not where artifacts are, larger than its record says or than
            `most_bytes`, or has other content than was written.
    """
    directory = Path(bundle)
    if directory.is_file():
        directory = directory.parent
    place = directory / artifact.path
    steps = artifact.path.split("/")
    if steps[0] != ARTIFACTS_NAME:
        raise BundleError(place, f"artifacts are in {ARTIFACTS_NAME}/ only")
    if not 0 <= artifact.size_bytes <= most_bytes:
        raise BundleError(place, f"it has {artifact.size_bytes:,} bytes; at most {most_bytes:,} are read")
    try:
        content = _read(open_file_below(directory, steps), artifact)
    except OSError as error:
        raise BundleError(place, f"cannot be read: {error.strerror or error}") from error
    except zlib.error as error:
        raise BundleError(place, f"is no gzip: {error}") from error
    if content is None or len(content) != artifact.size_bytes:
        raise BundleError(place, f"does not have the {artifact.size_bytes:,} bytes that {artifact.id!r} has")
    if hashlib.sha256(content).hexdigest() != artifact.sha256:
        raise BundleError(place, f"does not have the content of {artifact.id!r}: its SHA-256 differs")
    return content


def read_output(bundle: Path | str, result: TaskResult) -> Any:
    """The output of a task, also when it was too large for `result.last` and became an artifact.

    Raises:
        BundleError: that artifact cannot be read.
    """
    artifact = output_artifact(result)
    if artifact is None:
        return result.output
    try:
        return from_json(read_artifact(bundle, artifact))
    except ValueError as error:
        raise BundleError(Path(bundle) / artifact.path, f"is not JSON: {error}") from error


def output_artifact(result: TaskResult) -> Artifact | None:
    """The artifact that holds the output of a task; None when the output stands in the result itself."""
    output = result.output
    if not (isinstance(output, dict) and output.keys() == {OUTPUT_REFERENCE}):
        return None
    for artifact in result.artifacts or ():
        if artifact.id == output[OUTPUT_REFERENCE] and HOLDS_OUTPUT.items() <= (artifact.metadata or {}).items():
            return artifact
    return None


def _read(descriptor: int, artifact: Artifact) -> bytes | None:
    """At most one byte more than the record says; None when the file cannot have it at all."""
    limit = artifact.size_bytes + 1
    with os.fdopen(descriptor, "rb") as file:
        if (artifact.metadata or {}).get("compression") != "gzip":
            return file.read(limit)
        stored_bytes = os.fstat(descriptor).st_size
        if artifact.size_bytes > _HIGHEST_RATIO * stored_bytes or stored_bytes > limit + 1024:
            return None
        unpacking = zlib.decompressobj(wbits=31)
        content = unpacking.decompress(file.read(), limit)
        return content if unpacking.eof or len(content) == limit else None

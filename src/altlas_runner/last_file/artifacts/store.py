"""The artifacts of a bundle on their way in: streamed to disk as tasks complete, whole or not at all."""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

from pydantic_core import to_json

from altlas_runner.last_file.artifacts.names import UniqueNames, directory_name, safe_name
from altlas_runner.last_file.artifacts.offers import ArtifactLimits, Offer, offers_of
from altlas_runner.last_file.artifacts.places import open_directory, open_file_below
from altlas_runner.last_file.artifacts.previews import MOST_PREVIEW_BYTES, PREVIEW, preview_of
from altlas_runner.last_file.artifacts.types import artifact_type_of, mime_type_of
from altlas_runner.last_file.artifacts.writing import CHUNK_LENGTH, TooLargeError, Written, write_content
from altlas_runner.last_file.visible_text import shortened, visible
from altlas_runner.redaction import Redactor
from altlas_runner.results import Artifact, KeptArtifacts

__all__ = ["ARTIFACTS_NAME", "HOLDS_OUTPUT", "BundleArtifacts"]

ARTIFACTS_NAME = "artifacts"
"""The directory for artifacts inside a bundle."""

HOLDS_OUTPUT = {"holds": "output"}
"""The metadata of an artifact that is the whole output of its task."""

_MOST_PROBLEMS = 20
_NAME_SHOWN = 80
_log = logging.getLogger("altlas_runner")


class BundleArtifacts:
    """The directory `artifacts` of one bundle; it satisfies `ArtifactStore`.

    Each task has a directory of its own in it, made with its first artifact. No link is followed, nothing that is there
    is overwritten, and an artifact has its name only when all of it is on the disk.

    Args:
        bundle: the directory of the bundle.
        compress: whether content is compressed where that makes it smaller.
        redactor: removes secrets from texts.
        limits: how much one task may give away.
        kept: artifacts that the bundle has already; their previews count against the limit of the bundle.
    """

    def __init__(
        self,
        bundle: Path,
        *,
        compress: bool,
        redactor: Redactor | None = None,
        limits: ArtifactLimits | None = None,
        kept: Iterable[Artifact] = (),
    ) -> None:
        self._bundle = bundle
        self._compress = compress
        self._redactor = redactor or Redactor(())
        self._limits = limits or ArtifactLimits()
        self._names: dict[str, UniqueNames] = {}
        self._lock = threading.Lock()
        previews = [(artifact.metadata or {}).get(PREVIEW) for artifact in kept]
        self._preview_room = MOST_PREVIEW_BYTES - sum(len(to_json(preview)) for preview in previews if preview)

    def keep(
        self, task_id: str, output: Any, given: Sequence[Mapping[str, Any]], *, files_in: Path | None
    ) -> KeptArtifacts:
        """Keep what a task gives away; what cannot be kept is told among the problems, and logged."""
        artifacts: list[Artifact] = []
        problems: list[str] = []
        offers = offers_of(output, given, may_name_files=files_in is not None, limits=self._limits)
        for offer in offers:
            if isinstance(offer, str):
                problems.append(offer)
                continue
            try:
                artifacts.append(self._kept(task_id, self._clean(offer), files_in))
            except (OSError, TooLargeError, ValueError) as error:
                reason = error.strerror if isinstance(error, OSError) and error.strerror else error
                problems.append(f"{_shown(offer.name)} cannot be kept: {reason}")
        if len(problems) > _MOST_PROBLEMS:
            problems[_MOST_PROBLEMS:] = [f"and {len(problems) - _MOST_PROBLEMS:,} more"]
        problems = [visible(self._redactor.text(problem)) for problem in problems]
        for problem in problems:
            _log.warning("task %s: %s", _shown(self._redactor.text(task_id)), problem)
        return KeptArtifacts(artifacts, problems)

    def keep_output(self, task_id: str, output: Any) -> Artifact:
        """Keep a whole output, free of secrets already, as an artifact in JSON.

        Raises:
            OSError: it cannot be written.
        """
        with self._directory_of(task_id) as (directory, directory_id):
            name = self._take_name(directory, directory_id, "output.json")
            written = write_content(directory, name, _chunks(to_json(output)), compress=self._compress, most_bytes=None)
        path = f"{ARTIFACTS_NAME}/{directory_id}/{written.name}"
        return Artifact(
            id=f"{directory_id}/{name}",
            artifact_type="json",
            mime_type="application/json",
            size_bytes=written.size_bytes,
            sha256=written.sha256,
            path=path,
            description="the whole output of the task",
            metadata={**HOLDS_OUTPUT, **_compression(written), **self._preview("application/json", written)},
        )

    def remove_others(self, kept: Iterable[Artifact]) -> None:
        """Remove what no artifact names: of a run without a result, of an earlier bundle of the same id."""
        root = self._bundle / ARTIFACTS_NAME
        named = {artifact.path for artifact in kept}
        for directory in _inside(root):
            with suppress(OSError):
                if directory.is_symlink() or not directory.is_dir():
                    directory.unlink()
                    continue
                for file in _inside(directory):
                    if f"{ARTIFACTS_NAME}/{directory.name}/{file.name}" not in named:
                        shutil.rmtree(file) if file.is_dir() and not file.is_symlink() else file.unlink()
                directory.rmdir()  # fails where something is left in it
        with suppress(OSError):
            root.rmdir()

    def _kept(self, task_id: str, offer: Offer, files_in: Path | None) -> Artifact:
        with (
            _content_of(offer, files_in, self._limits) as chunks,
            self._directory_of(task_id) as (directory, directory_id),
        ):
            wished = safe_name(offer.name)
            name = self._take_name(directory, directory_id, wished)
            written = write_content(
                directory,
                name,
                chunks,
                compress=self._compress,
                most_bytes=self._limits.size_bytes,
                redactor=self._redactor,
            )
        mime_type = mime_type_of(wished, offer.mime_type, written.head)
        original = {} if offer.name == name else {"name": offer.name[: 4 * _NAME_SHOWN]}
        notes = {**original, **_compression(written), **self._preview(mime_type, written)}
        return Artifact(
            id=f"{directory_id}/{name}",
            artifact_type=artifact_type_of(wished, mime_type),
            mime_type=mime_type,
            size_bytes=written.size_bytes,
            sha256=written.sha256,
            path=f"{ARTIFACTS_NAME}/{directory_id}/{written.name}",
            description=offer.description,
            metadata=notes or None,
        )

    def _clean(self, offer: Offer) -> Offer:
        """The offer without secrets in what is said of its content."""
        text = self._redactor.text
        return replace(
            offer,
            name=text(offer.name),
            mime_type=offer.mime_type and text(offer.mime_type),
            description=offer.description and text(offer.description),
        )

    @contextmanager
    def _directory_of(self, task_id: str) -> Iterator[tuple[int, str]]:
        """A descriptor of the task's directory, and the directory's name; what was written in it is durable then."""
        name = directory_name(self._redactor.text(task_id))
        self._bundle.mkdir(parents=True, exist_ok=True)
        root = open_directory(self._bundle, ARTIFACTS_NAME)
        try:
            directory = open_directory(root, name)
        finally:
            os.close(root)
        try:
            yield directory, name
            os.fsync(directory)
        finally:
            os.close(directory)

    def _preview(self, mime_type: str, written: Written) -> dict[str, Any]:
        """The preview, as long as the bundle has room for it."""
        preview = preview_of(mime_type, written.size_bytes, written.head)
        if preview is None:
            return {}
        size = len(to_json(preview))
        with self._lock:
            if size > self._preview_room:
                return {}
            self._preview_room -= size
        return {PREVIEW: preview}

    def _take_name(self, directory: int, directory_id: str, wished: str) -> str:
        with self._lock:
            if directory_id not in self._names:
                self._names[directory_id] = UniqueNames(os.listdir(directory))
            return self._names[directory_id].take(wished)


@contextmanager
def _content_of(offer: Offer, files_in: Path | None, limits: ArtifactLimits) -> Iterator[Iterable[bytes]]:
    if offer.content is not None:
        yield _chunks(offer.content)
        return
    assert offer.path is not None
    assert files_in is not None
    try:
        steps = PurePath(offer.path).relative_to(os.path.realpath(files_in)).parts
    except ValueError:
        raise OSError("it is outside the task's directory for artifacts") from None
    with os.fdopen(open_file_below(files_in, steps), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > limits.size_bytes:
            raise TooLargeError(size, limits.size_bytes)
        yield iter(lambda: file.read(CHUNK_LENGTH), b"")


def _inside(directory: Path) -> list[Path]:
    """What is in a directory; nothing when it is none, cannot be read, or is a link."""
    with suppress(OSError):
        return [] if directory.is_symlink() else list(directory.iterdir())
    return []


def _chunks(content: bytes) -> Iterator[bytes]:
    return (content[at : at + CHUNK_LENGTH] for at in range(0, len(content), CHUNK_LENGTH))


def _compression(written: Written) -> dict[str, Any]:
    return {"compression": "gzip"} if written.compressed else {}


def _shown(text: str) -> str:
    return f'"{visible(shortened(text, _NAME_SHOWN))}"'

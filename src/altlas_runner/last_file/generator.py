"""`LastFileGenerator`: gathers the results of a run into a LAST file and writes its bundle."""

from __future__ import annotations

import contextlib
import copy
import logging
import threading
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from altlas_runner.errors import BundleError
from altlas_runner.last_file.artifacts import BundleArtifacts, has_offers
from altlas_runner.last_file.artifacts.reading import OUTPUT_REFERENCE
from altlas_runner.last_file.bundle import REPORT_NAME, bundle_directory, prepare_directory, write_bundle
from altlas_runner.last_file.gather import gather_last_file, redactor_for
from altlas_runner.last_file.graph import dot_text, render_png
from altlas_runner.last_file.json_chunks import json_chunks
from altlas_runner.last_file.json_values import is_longer_than
from altlas_runner.last_file.models import as_utc
from altlas_runner.last_file.report import render_report

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from altlas_runner.alt_file import AltFile, Task
    from altlas_runner.last_file.models import LastFile
    from altlas_runner.redaction import Redactor
    from altlas_runner.results import Artifact, TaskResult

__all__ = ["LastFileGenerator"]

_log = logging.getLogger("altlas_runner")

MOST_OUTPUT_BYTES = 1 << 20
"""An output that is longer than this as JSON becomes an artifact."""


_RENDERING = threading.Lock()
"""Held by the thread that renders: several would only keep the interpreter from each other and from event loops."""


class LastFileGenerator:
    """Makes LAST bundles under one output directory.

    Args:
        output_dir: made when it is missing. Each bundle is a directory in it, named after the LAST file's id.

    Example:
        >>> generator = LastFileGenerator("output").with_graphs(False)
    """

    def __init__(self, output_dir: Path | str) -> None:
        self.output_dir = Path(output_dir)
        self._graphs = True
        self._compression = True

    def with_graphs(self, graphs: bool) -> LastFileGenerator:
        """A generator that does, or does not, write the graph as `<last id>.dot` and `<last id>.png`.

        The report shows the graph either way.
        """
        other = copy.copy(self)
        other._graphs = graphs
        return other

    def with_compression(self, compression: bool) -> LastFileGenerator:
        """A generator that does, or does not, compress artifacts where that makes them smaller."""
        other = copy.copy(self)
        other._compression = compression
        return other

    def artifact_store(
        self, last_id: str, *, redactor: Redactor | None = None, kept: Iterable[Artifact] = ()
    ) -> BundleArtifacts:
        """Where the artifacts of a run go while it runs: the directory `artifacts` of its bundle.

        Args:
            last_id: the id of the run.
            redactor: removes secrets from artifacts that are text.
            kept: artifacts that are in the bundle already, when the run is resumed.

        Raises:
            BundleError: the id is no safe directory name.

        Example:
            >>> store = LastFileGenerator("output").artifact_store("last_1")
            >>> TaskManager(alt_file, executor, run_id="last_1", artifact_store=store)  # doctest: +SKIP
        """
        directory = bundle_directory(self.output_dir, last_id)
        return BundleArtifacts(directory, compress=self._compression, redactor=redactor, kept=kept)

    def make_directory(self, last_id: str) -> None:
        """Make the (empty) directory of a bundle, so that one that cannot be written is found before the run.

        Raises:
            BundleError: the id is no safe directory name, or the directory cannot be made or written.
        """
        prepare_directory(bundle_directory(self.output_dir, last_id))

    def remove_directory(self, last_id: str) -> None:
        """Take back `make_directory` after a run that has no results, with the artifacts that no result names.

        A directory with other files in it stays.
        """
        self.artifact_store(last_id).remove_others([])
        with contextlib.suppress(OSError):
            bundle_directory(self.output_dir, last_id).rmdir()

    def generate(
        self,
        alt_file: AltFile,
        task_results: Iterable[TaskResult],
        *,
        last_id: str | None = None,
        started_at: datetime | None = None,
        completed_at: datetime | None = None,
        selection: Sequence[str] | None = None,
        resolved: Mapping[str, Task] | None = None,
        redactor: Redactor | None = None,
        provenance: Mapping[str, str] | None = None,
        warnings: Sequence[str] = (),
        journal: bool = False,
    ) -> LastFile:
        """Gather a LAST file and write its bundle `<output_dir>/<last id>/`.

        Everything is rendered before the first file of it but artifacts is written, and `result.last` is written last.
        Outputs of more than 1 MiB become artifacts, and so does what results without artifacts offer in their outputs.

        Args:
            alt_file: what was run.
            task_results: one for each task of the run, in any order.
            last_id: the id of the run; a new `last_<uuid>` when None.
            started_at: when the run began; the earliest start of a task when None.
            completed_at: when the run ended; the latest end of a task when None.
            selection: ids of the tasks that were meant to run, or None for all. A run is a success only when each of
                them completed.
            resolved: tasks with their references resolved, by id (`TaskManager.resolved_tasks`); the others are shown
                as they stand in the ALT file.
            redactor: removes configured secrets from everything that is written.
            provenance: facts by name about where the run comes from, or None.
            warnings: what else must be known of the run, in words.
            journal: whether the bundle has a journal, so that the run can be resumed.

        Returns:
            The LAST file as it was written.

        Raises:
            BundleError: the id is no safe directory name, or the bundle cannot be written.
        """
        last_id = last_id or f"last_{uuid.uuid4()}"
        directory = bundle_directory(self.output_dir, last_id)
        results = list(task_results)
        now = datetime.now(UTC)
        ended = completed_at or max((as_utc(r.completed_at) for r in results if r.completed_at), default=now)
        started = started_at or min((as_utc(r.started_at) for r in results if r.started_at), default=ended)
        redactor = redactor_for(alt_file, resolved or {}, redactor)
        kept = [artifact for result in results for artifact in result.artifacts or ()]
        store = BundleArtifacts(directory, compress=self._compression, redactor=redactor, kept=kept)
        last_file = gather_last_file(
            alt_file,
            [_with_artifacts(result, store) for result in results],
            last_id=last_id,
            started_at=started,
            completed_at=ended,
            selection=selection,
            resolved=resolved,
            redactor=redactor,
            provenance=provenance,
            warnings=warnings,
            journal=journal,
        )
        try:
            for result in last_file.task_results:
                if is_longer_than(result.output, MOST_OUTPUT_BYTES):
                    _move_output(result, store)
        except OSError as error:
            raise BundleError(directory, f"an output cannot be written: {error.strerror or error}") from error
        others = self._graph_files(last_file) if self._graphs else {}
        with _RENDERING:
            others[REPORT_NAME] = render_report(last_file).encode()
        write_bundle(directory, json_chunks(last_file), others)
        store.remove_others(last_file.get_all_artifacts())
        return last_file

    def _graph_files(self, last_file: LastFile) -> dict[str, bytes]:
        """The graph's files by name; tells the LAST file of the picture, or why there is none."""
        text = dot_text(last_file)
        files = {f"{last_file.id}.dot": text.encode()}
        png, warning = render_png(dot_text(last_file, for_picture=True))
        if png is not None:
            last_file.execution_graph_path = f"{last_file.id}.png"
            files[last_file.execution_graph_path] = png
        if warning is not None:
            _log.warning("%s", warning)
            last_file.metadata["runner"]["warnings"].append(warning)
        return files


def _with_artifacts(result: TaskResult, store: BundleArtifacts) -> TaskResult:
    """The result with the artifacts that its output offers, unless a store has taken them during the run."""
    if result.artifacts is not None or not has_offers(result.output):
        return result
    kept = store.keep(result.task_id, result.output, (), files_in=None)
    metadata = (
        {**(result.metadata or {}), "artifact_problems": list(kept.problems)} if kept.problems else result.metadata
    )
    return replace(result, artifacts=list(kept.artifacts), metadata=metadata)


def _move_output(result: TaskResult, store: BundleArtifacts) -> None:
    artifact = store.keep_output(result.task_id, result.output)
    result.artifacts = [*(result.artifacts or ()), artifact]
    result.output = {OUTPUT_REFERENCE: artifact.id}

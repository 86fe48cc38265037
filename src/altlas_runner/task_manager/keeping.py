"""What tasks give away goes into the artifact store the moment they complete, before their result is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from altlas_runner.alt_file.diagnostics import quoted
from altlas_runner.execution import ArtifactStore, Outcome
from altlas_runner.results import KeptArtifacts

__all__ = ["ArtifactKeeping"]

_log = logging.getLogger("altlas_runner")
_NAMES_SHOWN = 10


class ArtifactKeeping:
    """Hands the artifacts of completed attempts to a store.

    Args:
        store: None when there is none: what is in outputs stays there, and of everything else the result says that it
            was not kept.
        files_of: the directory in which a task may name files, by task id; None for a task that may not.
    """

    def __init__(self, store: ArtifactStore | None, files_of: Callable[[str], Path | None]) -> None:
        self._store = store
        self._files_of = files_of

    async def keep(self, task_id: str, outcome: Outcome) -> Outcome:
        """The outcome of an attempt, with what became of its artifacts if it completed and has any.

        A cancellation waits until the store is done: whoever asked for it decides what the outcome is worth.
        """
        in_output = self._store is not None and isinstance(outcome.output, dict) and outcome.output.get("artifacts")
        if not outcome.ok or not (outcome.artifacts or in_output):
            return outcome
        keeping = asyncio.ensure_future(self._kept(task_id, outcome))
        try:
            kept = await asyncio.shield(keeping)
        except asyncio.CancelledError:
            kept = await keeping
        return replace(outcome, kept=kept)

    async def _kept(self, task_id: str, outcome: Outcome) -> KeptArtifacts:
        if self._store is None:
            return _not_kept(task_id, outcome)
        files_in = self._files_of(task_id)
        try:
            return await asyncio.to_thread(
                self._store.keep, task_id, outcome.output, outcome.artifacts, files_in=files_in
            )
        except Exception as error:  # a store of somebody else may raise anything; the task keeps its output
            _log.exception("task %s: the artifact store raised", quoted(task_id))
            return KeptArtifacts((), [f"the artifact store failed: {type(error).__name__}"])


def _not_kept(task_id: str, outcome: Outcome) -> KeptArtifacts:
    names = [quoted(str(artifact.get("name"))[:80]) for artifact in outcome.artifacts[:_NAMES_SHOWN]]
    more = len(outcome.artifacts) - len(names)
    listed = ", ".join([*names, *([f"{more:,} more"] if more else [])])
    problem = f"not kept, because the task manager has no artifact store: {listed}"
    _log.warning("task %s: %s", quoted(task_id), problem)
    return KeptArtifacts((), [problem])

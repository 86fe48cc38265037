"""Runs that are known from their bundles alone: of an earlier life of the service, of others, or long ended."""

from __future__ import annotations

import asyncio
import os
from collections import Counter, OrderedDict
from collections.abc import Container
from dataclasses import dataclass, replace
from pathlib import Path

from altlas_runner.errors import BundleError
from altlas_runner.event_json import event_to_json
from altlas_runner.last_file import LastFile
from altlas_runner.results import TaskResult
from altlas_runner.run_journal import look_into_run
from altlas_runner.runs import RunEntry, run_entry
from altlas_runner.server.models import RunState, shown_title
from altlas_runner.server.runs import END_REASONS
from altlas_runner.statuses import TaskStatus
from altlas_runner.task_manager.events import RunFinished, RunStarted, TaskFinished

__all__ = ["PastRun", "PastRuns"]

_LOOK_AGAIN_SECONDS = 3.0
_MOST_DETAILS = 1000


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run as its bundle tells it.

    Attributes:
        entry: as the list of runs has it.
        state: where it stands.
        task_count: how many tasks it has.
        counts: how many tasks have each status.
        error: why it has no LAST file, or why it ended early.
        reason: the code of what ended it early, or None.
    """

    entry: RunEntry
    state: RunState
    task_count: int
    counts: Counter[TaskStatus]
    error: str | None = None
    reason: str | None = None


class PastRuns:
    """The bundles of an output directory. What was read once is read again when the directory of the bundle changed.

    Args:
        output_dir: where they are; it need not be there.
    """

    def __init__(self, output_dir: Path) -> None:
        self._output_dir = output_dir
        self._seen: dict[str, tuple[int, RunEntry | None]] = {}
        self._details: OrderedDict[tuple[str, int], PastRun] = OrderedDict()
        self._looking = asyncio.Lock()
        self._looked_at = float("-inf")
        self._newest_first: list[RunEntry] = []

    async def newest_first(self, known: Container[str]) -> list[RunEntry]:
        """Every run that has a bundle, but for those that are known anyway, as of at most a few seconds ago."""
        loop = asyncio.get_running_loop()
        async with self._looking:
            if loop.time() - self._looked_at >= _LOOK_AGAIN_SECONDS:
                self._newest_first = await asyncio.to_thread(self._look, known)
                self._looked_at = loop.time()
        return self._newest_first

    async def find(self, run_id: str) -> PastRun | None:
        """The run with this id, or None."""
        entry = await asyncio.to_thread(self._entry, run_id)
        return None if entry is None else await self.details(entry)

    async def details(self, entry: RunEntry) -> PastRun:
        """What the list does not tell."""
        return await asyncio.to_thread(self._details_of, entry)

    async def events(self, run: PastRun) -> list[str]:
        """Its beginning, the ends of its tasks and its own end: what is left to be told of a run, as events in JSON."""
        return await asyncio.to_thread(_events_of, run)

    def _look(self, known: Container[str]) -> list[RunEntry]:
        seen = {}
        try:
            with os.scandir(self._output_dir) as places:
                for place in places:
                    if place.name in known or not place.is_dir(follow_symlinks=False):
                        continue
                    changed = place.stat(follow_symlinks=False).st_mtime_ns
                    before = self._seen.get(place.name)
                    if before is None or before[0] != changed or _is_going_on(before[1]):
                        before = changed, _entry_of(Path(place.path))
                    seen[place.name] = before
        except OSError:  # there is none yet, or a bundle went away meanwhile
            seen = seen or self._seen
        self._seen = seen
        entries = [entry for _, entry in seen.values() if entry is not None]
        return sorted(entries, key=lambda entry: entry.started_at, reverse=True)

    def _entry(self, run_id: str) -> RunEntry | None:
        place = self._output_dir / run_id
        return None if place.is_symlink() or not place.is_dir() else _entry_of(place)

    def _details_of(self, entry: RunEntry) -> PastRun:
        try:
            key = entry.run_id, entry.directory.stat().st_mtime_ns
        except OSError:
            key = entry.run_id, 0
        known = self._details.get(key)
        if known is None or known.entry != entry or _is_going_on(entry):  # an entry of the list may be older
            known = _described(entry)
            self._details[key] = known
            while len(self._details) > _MOST_DETAILS:
                self._details.popitem(last=False)
        return known


def _is_going_on(entry: RunEntry | None) -> bool:
    return entry is not None and entry.state == "running"


def _entry_of(directory: Path) -> RunEntry | None:
    try:
        entry = run_entry(directory)
    except OSError:  # it went away meanwhile
        return None
    return None if entry is None else replace(entry, title=shown_title(entry.title))


def _described(entry: RunEntry) -> PastRun:
    try:
        state, task_count, results = _results_of(entry)
    except BundleError:
        return PastRun(
            entry, RunState.FAILURE, entry.task_count or 0, Counter(), "what is in its bundle cannot be read"
        )
    counts = Counter(result.status for result in results)
    if entry.state in ("running", "interrupted"):
        counts[TaskStatus.PENDING] += task_count - len(results)
        error = (
            "the service, or the process that ran it, ended before the run did"
            if entry.state == "interrupted"
            else None
        )
        return PastRun(entry, state, task_count, counts, error)
    code = next((result.error_code for result in results if result.error_code in END_REASONS), None)
    state = RunState.CANCELLED if code == "CANCELLED" else state
    return PastRun(entry, state, task_count, counts, None if code is None else END_REASONS[code], code)


def _results_of(entry: RunEntry) -> tuple[RunState, int, list[TaskResult]]:
    """Where a run stands, how many tasks it has, and the results that are there."""
    if entry.state == "finished":
        last_file = LastFile.from_path(entry.directory)
        return RunState(last_file.status), len(last_file.task_results), last_file.task_results
    record, description = look_into_run(entry.directory)
    _, meant = description.tasks_meant()
    state = RunState.FAILURE if entry.state == "damaged" else RunState(entry.state)
    return state, len(meant.tasks), list(record.results.values())


def _events_of(run: PastRun) -> list[str]:
    started, ended = run.entry.started_at, run.entry.ended_at
    try:
        _, _, results = _results_of(run.entry)
    except BundleError:
        results = []
    events = [event_to_json(RunStarted(started, run.entry.run_id, run.task_count))]
    ends = [TaskFinished(result.completed_at or started, result.task_id, result) for result in results]
    events += map(event_to_json, sorted(ends, key=lambda event: event.at))
    if ended is not None:
        completed = run.counts[TaskStatus.COMPLETED]
        end = RunFinished(ended, run.entry.run_id, run.task_count, completed, run.reason)
        events.append(event_to_json(end))
    return events

"""The content of the report, computed from a LAST file; the template only lays it out."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from altlas_runner.last_file.graph import RunGraph, render_svg
from altlas_runner.last_file.graph.svg import MAX_DEPENDENCIES, MAX_TASKS
from altlas_runner.last_file.models import RunStatus, as_utc, percent
from altlas_runner.last_file.report.causes import causes_of_skips, skipped_by_cause
from altlas_runner.last_file.report.formats import Excerpt, excerpt_of, format_cost, format_duration, format_time
from altlas_runner.last_file.report.task_views import ID_LENGTH, Reference, TaskRow, TaskSection, row_of, section_of
from altlas_runner.last_file.task_notes import TaskNote, read_task_notes
from altlas_runner.last_file.visible_text import shortened
from altlas_runner.statuses import TaskStatus

if TYPE_CHECKING:
    from altlas_runner.last_file.models import LastFile
    from altlas_runner.results import TaskResult

__all__ = ["ReportView", "view_of"]

EXCERPT_LENGTH = 20_000
"""Characters shown of an output, a description or parameters; fewer where there are many tasks."""
_ALL_EXCERPTS = 4_000_000
_MIN_EXCERPT = 500
_SECTIONS = 2_000
_FAILURES = 200
_LISTED_SKIPS = 20
_TITLE_LENGTH = 300

_STATUS_ORDER = (
    TaskStatus.FAILED,
    TaskStatus.TIMEOUT,
    TaskStatus.CANCELLED,
    TaskStatus.SKIPPED,
    TaskStatus.RUNNING,
    TaskStatus.PENDING,
    TaskStatus.COMPLETED,
)
"""Also the order in which tasks get their sections when there are too many of them."""


@dataclass(frozen=True, slots=True)
class Share:
    """How many tasks have a status, and where they stand on a bar of 100 units."""

    status: TaskStatus
    count: int
    start: str
    length: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A task that failed by itself, and what came of it."""

    task: Reference
    status: TaskStatus
    code: str
    error: str
    attempts: int
    skipped: list[Reference]
    more_skipped: int


@dataclass(frozen=True, slots=True)
class ReportView:
    """Everything that the template shows."""

    title: str
    description: Excerpt | None
    status: RunStatus
    verdict: str
    last_id: str
    started: str
    duration: str
    shares: list[Share]
    tiles: list[tuple[str, str, str]]
    failures: list[Failure]
    more_failures: int
    cancelled: list[Reference]
    more_cancelled: int
    svg: str | None
    graph_note: str
    rows: list[TaskRow]
    sections: list[TaskSection]
    tasks_without_section: int
    warnings: list[str]
    provenance: list[tuple[str, str]]
    metadata: Excerpt | None


def view_of(last_file: LastFile) -> ReportView:
    """Compute what the report of a LAST file says."""
    return _Composer(last_file).view()


class _Composer:
    """The tables that several parts of the report share: graph, results, notes and references by task index."""

    def __init__(self, last_file: LastFile) -> None:
        self.last_file = last_file
        self.graph = RunGraph.from_last_file(last_file)
        self.started = as_utc(last_file.execution_started)
        result_of = {result.task_id: result for result in last_file.task_results}
        note_of = {note.task_id: note for note in read_task_notes(last_file.metadata)}
        self.results: list[TaskResult | None] = [result_of.get(task_id) for task_id in self.graph.task_ids]
        self.notes = [note_of.get(task_id) or TaskNote(task_id) for task_id in self.graph.task_ids]
        self.causes = causes_of_skips(self.graph)
        self.with_section = self._choose_sections()
        self.references = [
            Reference(shortened(task_id, ID_LENGTH), f"#t{task}" if task in self.with_section else "")
            for task, task_id in enumerate(self.graph.task_ids)
        ]
        self.reference_of = dict(zip(self.graph.task_ids, self.references, strict=True))

    def view(self) -> ReportView:
        last_file = self.last_file
        total_ms = last_file.total_execution_time_ms
        rows = [
            row_of(reference, result, self.started, total_ms)
            for reference, result in zip(self.references, self.results, strict=True)
        ]
        failed = [t for t, s in enumerate(self.graph.statuses) if s in (TaskStatus.FAILED, TaskStatus.TIMEOUT)]
        cancelled = [t for t, s in enumerate(self.graph.statuses) if s is TaskStatus.CANCELLED]
        skipped = skipped_by_cause(self.causes)
        svg = render_svg(
            self.graph,
            captions=[f"{row.status}{f' · {row.duration}' if row.duration else ''}" for row in rows],
            links=[reference.link or None for reference in self.references],
        )
        metadata = {key: value for key, value in last_file.metadata.items() if key != "runner"}
        return ReportView(
            title=shortened(last_file.title, _TITLE_LENGTH),
            description=excerpt_of(last_file.description, EXCERPT_LENGTH) if last_file.description else None,
            status=last_file.status,
            verdict=self._verdict(),
            last_id=shortened(last_file.id, ID_LENGTH),
            started=format_time(self.started),
            duration=format_duration(total_ms),
            shares=self._shares(),
            tiles=self._tiles(),
            failures=[self._failure(task, skipped.get(task, [])) for task in failed[:_FAILURES]],
            more_failures=max(0, len(failed) - _FAILURES),
            cancelled=[self.references[task] for task in cancelled[:_LISTED_SKIPS]],
            more_cancelled=max(0, len(cancelled) - _LISTED_SKIPS),
            svg=svg,
            graph_note=self._graph_note(svg),
            rows=rows,
            sections=self._sections(rows),
            tasks_without_section=len(rows) - len(self.with_section),
            warnings=self._warnings(),
            provenance=self._provenance(),
            metadata=excerpt_of(metadata, EXCERPT_LENGTH) if metadata else None,
        )

    def _choose_sections(self) -> set[int]:
        """The tasks that get a section of their own: all, or first those that did not complete."""
        tasks = sorted(range(len(self.graph.task_ids)), key=lambda t: _STATUS_ORDER.index(self.graph.statuses[t]))
        return set(tasks[:_SECTIONS])

    def _verdict(self) -> str:
        total, done = len(self.graph.task_ids), self.graph.statuses.count(TaskStatus.COMPLETED)
        if not total:
            return "The file has no tasks"
        if self.last_file.status is RunStatus.SUCCESS:
            return "The task completed" if total == 1 else f"All {total:,} tasks completed"
        return f"{done:,} of {total:,} tasks completed" if done else "No task completed"

    def _shares(self) -> list[Share]:
        counts = Counter(self.graph.statuses)
        total, start, shares = len(self.graph.statuses), 0.0, []
        for status in reversed(_STATUS_ORDER):
            if counts[status]:
                length = 100 * counts[status] / total
                shares.append(Share(status, counts[status], f"{start:.2f}", f"{length:.2f}"))
                start += length
        return shares

    def _tiles(self) -> list[tuple[str, str, str]]:
        """Label, value and a remark of each tile."""
        usages = [result.usage for result in self.last_file.task_results if result.usage]
        retries = sum(result.retry_count for result in self.last_file.task_results)
        tokens, tokens_remark = "unknown", "none reported"
        if usages:
            into, out = sum(u.input_tokens for u in usages), sum(u.output_tokens for u in usages)
            tokens, tokens_remark = f"{into + out:,}", f"{into:,} in, {out:,} out"
        costs = [usage.cost for usage in usages if usage.cost is not None]
        cost, cost_remark = "unpriced", "no price is known"
        if costs:
            unpriced = len(usages) - len(costs)
            cost = format_cost(sum(costs))
            cost_remark = (
                f"{unpriced:,} task{'' if unpriced == 1 else 's'} unpriced" if unpriced else "all tasks priced"
            )
        results = self.last_file.task_results
        completed = len(self.last_file.get_successful_tasks())
        slowest = max(results, key=lambda result: result.execution_time_ms, default=None)
        rate = percent(self.last_file.success_rate) if results else "none"
        duration_remark = "no task ran"
        if slowest is not None and slowest.execution_time_ms:
            duration_remark = f"{format_duration(slowest.execution_time_ms)} in {shortened(slowest.task_id, 24)}"
        return [
            ("Success rate", rate, f"{completed:,} of {len(results):,} task{'' if len(results) == 1 else 's'}"),
            ("Duration", format_duration(self.last_file.total_execution_time_ms), duration_remark),
            ("Retries", f"{retries:,}", "attempts after the first"),
            ("Tokens", tokens, tokens_remark),
            ("Cost", cost, cost_remark),
        ]

    def _failure(self, task: int, skipped: list[int]) -> Failure:
        result = self.results[task]
        assert result is not None, "a task without result is pending"
        return Failure(
            task=self.references[task],
            status=result.status,
            code=shortened(result.error_code or "", ID_LENGTH),
            error=shortened(result.error or "no reason given", 4 * ID_LENGTH),
            attempts=len(result.attempts),
            skipped=[self.references[t] for t in skipped[:_LISTED_SKIPS]],
            more_skipped=max(0, len(skipped) - _LISTED_SKIPS),
        )

    def _sections(self, rows: list[TaskRow]) -> list[TaskSection]:
        limit = min(EXCERPT_LENGTH, max(_MIN_EXCERPT, _ALL_EXCERPTS // max(1, len(self.with_section))))
        return [
            section_of(
                rows[task],
                self.notes[task],
                self.results[task],
                anchor=f"t{task}",
                dependencies=[
                    self.reference_of.get(d) or Reference(shortened(d, ID_LENGTH))
                    for d in self.notes[task].dependencies
                ],
                cause=self.references[self.causes[task]] if task in self.causes else None,
                started=self.started,
                limit=limit,
            )
            for task in sorted(self.with_section)
        ]

    def _graph_note(self, svg: str | None) -> str:
        tasks, dependencies = len(self.graph.task_ids), self.graph.dependency_count
        if svg is None and tasks:
            return (
                f"The graph has {tasks:,} tasks and {dependencies:,} dependencies, too many to be drawn here (up to "
                f"{MAX_TASKS:,} and {MAX_DEPENDENCIES:,}). The .dot file of this bundle holds all of it."
            )
        return ""

    def _warnings(self) -> list[str]:
        found = _runner(self.last_file).get("warnings")
        return (
            [shortened(w, 4 * ID_LENGTH) for w in found[:50] if isinstance(w, str)] if isinstance(found, list) else []
        )

    def _provenance(self) -> list[tuple[str, str]]:
        last_file = self.last_file
        versions = _runner(last_file).get("versions")
        selection = _runner(last_file).get("selection")
        facts = [
            ("LAST file", last_file.id),
            ("ALT file", last_file.alt_file_id),
            ("Mode", last_file.mode),
            ("Persona", last_file.persona or ""),
            ("Started", format_time(last_file.execution_started)),
            ("Ended", format_time(last_file.execution_completed)),
            ("Selected tasks", json.dumps(selection, ensure_ascii=False) if isinstance(selection, list) else ""),
            ("LAST format", last_file.version),
        ]
        if isinstance(versions, dict):
            facts += [(f"{name} version", str(v)) for name, v in versions.items() if name != "last_format"]
        return [(shortened(name, 60), shortened(fact, 4 * ID_LENGTH)) for name, fact in facts if fact]


def _runner(last_file: LastFile) -> dict[str, Any]:
    runner = last_file.metadata.get("runner")
    return runner if isinstance(runner, dict) else {}

"""What the page shows without a script, computed from a LAST file; the template only lays it out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from altlas_runner.last_file.artifacts.previews import read_preview
from altlas_runner.last_file.graph import collapse, render_svg
from altlas_runner.last_file.graph.svg import can_be_drawn
from altlas_runner.last_file.report.columns import index_of
from altlas_runner.last_file.report.commands import command_to_continue, command_to_look
from altlas_runner.last_file.report.critical_path import critical_path_of
from altlas_runner.last_file.report.details import FULL, detail_of, notable_tasks, preview_excerpt
from altlas_runner.last_file.report.excerpts import Excerpt, excerpt_of
from altlas_runner.last_file.report.failure_groups import FailureGroup, failure_groups
from altlas_runner.last_file.report.formats import format_duration, format_size, format_time
from altlas_runner.last_file.report.headline import (
    Share,
    Tile,
    path_in_words,
    price_in_words,
    shares_of,
    tiles_of,
    vain_in_words,
    verdict_of,
)
from altlas_runner.last_file.report.measures import PERCENTILES, Spending, in_vain, places_of, spending_of, spreads_of
from altlas_runner.last_file.report.provenance import provenance_of, warnings_of
from altlas_runner.last_file.report.run_record import ID_LENGTH, RunRecord
from altlas_runner.last_file.visible_text import shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from altlas_runner.last_file.report.critical_path import CriticalPath
    from altlas_runner.results import Artifact
    from altlas_runner.statuses import TaskStatus

__all__ = ["Reference", "ReportView", "view_of"]

_TITLE_LENGTH = 300
_GROUPS, _GROUP_TASKS = 30, 6
_PATH_TASKS = 12
_SECTIONS, _SECTION_CHARACTERS, _SECTION_LEAST = 200, 100_000, 300
_ARTIFACTS = 100
_PREVIEW_CHARACTERS = 150_000


@dataclass(frozen=True, slots=True)
class Reference:
    """A task that is mentioned, and its address on the page."""

    task_id: str
    link: str


@dataclass(frozen=True, slots=True)
class Group:
    """Failures of one cause with the first of their tasks and a command to look into the first."""

    number: int
    found: FailureGroup
    tasks: list[Reference]
    more: int
    command: str


@dataclass(frozen=True, slots=True)
class PathRow:
    """A task of the critical path: its share of the path as a text and on a bar of 100 units."""

    task: Reference
    status: TaskStatus
    duration: str
    share: str
    start: str
    length: str


@dataclass(frozen=True, slots=True)
class Section:
    """Everything about one task, for readers without scripts."""

    task: Reference
    status: TaskStatus
    duration: str
    dependencies: list[Reference]
    cause: Reference | None
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ArtifactRow:
    """A file of the bundle; `link` is empty when its path leads elsewhere."""

    task: Reference
    path: str
    link: str
    kind: str
    size: str
    sha256: str
    picture: tuple[str, str] | None = None
    excerpt: Excerpt | None = None


@dataclass(frozen=True, slots=True)
class ReportView:
    """Everything that the template shows, and `index` for the scripts."""

    title: str
    description: Excerpt | None
    status: str
    verdict: str
    last_id: str
    started: str
    duration: str
    shares: list[Share]
    tiles: list[Tile]
    next_command: tuple[str, str] | None
    warnings: list[str]
    groups: list[Group]
    more_groups: int
    skipped: int
    path_words: str
    path_rows: list[PathRow]
    more_path: int
    spreads: list[list[str]]
    places: list[list[str]]
    svg: str | None
    graph_note: str
    spending: list[list[str]]
    spending_words: str
    spending_notes: list[list[str]]
    artifacts: list[ArtifactRow]
    more_artifacts: int
    sections: list[Section]
    without_section: int
    provenance: list[tuple[str, str]]
    metadata: Excerpt | None
    percentiles: tuple[int, ...] = PERCENTILES
    index: dict[str, Any] = field(default_factory=dict)


def view_of(record: RunRecord) -> ReportView:
    """Compute what the report of a run says."""
    last_file = record.last_file
    path = critical_path_of(record.graph, record.order, [record.duration(task) for task in range(len(record))])
    groups, group_of = failure_groups(record)
    spent, by_model, extra = spending_of(record)
    vain = in_vain(record)
    svg, graph_note, box_of = _graph(record, path)
    artifacts = [(t, a) for t, r in enumerate(record.results) if r is not None for a in r.artifacts or ()]
    sections = _sections(record)
    metadata = {key: value for key, value in last_file.metadata.items() if key != "runner"}
    return ReportView(
        title=shortened(last_file.title, _TITLE_LENGTH),
        description=excerpt_of(last_file.description, FULL, "/description") if last_file.description else None,
        status=last_file.status,
        verdict=verdict_of(record),
        last_id=shortened(last_file.id, ID_LENGTH),
        started=format_time(last_file.execution_started),
        duration=format_duration(record.total_ms),
        shares=shares_of(record),
        tiles=tiles_of(record, path, spent, vain),
        next_command=command_to_continue(record),
        warnings=warnings_of(last_file),
        groups=[_group(record, number, group) for number, group in enumerate(groups[:_GROUPS])],
        more_groups=max(0, len(groups) - _GROUPS),
        skipped=record.graph.statuses.count("skipped"),  # type: ignore[arg-type]  # a status is its text
        path_words=path_in_words(record, path),
        path_rows=_path_rows(record, path),
        more_path=max(0, len(path.tasks) - _PATH_TASKS),
        spreads=[
            [s.name, f"{s.count:,}", *(format_duration(ms) for ms in (*s.percentiles, s.longest, s.total))]
            for s in spreads_of(record)
        ],
        places=[
            [place.name, f"{place.attempts:,}", f"{place.failed:,}", format_duration(place.milliseconds)]
            for place in places_of(record)
        ],
        svg=svg,
        graph_note=graph_note,
        spending=[_spending_row(row) for row in (by_model if len(by_model) == 1 else [*by_model, spent])]
        if spent.count
        else [],
        spending_words=vain_in_words(vain),
        spending_notes=[_spending_row(row) for row in ([vain.spent] if vain.spent.count else []) + extra],
        artifacts=_artifacts(record, artifacts[:_ARTIFACTS]),
        more_artifacts=max(0, len(artifacts) - _ARTIFACTS),
        sections=sections,
        without_section=len(record) - len(sections),
        provenance=provenance_of(last_file),
        metadata=excerpt_of(metadata, FULL, "/metadata") if metadata else None,
        index=index_of(record, path, groups, group_of, box_of),
    )


def _reference(record: RunRecord, task: int) -> Reference:
    return Reference(record.label(task), "#" + record.link(task))


def _group(record: RunRecord, number: int, group: FailureGroup) -> Group:
    return Group(
        number,
        group,
        [_reference(record, task) for task in group.tasks[:_GROUP_TASKS]],
        max(0, len(group.tasks) - _GROUP_TASKS),
        command_to_look(record, group.tasks[0]),
    )


def _path_rows(record: RunRecord, path: CriticalPath) -> list[PathRow]:
    """The longest tasks of the critical path in its order, each where it stands on the path."""
    starts: dict[int, int] = {}
    passed = 0
    for task in path.tasks:
        starts[task] = passed
        passed += record.duration(task)
    longest = sorted(sorted(path.tasks, key=record.duration)[-_PATH_TASKS:], key=starts.__getitem__)
    return [
        PathRow(
            _reference(record, task),
            record.graph.statuses[task],
            format_duration(record.duration(task)),
            f"{100 * record.duration(task) / path.length_ms:.0f} %",
            f"{100 * starts[task] / path.length_ms:.2f}",
            f"{max(0.5, 100 * record.duration(task) / path.length_ms):.2f}",
        )
        for task in longest
    ]


def _graph(record: RunRecord, path: CriticalPath) -> tuple[str | None, str, list[int] | None]:
    """The drawing, what is to be said about it, and the group of each task when it is drawn by groups."""
    graph = record.graph
    if not graph.task_ids:
        return None, "", None
    if can_be_drawn(graph):
        captions = [
            f"{status} · {format_duration(record.duration(task))}" if record.tries[task] else str(status)
            for task, status in enumerate(graph.statuses)
        ]
        links = [f"#{record.link(task)}" for task in range(len(record))]
        return render_svg(graph, captions=captions, links=links, marked=set(path.tasks)), "", None
    collapsed = collapse(graph)
    links = [f"#box={box}" for box in range(len(collapsed.captions))]
    note = (
        f"Collapsed view: {len(record):,} tasks and {graph.dependency_count:,} dependencies, by kind and layer. "
        "A box leads to its tasks in the table. The .dot file of the bundle holds the whole graph."
    )
    return render_svg(collapsed.graph, captions=collapsed.captions, links=links), note, collapsed.group_of


def _spending_row(row: Spending) -> list[str]:
    return [row.name, f"{row.count:,}", f"{row.input_tokens:,}", f"{row.output_tokens:,}", price_in_words(row)]


def _artifacts(record: RunRecord, artifacts: Sequence[tuple[int, Artifact]]) -> list[ArtifactRow]:
    """Rows of artifacts; the first of them with previews, as many as may stand in the page twice."""
    rows, room = [], _PREVIEW_CHARACTERS
    for task, artifact in artifacts:
        segments = artifact.path.split("/")
        inside = segments[0] == "artifacts" and not {"", ".", ".."} & set(segments) and "\\" not in artifact.path
        row = ArtifactRow(
            _reference(record, task),
            shortened(artifact.path, ID_LENGTH),
            "/".join(quote(segment, safe="") for segment in segments) if inside else "",
            f"{artifact.artifact_type}, {shortened(artifact.mime_type, 80)}",
            format_size(artifact.size_bytes),
            artifact.sha256[:12],
        )
        preview = read_preview(artifact)
        length = len(preview.picture[1] if preview.picture else preview.text) if preview else 0
        if preview is not None and length <= room:
            room -= length
            excerpt = None if preview.picture else preview_excerpt(preview, artifact, FULL)
            row = replace(row, picture=preview.picture, excerpt=excerpt)
        rows.append(row)
    return rows


def _sections(record: RunRecord) -> list[Section]:
    """The first 200 failures, then other notable tasks, then the others as far as there is room."""
    failed = record.failed()[:_SECTIONS]
    notable = sorted(notable_tasks(record) - set(failed))
    chosen = list(dict.fromkeys([*failed, *notable, *range(min(len(record), _SECTIONS))]))[:_SECTIONS]
    limit = min(FULL, max(_SECTION_LEAST, _SECTION_CHARACTERS // max(1, len(chosen))))
    return [
        Section(
            _reference(record, task),
            record.graph.statuses[task],
            format_duration(record.duration(task)) if record.tries[task] else "",
            [_reference(record, d) for d in record.graph.dependencies[task][:_GROUP_TASKS]],
            _reference(record, record.causes[task]) if task in record.causes else None,
            detail_of(record, task, limit),
        )
        for task in (chosen if len(record) > _SECTIONS else sorted(chosen))
    ]

"""`altlas-runner diff`: what changed from one run to another."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from altlas_runner.cli.bundle_source import bundle_argument, read_bundle
from altlas_runner.cli.diagnostics import STDIN
from altlas_runner.cli.main import with_exit_codes
from altlas_runner.cli.text_output import write_text
from altlas_runner.last_file import LastFile
from altlas_runner.last_file.comparison import Comparison, TaskChange, compare, render_comparison
from altlas_runner.last_file.report.formats import format_duration
from altlas_runner.last_file.visible_text import shortened, visible

__all__ = ["diff"]

_TASKS_SHOWN = 20


@click.command()
@bundle_argument("before")
@bundle_argument("after")
@click.option("--json", "as_json", is_flag=True, help="Print the whole comparison as JSON.")
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Write it as a page to FILE (- is stdout).",
)
@with_exit_codes
def diff(before: Path, after: Path, as_json: bool, html: Path | None) -> None:
    """Compare two runs: BEFORE and AFTER are bundles or their result.last, one of them may be - (stdin).

    Said is which tasks ended otherwise, which came out differently, and which took at least a quarter and 0.1 s more or
    less.
    """
    if before == after == STDIN:
        raise click.UsageError("- stands for stdin, which is one result.last; name it once")
    if as_json and html == STDIN:
        raise click.UsageError("--json and --html - both write to stdout; choose one")
    one, other = read_bundle(before), read_bundle(after)
    comparison = compare(one.last_file, other.last_file, read_before=one.output_of, read_after=other.output_of)
    if html is not None:
        write_text(render_comparison(comparison), html)
    if as_json:
        click.echo(json.dumps(_as_dict(comparison), indent=2, ensure_ascii=False))
    elif html is None:
        click.echo("\n".join(_lines(comparison)))
    elif html != STDIN:
        click.echo(str(html))


def _as_dict(comparison: Comparison) -> dict[str, Any]:
    return {
        "before": _run_of(comparison.before),
        "after": _run_of(comparison.after),
        "task_count": comparison.task_count,
        "changes": [asdict(change) | {"status_changed": change.status_changed} for change in comparison.changes],
    }


def _run_of(last_file: LastFile) -> dict[str, Any]:
    return {
        "last_file_id": last_file.id,
        "title": last_file.title,
        "status": last_file.status,
        "success_rate": last_file.success_rate,
        "execution_time_ms": last_file.total_execution_time_ms,
    }


def _lines(comparison: Comparison) -> Iterator[str]:
    for name, run in (("before", comparison.before), ("after", comparison.after)):
        took = format_duration(run.total_execution_time_ms)
        yield f"{name:<7} {visible(run.id)}  {run.status}, {took}  {_shown(run.title, 80)}"
    changes = comparison.changes
    if not changes:
        yield f"no difference in {comparison.task_count:,} tasks"
        return
    sections = [
        ("ended otherwise", [(each, [_statuses(each)]) for each in changes if each.status_changed]),
        ("came out differently", [(each, list(_places(each))) for each in changes if each.output_changed]),
        ("took longer or shorter", [(each, [_durations(each)]) for each in changes if each.duration_changed]),
    ]
    for title, found in sections:
        if found:
            yield ""
            yield f"{len(found):,} of {comparison.task_count:,} tasks {title}"
            yield from _section(found)


def _section(found: Sequence[tuple[TaskChange, list[str]]]) -> Iterator[str]:
    for change, lines in found[:_TASKS_SHOWN]:
        name = _shown(change.task_id, 40)
        for line in lines:
            yield f"  {name:<20}  {line}"
            name = ""
    if len(found) > _TASKS_SHOWN:
        yield f"  and {len(found) - _TASKS_SHOWN:,} more; --json has all"


def _statuses(change: TaskChange) -> str:
    return f"{change.before or 'not part of it'} → {change.after or 'not part of it'}"


def _durations(change: TaskChange) -> str:
    return f"{format_duration(change.before_ms)} → {format_duration(change.after_ms)}"


def _places(change: TaskChange) -> Iterator[str]:
    for difference in change.output_differences:
        place = f"{_shown(difference.path, 60)}  " if difference.path else ""
        yield f"{place}{visible(difference.before)} → {visible(difference.after)}"
    if change.more_differences:
        yield "and more places"


def _shown(text: str, length: int) -> str:
    return visible(shortened(text, length))

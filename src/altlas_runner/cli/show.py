"""`altlas-runner show`: what a bundle says, in the terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from pydantic_core import to_jsonable_python

from altlas_runner.cli.bundle_source import Bundle, bundle_argument, read_bundle
from altlas_runner.cli.main import EXIT_USAGE, fail, with_exit_codes
from altlas_runner.cli.recovering import tell_what_can_be_saved
from altlas_runner.cli.standing import cached_since
from altlas_runner.last_file import LastFile
from altlas_runner.last_file.report.formats import format_cost, format_duration, format_size, format_time
from altlas_runner.last_file.task_notes import TaskNote, read_task_notes
from altlas_runner.last_file.visible_text import shortened, text_width, visible
from altlas_runner.results import TaskResult, Usage
from altlas_runner.statuses import TaskStatus

__all__ = ["show"]

_TASKS_SHOWN = 50
_WIDEST_ID = 40
_WIDEST_STATUS = 9
_LONGEST_ERROR = 100
_LONGEST_TEXT = 20_000
_FIRST = (TaskStatus.FAILED, TaskStatus.TIMEOUT, TaskStatus.CANCELLED, TaskStatus.SKIPPED)
_COLOURS = {"completed": "green", "failed": "red", "timeout": "red", "cancelled": "yellow"}


@click.command()
@bundle_argument()
@click.argument("task", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON: all tasks, or TASK with its whole output.")
@click.option("--recover", is_flag=True, help="Say what can be saved from a journal, also from a damaged one.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, readable=False),
    help="With --recover: the LAST file in which the saved results are written.",
)
@with_exit_codes
def show(bundle: Path, task: str | None, as_json: bool, recover: bool, output: Path | None) -> None:
    """Say how the run in BUNDLE (a directory or its result.last; - is stdin) ended, or how TASK in it did."""
    if recover:
        tell_what_can_be_saved(bundle, output)
        return
    if output is not None:
        fail(EXIT_USAGE, "--output goes with --recover")
    found = read_bundle(bundle)
    if task is None:
        text = json.dumps(_as_dict(found.last_file), indent=2, ensure_ascii=False) if as_json else None
        click.echo(text or "\n".join(_lines(found)))
        return
    result = found.last_file.get_task_result(task)
    if result is None:
        fail(EXIT_USAGE, f"there is no task {shortened(task, 80)!r} in this run; without a task, show lists them")
    output = found.output_of(result)
    if as_json:
        document = to_jsonable_python(result) | {"output": output}
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        note = next((each for each in read_task_notes(found.last_file.metadata) if each.task_id == task), None)
        click.echo("\n".join(_task_lines(result, note or TaskNote(task), output)))


def _as_dict(last_file: LastFile) -> dict[str, Any]:
    return {
        "last_file_id": last_file.id,
        "alt_file_id": last_file.alt_file_id,
        "title": last_file.title,
        "status": last_file.status,
        "success_rate": last_file.success_rate,
        "execution_started": to_jsonable_python(last_file.execution_started),
        "execution_time_ms": last_file.total_execution_time_ms,
        "summary": last_file.summary,
        "tasks": [
            {
                "task_id": result.task_id,
                "status": result.status,
                "execution_time_ms": result.execution_time_ms,
                "attempts": len(result.attempts),
                "error_code": result.error_code,
                "error": result.error,
                "artifacts": [artifact.path for artifact in result.artifacts or ()],
            }
            for result in last_file.task_results
        ],
    }


def _lines(bundle: Bundle) -> Iterator[str]:
    last_file = bundle.last_file
    yield visible(last_file.summary)
    yield ""
    yield f"run     {visible(last_file.id)}, {format_time(last_file.execution_started)}"
    if bundle.directory is not None:
        yield f"bundle  {bundle.directory}"
    results = [r for r in last_file.task_results if r.status in _FIRST]
    results += [r for r in last_file.task_results if r.status not in _FIRST]
    if not results:
        return
    shown = results[:_TASKS_SHOWN]
    ids = [visible(shortened(result.task_id, _WIDEST_ID)) for result in shown]
    width = max(map(text_width, ids))
    yield ""
    for task_id, result in zip(ids, shown, strict=True):
        error = " ".join(filter(None, (result.error_code, result.error and shortened(result.error, _LONGEST_ERROR))))
        tries = f"{len(result.attempts)} attempts" if len(result.attempts) > 1 else ""
        files = f"{len(result.artifacts)} artifact{'s' * (len(result.artifacts) != 1)}" if result.artifacts else ""
        rest = "  ".join(filter(None, (tries, files, visible(error))))
        padding = " " * (width - text_width(task_id))
        took = f"{format_duration(result.execution_time_ms):>8}"
        yield f"{_status(result.status, _WIDEST_STATUS)}  {took}  {task_id}{padding}  {rest}".rstrip()
    if len(results) > len(shown):
        yield f"and {len(results) - len(shown):,} more; --json has all, and the report"


def _task_lines(result: TaskResult, note: TaskNote, output: Any) -> Iterator[str]:
    yield f"{_status(result.status)}  {visible(result.task_id)}  {format_duration(result.execution_time_ms)}"
    facts = [
        ("started", format_time(result.started_at) if result.started_at else ""),
        ("waits for", ", ".join(note.dependencies)),
        ("tags", ", ".join(note.tags)),
        ("error", " ".join(filter(None, (result.error_code, result.error)))),
        ("usage", _usage(result.usage) if result.usage else ""),
        ("answer", "" if (since := cached_since(result)) is None else f"from the cache, kept since {since}"),
    ]
    for name, fact in facts:
        if fact:
            yield f"  {name:<10} {visible(fact)}"
    for problem in (result.metadata or {}).get("artifact_problems") or ():
        yield f"  {'problem':<10} {visible(str(problem))}"
    if len(result.attempts) > 1:
        for attempt in result.attempts:
            took = format_duration((attempt.ended_at - attempt.started_at).total_seconds() * 1000)
            waited = f", after a wait of {format_duration(attempt.wait_before_ms)}" if attempt.wait_before_ms else ""
            used = f", {_usage(attempt.usage)}" if attempt.usage else ""
            reason = f": {attempt.error_code} {attempt.error or ''}".rstrip() if attempt.error_code else ""
            yield f"  attempt {attempt.number}  {attempt.status}, {took}{waited}{used}{visible(reason)}"
    for artifact in result.artifacts or ():
        size = format_size(artifact.size_bytes)
        yield f"  artifact   {visible(artifact.path)}  {visible(artifact.mime_type)}, {size}"
    for name, value in (("description", note.description or None), ("parameters", note.parameters), ("output", output)):
        if value is not None:
            text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
            yield f"\n{name}"
            yield visible(text[:_LONGEST_TEXT])
            if len(text) > _LONGEST_TEXT:
                yield f"… {len(text):,} characters; --json has all"


def _usage(usage: Usage) -> str:
    cost = "unpriced" if usage.cost is None else f"cost {format_cost(usage.cost)}"
    return f"{usage.input_tokens:,} tokens in, {usage.output_tokens:,} out, {cost}"


def _status(status: TaskStatus, width: int = 0) -> str:
    return click.style(status.value.ljust(width), fg=_COLOURS.get(status.value))

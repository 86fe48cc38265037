"""What a journal still tells of its run: said, and written as a LAST file where somebody wants it."""

from __future__ import annotations

from pathlib import Path

import click

from altlas_runner.atomic_file import write_atomically
from altlas_runner.last_file.gather import gather_last_file
from altlas_runner.last_file.json_chunks import json_chunks
from altlas_runner.last_file.visible_text import visible
from altlas_runner.run_journal import save_from_journal
from altlas_runner.statuses import TaskStatus

__all__ = ["tell_what_can_be_saved"]

_MOST_SHOWN = 20


def tell_what_can_be_saved(bundle: Path, output: Path | None) -> None:
    """Read the journal of a bundle as far as it can be read.

    Args:
        bundle: its directory.
        output: where the LAST file of what was saved is to be written, or None.

    Raises:
        JournalError: there is no journal, or not even the description of the run can be read.
        OSError: the file cannot be written.
    """
    record, description, lost = save_from_journal(bundle)
    alt_file, chosen = description.tasks_meant()
    results = list(record.results.values())
    completed = sum(result.status is TaskStatus.COMPLETED for result in results)
    missing = [task.id for task in chosen.tasks if task.id not in record.results]
    click.echo(f"run     {visible(description.run_id)}: {visible(alt_file.title)}")
    click.echo(f"saved   {len(results):,} results of {len(chosen.tasks):,} tasks, {completed:,} of them completed")
    if record.in_doubt:
        click.echo(f"doubt   {len(record.in_doubt):,} tasks were under way: {_some(list(record.in_doubt))}")
    if missing:
        click.echo(f"missing {len(missing):,} results: {_some(missing)}")
    click.echo(f"damage  {lost:,} lines cannot be read" if lost else "damage  every line that is left can be read")
    if output is None:
        click.echo("to keep the results, name a file: --output saved.last")
        return
    ended = max((result.completed_at for result in results if result.completed_at), default=description.started_at)
    last_file = gather_last_file(
        alt_file,
        results,
        last_id=description.run_id,
        started_at=description.started_at,
        completed_at=ended,
        selection=[task.id for task in chosen.tasks] if description.selection else None,
        provenance=description.provenance,
        warnings=[f"saved from a journal of which {lost:,} lines cannot be read"] if lost else (),
    )
    write_atomically(output, json_chunks(last_file))
    click.echo(f"results {output}")


def _some(ids: list[str]) -> str:
    more = f", and {len(ids) - _MOST_SHOWN:,} more" if len(ids) > _MOST_SHOWN else ""
    return visible(", ".join(ids[:_MOST_SHOWN])) + more

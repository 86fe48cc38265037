"""`altlas-runner runs`: the runs in the output directory, and how they stand."""

from __future__ import annotations

import json
from pathlib import Path

import click
from pydantic_core import to_jsonable_python

from altlas_runner.cli.main import with_exit_codes
from altlas_runner.config import RunnerConfig
from altlas_runner.last_file.report.formats import format_time
from altlas_runner.last_file.visible_text import shortened, visible
from altlas_runner.runs import RunEntry, list_runs

__all__ = ["runs"]

_COLOURS = {"running": "cyan", "interrupted": "yellow", "damaged": "red"}
_LONGEST_TITLE = 60


@click.command()
@click.option("-o", "--output-dir", type=click.Path(path_type=Path, readable=False), help="Where the bundles are.")
@click.option(
    "--config", "config_file", type=click.Path(path_type=Path, readable=False), help="TOML file with settings."
)
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@with_exit_codes
def runs(output_dir: Path | None, config_file: Path | None, as_json: bool) -> None:
    """List the runs in the output directory, the latest first: running, interrupted, finished or damaged."""
    entries = list_runs(output_dir or RunnerConfig(config_file=config_file).output_dir)
    if as_json:
        click.echo(json.dumps(to_jsonable_python(entries), indent=2, ensure_ascii=False))
        return
    for entry in entries:
        click.echo(_line(entry))


def _line(entry: RunEntry) -> str:
    state = click.style(entry.state.ljust(11), fg=_COLOURS.get(entry.state))
    count = "" if entry.task_count is None else f"{entry.completed:,}/{entry.task_count:,} completed"
    owner = f"by process {entry.owner}" if entry.owner else ""
    title = visible(shortened(entry.title, _LONGEST_TITLE))
    return "  ".join(filter(None, (state, format_time(entry.started_at), visible(entry.run_id), title, count, owner)))

"""`altlas-runner prune`: remove bundles that nobody needs any more."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from altlas_runner.cli.main import EXIT_BUNDLE, fail, with_exit_codes
from altlas_runner.config import RunnerConfig
from altlas_runner.errors import BundleError, ConfigurationError
from altlas_runner.last_file.visible_text import visible
from altlas_runner.runs import list_runs, remove_run, runs_to_prune

__all__ = ["prune"]

_AGE = re.compile(r"([0-9]{1,6})\s*([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@click.command()
@click.option("-o", "--output-dir", type=click.Path(path_type=Path, readable=False), help="Where the bundles are.")
@click.option(
    "--config", "config_file", type=click.Path(path_type=Path, readable=False), help="TOML file with settings."
)
@click.option("--keep", type=click.IntRange(0), help="How many of the latest runs stay in any case.")
@click.option("--older-than", metavar="AGE", help="Only runs that began longer ago: 90m, 12h, 30d or 4w.")
@click.option("--interrupted", is_flag=True, help="Also runs that were interrupted and could be resumed.")
@click.option("--dry-run", is_flag=True, help="Only say which.")
@with_exit_codes
def prune(
    output_dir: Path | None,
    config_file: Path | None,
    keep: int | None,
    older_than: str | None,
    interrupted: bool,
    dry_run: bool,
) -> None:
    """Remove the bundles of finished runs, by number (--keep), by age (--older-than), or by both.

    A run that is going on stays, and so does one that was interrupted unless --interrupted is given. What cannot be
    removed is named, and keeps no other from going.
    """
    if keep is None and older_than is None:
        raise ConfigurationError("say which runs may go: --keep 20 leaves the latest 20, --older-than 30d the younger")
    entries = list_runs(output_dir or RunnerConfig(config_file=config_file).output_dir)
    age = timedelta(0) if older_than is None else _age(older_than)
    may_go = runs_to_prune(entries, datetime.now(UTC), keep=keep or 0, older_than=age, interrupted=interrupted)
    left = 0
    for entry in may_go:
        try:
            if not dry_run:
                remove_run(entry)
        except BundleError as error:  # the others may go all the same
            left += 1
            click.echo(f"error: {visible(str(error))}", err=True)
            continue
        click.echo(f"{'would remove' if dry_run else 'removed'} {visible(str(entry.directory))}")
    if left:
        fail(EXIT_BUNDLE, f"{left:,} of {len(may_go):,} bundles could not be removed; prune again when that is mended")


def _age(text: str) -> timedelta:
    match = _AGE.fullmatch(text.strip())
    if match is None:
        raise ConfigurationError(f"--older-than {text}: write a number and m, h, d or w, such as 30d")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})

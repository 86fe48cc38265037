"""`altlas-runner export`: a bundle in the formats of other tools."""

from __future__ import annotations

import json
from pathlib import Path

import click

from altlas_runner.cli.bundle_source import bundle_argument, read_bundle
from altlas_runner.cli.main import with_exit_codes
from altlas_runner.cli.text_output import write_text
from altlas_runner.last_file.export import chrome_trace, csv_table, otel_traces

__all__ = ["export"]


@click.command()
@bundle_argument()
@click.option(
    "--format",
    "export_format",
    type=click.Choice(["csv", "chrome-trace", "otel"]),
    default="csv",
    show_default=True,
    help="csv: one row a task. chrome-trace: attempts over time, for Perfetto. otel: spans as OTLP JSON.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="Write to this file instead of stdout.",
)
@with_exit_codes
def export(bundle: Path, export_format: str, output: Path | None) -> None:
    """Print the results of BUNDLE (a directory or its result.last; - is stdin) in a format that other tools read."""
    last_file = read_bundle(bundle).last_file
    if export_format == "csv":
        write_text(csv_table(last_file), output)
    else:
        document = chrome_trace(last_file) if export_format == "chrome-trace" else otel_traces(last_file)
        write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", output)

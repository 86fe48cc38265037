"""`altlas-runner schema`: the JSON Schema of ALT files, and of LAST files."""

from __future__ import annotations

import json

import click

from altlas_runner.alt_file import alt_file_schema

__all__ = ["schema"]


@click.command()
@click.option("--last", is_flag=True, help="That of LAST files (result.last) instead.")
def schema(last: bool) -> None:
    """Print the JSON Schema of ALT files, for editors and other tools."""
    from altlas_runner.last_file.json_schema import last_file_schema

    click.echo(json.dumps(last_file_schema() if last else alt_file_schema(), indent=2, ensure_ascii=False))

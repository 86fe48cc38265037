"""`altlas-runner schema`: the JSON Schema of ALT files."""

from __future__ import annotations

import json

import click

from altlas_runner.alt_file import alt_file_schema

__all__ = ["schema"]


@click.command()
def schema() -> None:
    """Print the JSON Schema of ALT files, for editors and other tools."""
    click.echo(json.dumps(alt_file_schema(), indent=2, ensure_ascii=False))

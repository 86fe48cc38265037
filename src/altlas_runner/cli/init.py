"""`altlas-runner init`: a commented ALT file to start from."""

from __future__ import annotations

from pathlib import Path

import click

from altlas_runner.atomic_file import write_atomically
from altlas_runner.cli.main import EXIT_USAGE, fail, with_exit_codes

__all__ = ["SAMPLE", "init"]

SAMPLE = """\
# An ALT file: tasks for an AI service, with dependencies. The same in JSON is just as good.
# Check it:  altlas-runner validate {name}
# Run it:    altlas-runner run {name}                     (an AI service at http://localhost:8000)
#            altlas-runner run {name} --protocol local    (a small embedded model, no service)

id: my-first-flow
title: Compare two drinks
version: "1.0"

# How freely the service may treat the tasks: normal, dream, explore or chaos.
mode: normal

# Who the service should be.
persona: friendly expert

tasks:
  # Tasks without dependencies start at once, side by side.
  - id: coffee
    description: Name one good thing about coffee, in one sentence.
    parameters:
      temperature: 0.2
      max_tokens: 60

  - id: tea
    description: Name one good thing about tea, in one sentence.
    parameters:
      temperature: 0.2
      max_tokens: 60

  # This one waits for both and is given their outputs.
  - id: compare
    description: Say in two sentences how coffee and tea differ.
    dependencies: [coffee, tea]
    # One deadline in seconds for the whole task, retries included.
    timeout_seconds: 300
    # Further attempts when the service is down or overloaded.
    retry_count: 2
    # Among tasks that are ready: low, medium, high or critical.
    priority: high
    tags: [summary]
"""


@click.command()
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False), default=Path("flow.alt.yaml"))
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@with_exit_codes
def init(path: Path, force: bool) -> None:
    """Write a commented ALT file to PATH (flow.alt.yaml) to start from."""
    if path.suffix not in (".yaml", ".yml"):
        fail(EXIT_USAGE, f"{path}: the sample has comments and is YAML; choose a name that ends in .alt.yaml")
    if path.exists() and not force:
        fail(EXIT_USAGE, f"{path} is there already; --force replaces it")
    try:
        write_atomically(path, SAMPLE.format(name=path.name).encode())
    except OSError as error:
        fail(EXIT_USAGE, f"{path} cannot be written: {error.strerror}")
    click.echo(f"wrote {path}; next: altlas-runner validate {path}", err=True)

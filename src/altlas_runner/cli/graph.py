"""`altlas-runner graph`: draw the dependencies of an ALT file, without running it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Literal, get_args

import click

from altlas_runner.alt_file import AltFile, AltParser, TaskGraph
from altlas_runner.alt_file.planning import shape_of
from altlas_runner.atomic_file import write_atomically
from altlas_runner.cli.main import EXIT_USAGE, fail, with_exit_codes
from altlas_runner.cli.source import parse_source
from altlas_runner.last_file.graph import RunGraph, dot_text_of_plan, render_mermaid, render_png, render_svg

__all__ = ["graph"]

_Format = Literal["dot", "svg", "png", "mermaid", "json"]
_FORMAT_OF_SUFFIX: dict[str, _Format] = {".svg": "svg", ".png": "png", ".json": "json", ".mmd": "mermaid"}


@click.command()
@click.argument("alt_file", type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--format", "picture_format", type=click.Choice(get_args(_Format)), help="By default as OUT is named, else dot."
)
@click.option("-o", "--output", "out", type=click.Path(path_type=Path, dir_okay=False), help="File instead of stdout.")
@with_exit_codes
def graph(alt_file: Path, picture_format: _Format | None, out: Path | None) -> None:
    """Draw the tasks of ALT_FILE (- is stdin) and their dependencies. Nothing is run.

    png needs Graphviz. dot, mermaid and json are whole whatever the size; png shows more than 300 tasks by kind and
    layer; svg is for graphs that can be read.
    """
    chosen = picture_format or (_FORMAT_OF_SUFFIX.get(out.suffix.lower(), "dot") if out else "dot")
    content = _drawn(parse_source(AltParser(), alt_file), chosen)
    if out is not None:
        _write(out, content)
    elif chosen == "png" and sys.stdout.isatty():
        fail(EXIT_USAGE, "a png would garble the terminal: say where it goes with -o")
    else:
        click.echo(content, nl=False)


def _drawn(alt_file: AltFile, picture_format: _Format) -> bytes:
    graph = RunGraph.from_alt_file(alt_file)
    if picture_format == "dot":
        return dot_text_of_plan(graph, alt_file.title).encode()
    if picture_format == "mermaid":
        return render_mermaid(graph).encode()
    if picture_format == "json":
        return _as_json(alt_file).encode()
    if picture_format == "png":
        png, reason = render_png(dot_text_of_plan(graph, alt_file.title, for_picture=True))
        if png is None:
            fail(EXIT_USAGE, f"{reason}; --format dot, svg, mermaid and json need no Graphviz")
        return png
    svg = render_svg(graph, captions=_captions(alt_file), links=[None] * len(graph.task_ids), standalone=True)
    if svg is None:
        size = f"{len(graph.task_ids):,} tasks and {graph.dependency_count:,} dependencies"
        fail(EXIT_USAGE, f"no svg of {size}: nobody could read it; --format dot, mermaid and json have all")
    return svg.encode() + b"\n"


def _captions(alt_file: AltFile) -> list[str]:
    """The wave of each task, and its priority where it has one of its own."""
    captions = [""] * len(alt_file.tasks)
    for number, wave in enumerate(shape_of(alt_file, TaskGraph.from_alt_file(alt_file)).waves, start=1):
        for task in wave:
            priority = alt_file.tasks[task].priority
            captions[task] = f"wave {number:,}{f' · {priority}' if priority else ''}"
    return captions


def _as_json(alt_file: AltFile) -> str:
    graph = TaskGraph.from_alt_file(alt_file)
    wave_of = {task: number for number, wave in enumerate(shape_of(alt_file, graph).waves, start=1) for task in wave}
    tasks = [{"id": task_id, "wave": wave_of[task]} for task, task_id in enumerate(graph.ids)]
    dependencies = [
        {"dependency": graph.ids[dependency], "dependent": graph.ids[task]}
        for task, row in enumerate(graph.dependencies)
        for dependency in row
    ]
    document = {"alt_file_id": alt_file.id, "title": alt_file.title, "tasks": tasks, "dependencies": dependencies}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _write(out: Path, content: bytes) -> None:
    try:
        if out.exists() and not out.is_file():  # a pipe or a device must not be replaced by a file
            out.write_bytes(content)
        else:
            write_atomically(out, content)
    except OSError as error:
        fail(EXIT_USAGE, f"{out} cannot be written: {error.strerror or error}")

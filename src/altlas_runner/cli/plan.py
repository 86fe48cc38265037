"""`altlas-runner plan`: what a run of an ALT file would look like, without running it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from altlas_runner.alt_file import AltFile, AltParser, TaskGraph
from altlas_runner.alt_file.planning import Estimate, RunShape, estimate_run, shape_of, stated_seconds
from altlas_runner.alt_file.reference_checks import inputs_of
from altlas_runner.cli.main import with_exit_codes
from altlas_runner.cli.source import parse_source
from altlas_runner.last_file import LastFile
from altlas_runner.last_file.report.formats import format_duration
from altlas_runner.last_file.visible_text import shortened, visible

__all__ = ["plan"]

_WAVES_SHOWN = 30
_TASKS_SHOWN = 12
_ID_LENGTH = 40


@click.command()
@click.argument("alt_file", type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--last",
    type=click.Path(path_type=Path),
    metavar="BUNDLE",
    help="Bundle or result.last of an earlier run: its times go before parameters.runtime_seconds.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the whole plan as JSON.")
@with_exit_codes
def plan(alt_file: Path, last: Path | None, as_json: bool) -> None:
    """Say what a run of ALT_FILE (- is stdin) would do, in which order, and how much of it at once.

    Nothing is run, asked or written. Times are known where a task has `parameters.runtime_seconds`, or completed in the
    earlier run given with --last.
    """
    made = _Plan.of(parse_source(AltParser(), alt_file), None if last is None else LastFile.from_path(last))
    if as_json:
        click.echo(json.dumps(made.to_dict(), indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(made.lines()))


@dataclass(frozen=True, slots=True)
class _Plan:
    alt_file: AltFile
    graph: TaskGraph
    shape: RunShape
    seconds: Sequence[float | None]
    from_last: int
    estimate: Estimate | None

    @classmethod
    def of(cls, alt_file: AltFile, last_file: LastFile | None) -> _Plan:
        graph = TaskGraph.from_alt_file(alt_file)
        took = {
            result.task_id: result.execution_time_ms / 1000
            for result in (last_file.get_successful_tasks() if last_file else ())
        }
        stated = stated_seconds(alt_file)
        seconds = [took.get(task_id, each) for task_id, each in zip(graph.ids, stated, strict=True)]
        from_last = sum(task_id in took for task_id in graph.ids)
        return cls(alt_file, graph, shape_of(alt_file, graph), seconds, from_last, estimate_run(graph, seconds))

    def to_dict(self) -> dict[str, Any]:
        shape, estimate = self.shape, self.estimate
        return {
            "alt_file_id": self.alt_file.id,
            "title": self.alt_file.title,
            "task_count": len(self.graph.ids),
            "dependency_count": shape.dependency_count,
            "inputs": inputs_of(self.alt_file),
            "order": self._ids(shape.order),
            "waves": [self._ids(wave) for wave in shape.waves],
            "largest_wave": shape.largest_wave,
            "longest_chain": self._ids(shape.longest_chain),
            "estimate": estimate
            and {
                "known_tasks": estimate.known,
                "known_from_last": self.from_last,
                "critical_path": [
                    {"id": self.graph.ids[task], "seconds": self.seconds[task]} for task in estimate.critical_path
                ],
                "critical_path_seconds": estimate.critical_seconds,
                "one_by_one_seconds": estimate.total_seconds,
                "most_at_once": estimate.most_at_once,
            },
        }

    def lines(self) -> Iterator[str]:
        shape, inputs = self.shape, inputs_of(self.alt_file)
        counts = [_count(len(self.graph.ids), "task"), _count(shape.dependency_count, "dependency", "dependencies")]
        yield f"{_shown(self.alt_file.title, 100)}: {', '.join([*counts, _count(len(shape.waves), 'wave')])}"
        if inputs:
            yield f"inputs: {_listed(map(_shown, inputs), len(inputs), ', ')}"
        if not shape.order:
            return
        yield ""
        yield f"order, one at a time: {self._path(shape.order)}"
        yield "waves, by the longest chain before a task (it starts as soon as its own dependencies have completed)"
        for number, wave in enumerate(shape.waves[:_WAVES_SHOWN], start=1):
            yield f"  {number:>4}  {_count(len(wave), 'task'):>12}  {self._path(wave, separator=', ')}"
        if len(shape.waves) > _WAVES_SHOWN:
            yield f"        and {_count(len(shape.waves) - _WAVES_SHOWN, 'more wave')}; --json has all"
        yield ""
        yield f"longest chain  {_count(len(shape.longest_chain), 'task')}: {self._path(shape.longest_chain)}"
        yield f"largest wave   {_count(shape.largest_wave, 'task')}: the most at once when all take the same time"
        yield from self._estimate_lines()

    def _estimate_lines(self) -> Iterator[str]:
        estimate = self.estimate
        if estimate is None:
            yield "estimates      none: no task has parameters.runtime_seconds, and --last gave no time"
            return
        known = f"{estimate.known:,} of {_count(len(self.graph.ids), 'task')}"
        rest = "; the others count as 0 s" if estimate.known < len(self.graph.ids) else ""
        yield f"estimates      {known}, {self.from_last:,} of them from the earlier run{rest}"
        path = self._path(estimate.critical_path, with_seconds=True)
        yield f"critical path  {format_duration(1000 * estimate.critical_seconds)}: {path}"
        yield f"one by one     {format_duration(1000 * estimate.total_seconds)}"
        yield f"most at once   {_count(estimate.most_at_once, 'task')}, by these estimates and without a limit"

    def _ids(self, tasks: Iterable[int]) -> list[str]:
        return [self.graph.ids[task] for task in tasks]

    def _path(self, tasks: Sequence[int], *, separator: str = " → ", with_seconds: bool = False) -> str:
        names = (_shown(self.graph.ids[task]) + (self._took(task) if with_seconds else "") for task in tasks)
        return _listed(names, len(tasks), separator)

    def _took(self, task: int) -> str:
        seconds = self.seconds[task]
        return "" if seconds is None else f" ({format_duration(1000 * seconds)})"


def _listed(names: Iterable[str], count: int, separator: str) -> str:
    """The first names, and how many more there are."""
    shown = [name for name, _ in zip(names, range(_TASKS_SHOWN), strict=False)]
    return separator.join([*shown, f"({count - len(shown):,} more)"] if count > len(shown) else shown)


def _shown(text: str, length: int = _ID_LENGTH) -> str:
    return visible(shortened(text, length))


def _count(number: int, word: str, words: str | None = None) -> str:
    return f"{number:,} {word if number == 1 else words or word + 's'}"

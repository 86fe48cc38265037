"""How a run is shown on stderr while it goes on: `--progress`, one class for each way."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import UTC, datetime
from typing import Literal

import click

from altlas_runner.cli.diagnostics import Checked, print_diagnostics, wants_colour
from altlas_runner.cli.plain_progress import PlainLines
from altlas_runner.cli.standing import COLOURS
from altlas_runner.event_json import event_to_json, json_line, rfc3339
from altlas_runner.task_manager import Event, Observer

__all__ = ["PROGRESS_MODES", "Progress", "ProgressMode", "progress_of"]

ProgressMode = Literal["auto", "tty", "plain", "json", "none"]
PROGRESS_MODES: tuple[ProgressMode, ...] = ("auto", "tty", "plain", "json", "none")

_MOST_WARNINGS = 10


class Progress:
    """Shows nothing; the other ways say what is different.

    Attributes:
        observers: who is to be told the events of the run.
    """

    observers: Sequence[Observer] = ()

    def warn(self, checked: Checked, how_to_see_all: str) -> None:
        """Show the warnings about the file that is to be run."""

    def say(self, message: str) -> None:
        """Tell the user something that is no event of the run."""

    def showing(self) -> AbstractAsyncContextManager[object]:
        """The block during which the run is shown."""
        return nullcontext()

    def close(self) -> None:
        """Give the terminal back at once."""


class _ForPeople(Progress):
    def warn(self, checked: Checked, how_to_see_all: str) -> None:
        print_diagnostics([checked], style="concise", most=_MOST_WARNINGS, more=how_to_see_all)

    def say(self, message: str) -> None:
        click.echo(message, err=True)


class _Plain(_ForPeople):
    """A line for each notable fact (`PlainLines`)."""

    def __init__(self) -> None:
        self._lines = PlainLines()
        self._colour = wants_colour()
        self.observers = [self._plain_progress]

    def _plain_progress(self, event: Event) -> None:
        for line in self._lines.lines(event):
            word = click.style(f"{line.word:<9}", fg=COLOURS.get(line.word)) + "  " if line.word else ""
            click.echo(word + line.text, err=True, color=self._colour)


class _Terminal(_ForPeople):
    """A display that is drawn anew (`LiveDisplay`)."""

    def __init__(self) -> None:
        from altlas_runner.cli.live_display import LiveDisplay  # rich is loaded only to draw

        self._display = LiveDisplay()
        self.observers = [self._display.on_event]

    def showing(self) -> AbstractAsyncContextManager[object]:
        return self._display.showing()

    def close(self) -> None:
        self._display.close()


class _Json(Progress):
    """One JSON object on each line: events, and with other names in `event` everything else there is to say."""

    def __init__(self) -> None:
        self.observers = [self._json_progress]

    def warn(self, checked: Checked, how_to_see_all: str) -> None:
        for diagnostic in checked.diagnostics:
            self._write(json_line({"event": "diagnostic", "file": checked.name, **diagnostic.to_dict()}))

    def say(self, message: str) -> None:
        row = {"event": "log", "at": rfc3339(datetime.now(UTC)), "level": "info", "message": message}
        self._write(json_line(row))

    def _json_progress(self, event: Event) -> None:
        self._write(event_to_json(event))

    def _write(self, line: str) -> None:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()


def progress_of(mode: ProgressMode) -> Progress:
    """What shows a run in this mode; auto is tty on a terminal that can move its cursor, else plain."""
    if mode == "auto":
        mode = "tty" if sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb" else "plain"
    kinds = {"tty": _Terminal, "plain": _Plain, "json": _Json, "none": Progress}
    return kinds[mode]()

"""The display on a terminal: a few lines that are drawn anew while a run goes on, and are gone when it has ended."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import time
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from altlas_runner.cli.standing import COLOURS, Line, Standing
from altlas_runner.task_manager import Event, RunStarted

__all__ = ["LiveDisplay"]

_log = logging.getLogger("altlas_runner")

_SHORTEST_PAUSE_SECONDS = 0.1
_PAUSE_PER_DRAWING = 20


class LiveDisplay:
    """Draws a run on stderr, at most ten times a second and for at most a twentieth of the time.

    Args:
        clock: a clock in seconds that only goes forward.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._standing = Standing()
        self._clock = clock
        self._began: tuple[datetime, float] | None = None
        # Whoever asks for this display on something that does not look like a terminal gets it all the same.
        self._console = Console(stderr=True, force_terminal=True, highlight=False)
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=sys.stdout.isatty(),
            vertical_overflow="crop",
        )

    def on_event(self, event: Event) -> None:
        """Take the next event of the run."""
        if isinstance(event, RunStarted):
            self._began = (event.at, self._clock())
        self._standing.apply(event)

    @contextlib.asynccontextmanager
    async def showing(self) -> AsyncIterator[None]:
        """The block during which the run is shown; it ends with the last summary, and the terminal as it was."""
        self._live.start()
        drawing = asyncio.get_running_loop().create_task(self._draw_again_and_again())
        try:
            yield
        finally:
            drawing.cancel()
            await asyncio.wait([drawing])
            self.close()
            if self._standing.started_at is not None:
                with contextlib.suppress(OSError):
                    self._console.print(_text(self._standing.view(self._now(), 1)[0]))

    def close(self) -> None:
        """Remove the display and give the cursor back, also in the midst of a run; a second call does nothing."""
        with contextlib.suppress(OSError):  # the terminal is gone
            self._live.stop()

    async def _draw_again_and_again(self) -> None:
        try:
            while True:
                before = time.perf_counter()
                self._draw()
                taken = time.perf_counter() - before
                await asyncio.sleep(max(_SHORTEST_PAUSE_SECONDS, _PAUSE_PER_DRAWING * taken))
        except Exception:  # a display that cannot be drawn is no reason to end a run
            _log.debug("progress is not shown any more", exc_info=True)

    def _draw(self) -> None:
        most = max(1, self._console.size.height - 1)
        lines = self._standing.view(self._now(), most)
        self._live.update(Group(*map(_text, lines)), refresh=True)

    def _now(self) -> datetime:
        """The present on the clock of the events, which no change of the wall clock moves."""
        if self._began is None:
            return datetime.max
        at, instant = self._began
        return at + timedelta(seconds=self._clock() - instant)


def _text(line: Line) -> Text:
    if not line.word:
        return Text(line.text, no_wrap=True, overflow="ellipsis")
    return Text.assemble(
        (f"  {line.word:<9}", COLOURS.get(line.word, "")), "  ", line.text, no_wrap=True, overflow="ellipsis"
    )

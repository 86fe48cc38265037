"""`run --progress`, for real: a pseudo-terminal for tty, and every byte of stderr for the others."""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from altlas_runner.alt_file.times import RFC3339_PATTERN
from altlas_runner.event_json import EVENT_NAMES
from tests.loopback import LoopbackService

pytestmark = pytest.mark.slow

HIDE_CURSOR, SHOW_CURSOR = b"\x1b[?25l", b"\x1b[?25h"
PATIENCE_SECONDS = 60
FLOW = {
    "id": "flow",
    "title": "Flow",
    "tasks": [
        {"id": "top\u001b[31m", "description": "begin"},
        {"id": "broken", "description": "fail", "dependencies": ["top\u001b[31m"]},
        {"id": "bottom", "description": "never", "dependencies": ["broken"]},
        {"id": "alone", "description": "by itself"},
    ],
}
BROKEN = {"broken": lambda _: web.json_response({"error": "no"}, status=400)}


def clean_environment(**more: str) -> dict[str, str]:
    dropped = ("RUNNER_", "NO_COLOR", "COLUMNS", "LINES", "FORCE_COLOR", "TTY_")
    return {name: value for name, value in os.environ.items() if not name.startswith(dropped)} | more


def arguments(path: Path, service: LoopbackService, *more: str) -> list[str]:
    alt = path / "flow.alt.json"
    alt.write_text(json.dumps(FLOW))
    command = [sys.executable, "-W", "error", "-m", "altlas_runner", "run", str(alt), "--no-graphs"]
    return [*command, "--service-url", service.url, "-o", str(path / "out"), *more]


class OnTerminal:
    """The command with a pseudo-terminal of its own as stdin, stdout and stderr."""

    def __init__(self, command: list[str], columns: int, rows: int, **environment: str) -> None:
        self.written = b""
        self._our_end, their_end = pty.openpty()
        fcntl.ioctl(their_end, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.settings = termios.tcgetattr(self._our_end)
        self._process = subprocess.Popen(
            command,
            stdin=their_end,
            stdout=their_end,
            stderr=their_end,
            env=clean_environment(**{"TERM": "xterm-256color", **environment}),
            preexec_fn=_take_terminal,
        )
        self._their_end = their_end  # kept open, so that the settings can be read at the end

    def read_until(self, text: bytes) -> None:
        """Read until this text has been written after what was read before."""
        begin = len(self.written)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while text not in self.written[begin:]:
            assert time.monotonic() < deadline, self.written
            self._read()

    def press_ctrl_c(self) -> None:
        os.write(self._our_end, b"\x03")

    def wait(self) -> int:
        """Read to the end; the exit code."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._process.poll() is None:
            assert time.monotonic() < deadline, self.written
            self._read()
        while self._read():
            pass
        assert termios.tcgetattr(self._our_end) == self.settings
        return self._process.returncode

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        os.close(self._our_end)
        os.close(self._their_end)

    def _read(self) -> bool:
        if not select.select([self._our_end], [], [], 0.1)[0]:
            return False
        self.written += os.read(self._our_end, 65536)
        return True


def _take_terminal() -> None:
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@contextlib.contextmanager
def on_terminal(command: list[str], columns: int = 80, rows: int = 24, **environment: str) -> Iterator[OnTerminal]:
    terminal = OnTerminal(command, columns, rows, **environment)
    try:
        yield terminal
    finally:
        terminal.close()


def without_control(written: bytes) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written.decode())


def test_on_a_terminal_the_run_is_drawn_and_the_terminal_given_back(tmp_path: Path) -> None:
    with LoopbackService(BROKEN, delay=0.5) as service:
        began = time.monotonic()
        with on_terminal(arguments(tmp_path, service, "-j", "1")) as terminal:
            code = terminal.wait()
        seconds = time.monotonic() - began
    assert code == 1
    shown = without_control(terminal.written)
    assert "running    top⟨U+001B⟩[31m" in shown
    assert b"\x1b[31mtop" not in terminal.written
    assert "failed     broken" in shown
    assert re.search(r"100 %  4/4  2 completed  1 failed  1 skipped  \d", shown)
    assert terminal.written.count(HIDE_CURSOR) == terminal.written.count(SHOW_CURSOR) == 1
    drawings = len(re.findall(r"\d+ %  \d/4", shown))
    assert drawings <= 10 * seconds + 2  # at most ten a second, and the last summary
    after = terminal.written.partition(SHOW_CURSOR)[2]
    assert b"\x1b[1A" not in after.partition(b"Result of Flow")[2]


def test_a_narrow_and_low_terminal_gets_no_line_that_it_would_have_to_break(tmp_path: Path) -> None:
    """A line that is too long takes two, and the next drawing would leave its first half on the screen."""
    with LoopbackService(delay=0.3) as service, on_terminal(arguments(tmp_path, service), 24, 3) as terminal:
        assert terminal.wait() == 0
    drawn = without_control(terminal.written.partition(HIDE_CURSOR)[2].partition(SHOW_CURSOR)[0])
    assert "running" in drawn
    assert max(map(len, re.split(r"[\r\n]+", drawn))) <= 24


def test_ctrl_c_leaves_a_whole_terminal_and_so_does_the_second(tmp_path: Path) -> None:
    """A cursor that stays hidden is what the user is left with."""
    with LoopbackService(delay=30.0) as service:
        with on_terminal(arguments(tmp_path, service)) as terminal:
            terminal.read_until(b"running")
            terminal.press_ctrl_c()
            assert terminal.wait() == 130
        assert terminal.written.count(SHOW_CURSOR) == 1
        assert "stopping: what runs is cancelled" in without_control(terminal.written)
        assert "4 cancelled" in without_control(terminal.written)
        with on_terminal(arguments(tmp_path, service)) as terminal:
            terminal.read_until(b"running")
            terminal.press_ctrl_c()
            terminal.press_ctrl_c()
            assert terminal.wait() == 130
        assert terminal.written.count(SHOW_CURSOR) == 1


def test_no_colours_where_they_are_not_wanted(tmp_path: Path) -> None:
    with LoopbackService(BROKEN) as service:
        with on_terminal(arguments(tmp_path, service), NO_COLOR="1") as terminal:
            terminal.wait()
        assert not re.search(rb"\x1b\[[0-9;]*3[0-9]m", terminal.written)
        with on_terminal(arguments(tmp_path, service), TERM="dumb") as terminal:
            terminal.wait()
        assert b"\x1b" not in terminal.written
        assert b"failed     broken" in terminal.written


def test_every_line_of_json_progress_parses_and_tells_the_whole_run(tmp_path: Path) -> None:
    with LoopbackService(BROKEN) as service:
        command = arguments(tmp_path, service, "--progress", "json", "--log-level", "trace")
        done = subprocess.run(command, capture_output=True, text=True, env=clean_environment(), timeout=60)
    assert done.returncode == 1
    rows: list[dict[str, Any]] = [json.loads(line) for line in done.stderr.splitlines()]
    assert {row["event"] for row in rows} <= {*EVENT_NAMES.values(), "log", "diagnostic"}
    assert [row["code"] for row in rows if row["event"] == "diagnostic"] == ["ALT105"]
    events = [row for row in rows if row["event"] in EVENT_NAMES.values()]
    assert (events[0]["event"], events[-1]["event"]) == ("run_started", "run_finished")
    assert all(re.match(RFC3339_PATTERN, row["at"]) for row in events)
    assert [row["at"] for row in events] == sorted(row["at"] for row in events)
    finished = {row["task_id"]: row["status"] for row in events if row["event"] == "task_finished"}
    assert finished == {"top\u001b[31m": "completed", "broken": "failed", "bottom": "skipped", "alone": "completed"}


def test_none_is_silent(tmp_path: Path) -> None:
    with LoopbackService(BROKEN) as service:
        command = arguments(tmp_path, service, "--progress", "none")
        done = subprocess.run(command, capture_output=True, text=True, env=clean_environment(), timeout=60)
    assert (done.returncode, done.stderr) == (1, "")

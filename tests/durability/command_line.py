"""Starts `altlas-runner` as processes of their own, quickly enough to do so a hundred times in a minute."""

from __future__ import annotations

import atexit
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, Self

__all__ = ["CONCURRENCY", "Arguments", "CommandLine", "Process", "command_line", "resume", "run"]

ROOT = Path(__file__).parent.parent.parent
PATIENCE_SECONDS = 120.0
CONCURRENCY = 4
_OPTIONS = ("-j", CONCURRENCY, "--no-graphs", "--progress", "json", "--service-url")
Arguments = list[str | Path]


def run(alt: Path, output: Path, url: str, *more: str) -> Arguments:
    """The arguments that run a file against a service."""
    return ["run", alt, "-o", output, *map(str, _OPTIONS), url, *more]


def resume(bundle: Path, url: str, *more: str | Path) -> Arguments:
    """The arguments that go on with a bundle against a service."""
    return ["resume", bundle, *map(str, _OPTIONS), url, *more]


def _clean_environment(**more: str) -> dict[str, str]:
    """This environment without settings of ours, and with warnings as errors."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith(("RUNNER_", "LD_PRELOAD"))}
    return mine | {"PYTHONWARNINGS": "error"} | more


@dataclass(frozen=True, slots=True)
class Process:
    """A process of the command line that was started.

    Attributes:
        pid: its number.
        place: where its output goes: files whose names begin with `name`.
    """

    pid: int
    place: Path
    name: str
    program: CommandLine

    @property
    def stdout(self) -> str:
        return (self.place / f"{self.name}.stdout").read_text()

    @property
    def errors(self) -> Path:
        """The file of its stderr."""
        return self.place / f"{self.name}.stderr"

    @property
    def stderr(self) -> str:
        return self.errors.read_text()

    def events(self) -> list[dict[str, Any]]:
        """The lines of `--progress json` so far; a kill can cut the last one short."""
        found = []
        for line in self.stderr.splitlines(keepends=True):
            if line.startswith("{") and line.endswith("}\n"):
                found.append(json.loads(line))
        return found

    def completed(self) -> set[str]:
        """The tasks that the process has said to be completed: their results are acknowledged."""
        return {
            event["task_id"]
            for event in self.events()
            if event["event"] == "task_finished" and event["status"] == "completed"
        }

    def has_ended(self, seconds: float = 0.0) -> bool:
        """Whether it has ended, or does within so many seconds."""
        if self.pid in self.program.statuses:
            return True
        descriptor = os.pidfd_open(self.pid)
        try:
            return bool(select.select([descriptor], [], [], seconds)[0])
        finally:
            os.close(descriptor)

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended and its exit status is known."""
        if self.pid not in self.program.statuses:
            os.kill(self.pid, number)

    def kill(self) -> int:
        """SIGKILL, unless it has ended; returns the exit status, -9 for a process that was killed."""
        self.send_signal(signal.SIGKILL)
        return self.wait()

    def wait(self, seconds: float = PATIENCE_SECONDS) -> int:
        """The exit status, when it has ended."""
        assert self.has_ended(seconds), f"does not end: {self.stderr[-2000:]}"
        return self.program.status_of(self.pid)


class CommandLine:
    """Starts processes; nearly all as forks of one that has imported everything.

    Args:
        place: a directory for what the processes print.
        source: the directory whose `altlas_runner` is used, instead of the installed one.
        preload: shared libraries that go before the C library.

    Attributes:
        statuses: the exit statuses that were asked for so far, by process id.
    """

    def __init__(self, place: Path, source: Path | None = None, preload: Sequence[Path] = ()) -> None:
        self.place = place
        self._numbers = count()
        self._own: dict[str, str] = {}
        if source is not None:
            self._own["PYTHONPATH"] = str(source)
        if preload:
            self._own["LD_PRELOAD"] = " ".join(map(str, preload))
        self.statuses: dict[int, int] = {}
        self._fresh: dict[int, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        self.place.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "tests.durability.forking"]
        self._forker = subprocess.Popen(
            command,
            cwd=ROOT,
            env=_clean_environment(**self._own),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._forker.communicate(timeout=PATIENCE_SECONDS)

    def start(
        self,
        arguments: Sequence[str | Path],
        env: Mapping[str, str] | None = None,
        *,
        cwd: Path | None = None,
        stdin: Path | None = None,
        fresh: bool = False,
    ) -> Process:
        """Start `altlas-runner` with these arguments.

        Args:
            arguments: all but the name of the program.
            env: what its environment has beside that of the tests, in which nothing is set of ours.
            cwd: where; without one at the place of what it prints.
            stdin: what it reads.
            fresh: starts a new Python instead of forking one.
        """
        name = str(next(self._numbers))
        given = [str(argument) for argument in arguments]
        environment = _clean_environment(**self._own, **(env or {}))
        where = str(cwd or self.place)
        outputs = {kind: str(self.place / f"{name}.{kind}") for kind in ("stdout", "stderr")}
        for path in outputs.values():
            Path(path).touch()
        if not fresh:
            read = str(stdin or os.devnull)
            pid = self._ask({"start": given, "cwd": where, "env": environment, "stdin": read, **outputs})["pid"]
            self.statuses.pop(pid, None)  # the number was that of another one
            return Process(pid, self.place, name, self)
        with Path(outputs["stdout"]).open("wb") as stdout, Path(outputs["stderr"]).open("wb") as stderr:
            started = subprocess.Popen(
                [sys.executable, "-m", "altlas_runner", *given],
                cwd=where, env=environment, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr,
            )  # fmt: skip
        self._fresh[started.pid] = started
        self.statuses.pop(started.pid, None)
        return Process(started.pid, self.place, name, self)

    def end_of(
        self,
        arguments: Sequence[str | Path],
        env: Mapping[str, str] | None = None,
        *,
        cwd: Path | None = None,
        stdin: Path | None = None,
    ) -> tuple[int, Process]:
        """Start a process and wait for its end: its exit status, and itself to read from."""
        process = self.start(arguments, env, cwd=cwd, stdin=stdin)
        return process.wait(), process

    def status_of(self, pid: int) -> int:
        """The exit status of a process of this program that has ended, or ends soon."""
        if pid not in self.statuses:
            started = self._fresh.pop(pid, None)
            self.statuses[pid] = started.wait() if started is not None else int(self._ask({"wait": pid})["status"])
        return self.statuses[pid]

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self._forker.stdin is not None
        assert self._forker.stdout is not None
        print(json.dumps(question), file=self._forker.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self._forker.stdout.readline())
        return answer


@cache
def command_line() -> CommandLine:
    """One for all tests; it ends with them."""
    started = CommandLine(Path(tempfile.mkdtemp(prefix="altlas-programs-"))).__enter__()
    atexit.register(shutil.rmtree, started.place, ignore_errors=True)
    atexit.register(started.__exit__)
    return started

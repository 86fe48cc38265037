"""A program in a session of its own: it and what it starts can be stopped whole."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import signal
import subprocess
from typing import Any

__all__ = ["ProcessGroup", "kill_all"]

_SHORTEST_LOOK_SECONDS = 0.001
_LONGEST_LOOK_SECONDS = 0.05


_running: dict[ProcessGroup, int] = {}
"""Those that have not been seen to end, and by which process they were started."""


def kill_all() -> None:
    """Kill every program that still runs: for a runner that leaves without ending its runs."""
    for group, starter in list(_running.items()):
        if starter == os.getpid():  # else this is a copy, made by fork
            group.kill()


atexit.register(kill_all)


class ProcessGroup:
    """A running program, the leader of its own session.

    What the program leaves running in its process group is killed when it ends. A stop reaches every process of its
    session; one that left the session on purpose (setsid) is out of reach.

    Its end is looked for at intervals: that needs no thread and no SIGCHLD handler in a program that is not ours.

    Args:
        argv: the program and its arguments; no shell is involved.
        options: passed to `subprocess.Popen`.

    Raises:
        OSError: the program cannot be started.
        ValueError: an argument cannot be passed to a program.
    """

    def __init__(self, argv: list[str], **options: Any) -> None:
        self._popen = subprocess.Popen(argv, start_new_session=True, **options)  # noqa: S603  what to run is the caller's
        self._stopping = False
        _running[self] = os.getpid()

    @property
    def pid(self) -> int:
        """The id of the program, of its process group and of its session."""
        return self._popen.pid

    @property
    def pipes(self) -> tuple[Any, Any]:
        """The ends of stdout and stderr to read from, where pipes were asked for."""
        return self._popen.stdout, self._popen.stderr

    def exit_code(self) -> int | None:
        """The exit code of the program, negative for the signal that killed it; None while it runs."""
        if self._popen.returncode is None and self._popen.poll() is not None:
            self._signal(signal.SIGKILL)  # what it left behind; its id cannot have been given away in this instant
            _running.pop(self, None)
        return self._popen.returncode

    def kill(self) -> None:
        """Tell the kernel to kill every process; it does so soon."""
        self._stopping = True
        if self._popen.returncode is None:
            self._signal(signal.SIGKILL)

    async def ended(self, within_seconds: float | None = None) -> int | None:
        """Wait for the program's end; returns its exit code, or None when it did not end in time."""
        loop = asyncio.get_running_loop()
        give_up = None if within_seconds is None else loop.time() + within_seconds
        pause = _SHORTEST_LOOK_SECONDS
        while (code := self.exit_code()) is None and (give_up is None or loop.time() < give_up):
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, _LONGEST_LOOK_SECONDS)
        return code

    async def stop(self, grace_seconds: float) -> None:
        """Ask every process to end (SIGTERM), and kill (SIGKILL) what has not after the grace."""
        self._stopping = True
        try:
            if self.exit_code() is None:
                self._signal(signal.SIGTERM)
                await self.ended(grace_seconds)
        finally:  # at once when this is cancelled while it waits
            self.kill()
            await self.ended()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)
        if self._stopping:  # shells with job control put programs into groups of their own
            for pid in _session_members(self.pid):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, number)


def _session_members(session: int) -> list[int]:
    """The processes of a session, where the system has /proc."""
    members = []
    with contextlib.suppress(OSError):
        for name in os.listdir("/proc"):  # noqa: PTH208  plain names: this is done for each of many that are killed
            with contextlib.suppress(OSError, ValueError):  # no process, or it ended while we looked
                if os.getsid(int(name)) == session:
                    members.append(int(name))
    return members

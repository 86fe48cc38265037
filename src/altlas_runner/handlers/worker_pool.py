"""Processes for handlers that keep a CPU busy: started when needed, kept warm for the next, killed on a stop."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from altlas_runner.errors import HandlerError
from altlas_runner.execution import Outcome
from altlas_runner.handlers.messages import packed, read
from altlas_runner.handlers.outcomes import outcome_from_json
from altlas_runner.handlers.process_group import ProcessGroup

__all__ = ["WorkerPool"]

_PROGRAM = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); "
    "from altlas_runner.handlers.worker import main; main(int(sys.argv[2]))"
)
_CLOSE_SECONDS = 5.0
_LAST_BREATH_SECONDS = 1.0


class _Worker:
    """One process and the connection to it."""

    def __init__(self, group: ProcessGroup, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.group = group
        self._reader = reader
        self._writer = writer

    async def call(self, request: bytes, on_message: Callable[[Mapping[str, Any]], None]) -> Outcome:
        """Send a request; returns the outcome.

        Raises:
            EOFError: the process is gone.
            OSError: likewise.
        """
        self._writer.write(request)
        await self._writer.drain()
        while True:
            message = await read(self._reader)
            if "end" in message:
                return outcome_from_json(message["end"])
            on_message(message)

    def kill(self) -> None:
        self.group.kill()
        self._writer.transport.abort()


class WorkerPool:
    """As many processes as there are calls at one time."""

    def __init__(self) -> None:
        self._idle: list[_Worker] = []
        self._workers: set[_Worker] = set()

    async def run(self, request: Mapping[str, Any], on_message: Callable[[Mapping[str, Any]], None]) -> Outcome:
        """Have a request served. When this is cancelled the process is killed and waited for.

        Args:
            request: what `worker` needs to call a handler.
            on_message: told what the handler logs and emits.

        Raises:
            HandlerError: no process can be started.
        """
        content = packed(request)
        worker = self._take() or await self._start()
        try:
            outcome = await worker.call(content, on_message)
        except (EOFError, OSError):
            try:  # it is about to end by itself, and its exit code says why
                await worker.group.ended(_LAST_BREATH_SECONDS)
            finally:
                code = await self._discard(worker)
            return Outcome.failed("HANDLER_DIED", _how_it_died(code), retry="yes")
        except BaseException:
            await self._discard(worker)
            raise
        self._idle.append(worker)
        return outcome

    async def aclose(self) -> None:
        """Kill every process, and wait until they are gone (at most 5 s), also when this is cancelled."""
        if not self._workers:
            return
        workers = list(self._workers)
        self._idle.clear()
        for worker in workers:
            worker.kill()
        cancelled: asyncio.CancelledError | None = None
        while workers:
            try:
                await workers[-1].group.ended(_CLOSE_SECONDS)
            except asyncio.CancelledError as error:  # they are dying already, and somebody must bury them
                cancelled = error
                continue
            self._workers.discard(workers.pop())
        await asyncio.sleep(0)  # the connections are closed in the next round of the loop
        if cancelled is not None:
            raise cancelled

    def _take(self) -> _Worker | None:
        while self._idle:
            worker = self._idle.pop()
            if worker.group.exit_code() is None:
                return worker
            worker.kill()
            self._workers.discard(worker)
        return None

    async def _start(self) -> _Worker:
        if not sys.executable:
            raise HandlerError("there is no Python program to start for the handler", error_code="HANDLER_NOT_LOADED")
        ours, theirs = socket.socketpair()
        path = json.dumps([entry for entry in sys.path if isinstance(entry, str)])
        try:
            with theirs:
                group = ProcessGroup(
                    [sys.executable, "-c", _PROGRAM, path, str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    stdout=_stderr(),  # the runner's stdout is for its results
                    pass_fds=[theirs.fileno()],
                )
        except OSError as error:
            ours.close()
            text = f"no process can be started for the handler: {error}"
            raise HandlerError(text, error_code="HANDLER_NOT_LOADED", retry=True) from error
        try:
            worker = _Worker(group, *await asyncio.open_unix_connection(sock=ours))
        except BaseException:
            group.kill()
            ours.close()
            await group.ended()
            raise
        self._workers.add(worker)
        return worker

    async def _discard(self, worker: _Worker) -> int | None:
        """Kill a process and wait until it is gone; returns its exit code."""
        worker.kill()
        code = await worker.group.ended()
        self._workers.discard(worker)
        return code


def _stderr() -> int:
    with suppress(OSError):
        os.fstat(2)
        return 2
    return subprocess.DEVNULL


def _how_it_died(code: int | None) -> str:
    if code is not None and code < 0:
        with suppress(ValueError):
            return f"the process of the handler was killed by {signal.Signals(-code).name}"
    return f"the process of the handler ended with exit code {code} before the handler returned"

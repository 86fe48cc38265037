"""The other side of a process handler: a program that calls one function after another until the runner is gone."""

from __future__ import annotations

import logging
import os
import queue
import signal
import socket
import threading
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from altlas_runner import log_records
from altlas_runner.alt_file import Task
from altlas_runner.errors import HandlerError
from altlas_runner.execution import Outcome, RunInfo
from altlas_runner.handlers.artifact_directory import ArtifactDirectory
from altlas_runner.handlers.context import HandlerContext
from altlas_runner.handlers.messages import packed, receive
from altlas_runner.handlers.outcomes import call, failure_of, outcome_to_json
from altlas_runner.handlers.places import FunctionPlace, load_function

__all__ = ["main"]

_NICENESS = 10
"""However many handlers keep the CPUs busy, whoever must stop them gets its turn."""


def main(descriptor: int) -> None:
    """Serve the runner at the other end of a socket."""
    niceness = os.nice(_NICENESS)
    with suppress(OSError):  # systems that share time between sessions first look at that of the session
        Path("/proc/self/autogroup").write_text(str(niceness))
    connection = socket.socket(fileno=descriptor)
    os.register_at_fork(after_in_child=connection.close)  # only our own end tells the runner that we are gone
    requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(connection, requests), daemon=True).start()
    sending = threading.Lock()

    def send(message: dict[str, Any]) -> None:
        content = packed(message)
        with sending:
            connection.sendall(content)

    _send_logs(send)
    while True:
        outcome = _serve(requests.get(), send)
        try:
            send({"end": outcome_to_json(outcome)})
        except (ValueError, TypeError) as error:  # an integer too long to print, an odd field of an Outcome
            said = HandlerError(f"the output is no JSON: {error}", error_code="HANDLER_OUTPUT")
            send({"end": outcome_to_json(failure_of(said))})


def _listen(connection: socket.socket, requests: queue.SimpleQueue[dict[str, Any]]) -> None:
    """Take requests; when the runner is gone, nothing of this process group may stay."""
    with suppress(EOFError, OSError):
        while True:
            requests.put(receive(connection))
    os.killpg(os.getpid(), signal.SIGKILL)


def _serve(request: dict[str, Any], send: Any) -> Outcome:
    try:
        function = load_function(FunctionPlace(request["module"], request["script"], request["name"]))
    except BaseException as error:  # a foreign module may raise anything
        text = f"the process of the handler cannot load it: {type(error).__name__}: {error}"
        return Outcome.failed("HANDLER_NOT_LOADED", text)
    logging.getLogger(log_records.HANDLERS).setLevel(request["log_level"])
    remaining = request["remaining_seconds"]
    context = HandlerContext(
        task=Task.model_validate_json(request["task"]),
        run=RunInfo(**request["run"]),
        attempt=request["attempt"],
        outputs=request["outputs"],
        deadline=None if remaining is None else time.monotonic() + remaining,
        artifacts=ArtifactDirectory(Path(request["artifacts"]), request["artifacts_name"]),
        listener=lambda kind, fields: send({"emit": [kind, fields]}),
    )
    return call(function, context)


class _Sender(logging.Handler):
    """Sends what handlers log to the runner's logger."""

    def __init__(self, send: Any) -> None:
        super().__init__()
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record as text, with the traceback if it has one."""
        self._send({"log": [record.levelno, self.format(record)]})


def _send_logs(send: Any) -> None:
    logger = logging.getLogger(log_records.HANDLERS)
    logger.handlers = [_Sender(partial(send))]
    logger.propagate = False

"""Handlers that run on workers: at the top level of a module, where workers can find them."""

import asyncio
import io
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from altlas_runner import HandlerContext, HandlerError, Outcome, handler, log_records
from tests.handlers.running import is_running


@handler("nap")
async def nap(context: HandlerContext) -> dict[str, Any]:
    """Sleep, and write down when it starts and ends."""
    _note(context, "start")
    await asyncio.sleep(context.parameters.get("seconds", 0.05))
    _note(context, "end")
    return {"slept": context.task.id}


@handler("add")
def add(context: HandlerContext) -> dict[str, Any]:
    context.emit("adding", numbers=len(context.parameters["numbers"]))
    context.artifacts.write("note.txt", "noted", description="a note")
    return {"sum": sum(context.parameters["numbers"]), "outputs": context.outputs, "attempt": context.attempt}


@handler("spin", process=True)
def spin(context: HandlerContext) -> None:
    """Keep a CPU busy for ever, and say who does."""
    _note(context, f"pid {os.getpid()}")
    while True:
        time.sleep(0)


@handler("spawn", process=True)
def spawn(context: HandlerContext) -> None:
    """Start a process that is not to be forgotten either."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as other:
        _note(context, f"pid {os.getpid()}")
        _note(context, f"pid {other.pid}")


@handler("kill-worker")
async def kill_worker(context: HandlerContext) -> None:
    _note(context, "start")
    os.kill(os.getpid(), signal.SIGKILL)


@handler("kill-itself", process=True)
def kill_itself(context: HandlerContext) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@handler("large")
def large(context: HandlerContext) -> dict[str, Any]:
    """Give back what came in, and a file: both large."""
    context.artifacts.write("large.bin", b"\x01\xfe" * context.parameters["bytes"], description="large")
    return {"text": "x" * context.parameters["bytes"], "got": len(context.parameters["given"])}


@handler("fail")
def fail(context: HandlerContext) -> None:
    if context.attempt <= context.parameters["times"]:
        raise HandlerError("not yet", error_code="OWN", retry=True)


@handler("tell")
async def tell(context: HandlerContext) -> Outcome:
    left = context.remaining_seconds
    return Outcome.completed(
        {"attempt": context.attempt, "key": context.idempotency_key, "in_time": left is not None and 0 < left <= 60}
    )


@handler("log")
async def log(context: HandlerContext) -> str:
    """Log what was given, and answer with what the log shows: backwards, so that the driver leaves it as it is."""
    shown = io.StringIO()
    keeping = logging.StreamHandler(shown)
    logging.getLogger(log_records.HANDLERS).addHandler(keeping)
    context.log.warning("given %s %s", context.parameters, context.outputs)
    logging.getLogger(log_records.HANDLERS).removeHandler(keeping)
    return shown.getvalue()[::-1]


def _note(context: HandlerContext, what: str) -> None:
    """Add a line to the log that the task names; a line is written in one piece."""
    if (log := context.parameters.get("log")) is not None:
        descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(descriptor, f"{context.task.id} {what}\n".encode())
        os.close(descriptor)


def notes(log: Path, what: str) -> list[str]:
    """The tasks that noted this, each as often as it did."""
    lines = log.read_text().splitlines() if log.exists() else []
    return [line.split(" ", 1)[0] for line in lines if line.split(" ", 1)[1].startswith(what)]


def pids(log: Path) -> list[int]:
    """The processes that were noted."""
    lines = log.read_text().splitlines() if log.exists() else []
    return [int(line.rsplit(" ", 1)[1]) for line in lines if " pid " in line]


def running(log: Path) -> list[int]:
    """Those of them that still run."""
    return [pid for pid in pids(log) if is_running(pid)]

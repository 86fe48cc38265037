"""Handlers that run in processes: at the top level of a module, where another process can find them."""

import os
import signal
import subprocess
import sys
import time
from typing import Any

from altlas_runner import HandlerContext, HandlerError, Outcome, Usage, handler


@handler("add", process=True)
def add(context: HandlerContext) -> dict[str, Any]:
    return {"sum": sum(context.parameters["numbers"]), "pid": os.getpid()}


@handler("spin", process=True)
def spin(context: HandlerContext) -> None:
    context.emit("spinning", pid=os.getpid())
    while True:
        pass


@handler("spawn", process=True)
def spawn(context: HandlerContext) -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    context.emit("spawned", pid=child.pid, worker=os.getpid())
    time.sleep(600)


@handler("die", process=True)
def die(context: HandlerContext) -> None:
    number = context.parameters["signal"]
    if number == 0:
        os._exit(3)
    os.kill(os.getpid(), number)
    time.sleep(60)


@handler("die-forking", process=True)
def die_forking(context: HandlerContext) -> None:
    """A process forked from the worker lives on with copies of all its descriptors."""
    if os.fork() == 0:
        time.sleep(600)
    os.kill(os.getpid(), signal.SIGKILL)


@handler("fail", process=True)
def fail(context: HandlerContext) -> None:
    kind = context.parameters["kind"]
    if kind == "exit":
        sys.exit(4)
    if kind == "own":
        raise HandlerError("no more", error_code="OWN")
    raise ValueError("wrong width")


@handler("echo", process=True)
def echo(context: HandlerContext) -> dict[str, Any]:
    context.log.warning("100%% of %s", "it")
    context.artifacts.write("note.txt", "noted", description="a note")
    remaining = context.remaining_seconds
    return {
        "task": context.task.id,
        "parameters": context.parameters,
        "outputs": context.outputs,
        "attempt": context.attempt,
        "persona": context.run.persona,
        "key": context.idempotency_key,
        "has_deadline": remaining is not None and 0 < remaining <= 100,
    }


@handler("paid", process=True)
def paid(context: HandlerContext) -> Outcome:
    return Outcome.completed("x", usage=Usage(3, 4, 0.5))


@handler("strange", process=True)
def strange(context: HandlerContext) -> Any:
    return {"long": 10**5000} if context.parameters["what"] == "long" else {"items": [1, {2}]}


@handler("hang-on-exit", process=True)
def ignore_sigterm(context: HandlerContext) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    context.emit("ignoring", pid=os.getpid())
    time.sleep(600)

"""A program that has imported the command line already, and forks a process for every run that it is asked for.

`python -m tests.durability.forking` reads one JSON object a line from stdin and answers each with one on stdout:
`{"start": [arguments], "cwd": …, "env": {…}, "stdin": path, "stdout": path, "stderr": path}` with `{"pid": …}`, and
`{"wait": pid}` with `{"status": …}` when that process has ended. A fork is a process like any other: it has its own pid
and its own files, and a SIGKILL ends it. It only saves the half second that Python needs to import everything,
and does not see what Python reads once at its start: PYTHONPATH and the like.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import tempfile

import uvloop

from altlas_runner import Runner, RunnerConfig, server
from altlas_runner.cli.main import all_commands, main
from altlas_runner.testing import FakeExecutor, alt_file_of

__all__ = ["warm_up"]

IMPORTED = (uvloop, server)


def warm_up() -> None:
    """Import everything that a run imports on first use, and fill what it fills once; leave no thread behind."""
    all_commands()
    flow = alt_file_of({"id": "a"})
    with tempfile.TemporaryDirectory() as place:
        config = RunnerConfig(
            ai_service_url="http://127.0.0.1:9", ai_max_retries=0, output_dir=place, generate_graphs=False, journal=True
        )
        refused = asyncio.run(Runner(config).execute(flow))  # on asyncio's loop: uvloop's threads outlive it
        assert refused.status == "failure"
        asyncio.run(Runner(config, executor=FakeExecutor({"a": 0.0})).execute(flow))
    gc.collect()
    gc.freeze()


def serve() -> list[str] | None:
    """Answer until stdin ends; in the child, return the arguments of the command line."""
    for line in sys.stdin:
        asked = json.loads(line)
        if "wait" in asked:
            _, status = os.waitpid(asked["wait"], 0)
            print(json.dumps({"status": os.waitstatus_to_exitcode(status)}), flush=True)
            continue
        pid = os.fork()
        if pid == 0:
            for number, name, flags in (
                (0, asked["stdin"], os.O_RDONLY),
                (1, asked["stdout"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
                (2, asked["stderr"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
            ):
                opened = os.open(name, flags, 0o666)
                os.dup2(opened, number)
                os.close(opened)
            os.chdir(asked["cwd"])
            sys.path[0] = asked["cwd"]  # as with `python -m altlas_runner`
            os.environ.clear()
            os.environ.update(asked["env"])
            return ["altlas-runner", *asked["start"]]
        print(json.dumps({"pid": pid}), flush=True)
    return None


if __name__ == "__main__":
    warm_up()
    arguments = serve()
    if arguments is not None:
        sys.argv = arguments
        main()

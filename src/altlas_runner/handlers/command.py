"""The built-in handler `command`: runs a program. It is off unless the user turns it on.

A file that may run commands may do whatever its user may do.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from altlas_runner.errors import HandlerError
from altlas_runner.execution import Outcome
from altlas_runner.handlers.context import HandlerContext
from altlas_runner.handlers.declaring import handler
from altlas_runner.handlers.kept_output import KeptOutput
from altlas_runner.handlers.process_group import ProcessGroup

__all__ = ["command"]

PASSED_VARIABLES = ("HOME", "LANG", "LANGUAGE", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ", "USER")
"""What a command gets of the runner's environment, with every LC_…; keys are not among it."""

_STOP_GRACE_SECONDS = 2.0
_LATE_OUTPUT_SECONDS = 1.0
_LOOK_SECONDS = 0.02
_DEFAULT_LIMIT = 1 << 20
_GREATEST_LIMIT = 1 << 26
_LONGEST_REASON = 1000


@handler("command")
async def command(context: HandlerContext) -> Outcome:
    """Run `parameters.argv`: no shell, a session of its own, killed whole when its time is over.

    Parameters of the task: `argv`, and where wanted `cwd`, `env` (an object), `pass_env` (names), `stdin` (a text),
    `exit_codes` (those that count as success; [0]), `output_limit_bytes` (for stdout and stderr each; 1 MiB) and
    `files` (names in the directory that the command finds in ALTLAS_ARTIFACTS_DIR; they become artifacts).
    """
    order = _Order.of(context.parameters)
    code, stdout, stderr = await _run(order, context)
    if code not in order.exit_codes:
        reason = (stderr.text() or stdout.text()).strip()[-_LONGEST_REASON:]
        return Outcome.failed(
            "COMMAND_KILLED" if code < 0 else "COMMAND_FAILED",
            f"{order.argv[0]}: {_how_it_ended(code)}" + (f": {reason}" if reason else ""),
            retry="yes",
        )
    for name in order.files:
        context.artifacts.add(name)
    return Outcome.completed(
        {
            "exit_code": code,
            "stdout": stdout.text(),
            "stderr": stderr.text(),
            "stdout_bytes_cut": stdout.cut,
            "stderr_bytes_cut": stderr.cut,
        }
    )


@dataclass(frozen=True, slots=True)
class _Order:
    """The parameters of a task, checked."""

    argv: list[str]
    cwd: str | None
    env: dict[str, str]
    stdin: str | None
    exit_codes: list[int]
    limit: int
    files: list[str]

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> _Order:
        argv = _texts(parameters.get("argv"), "argv")
        if not argv or not argv[0]:
            raise _wrong("argv", "must name a program first", argv)
        given = parameters.get("env") or {}
        if not isinstance(given, dict):
            raise _wrong("env", "must be an object", given)
        for name, value in given.items():
            if not name or "=" in name or "\0" in name:
                raise _wrong("env", "has a name that no variable can have", name)
            _text(value, f"env.{name}")
        passed = {*PASSED_VARIABLES, *_texts(parameters.get("pass_env") or [], "pass_env")}
        inherited = {name: value for name, value in os.environ.items() if name in passed or name.startswith("LC_")}
        limit = parameters.get("output_limit_bytes", _DEFAULT_LIMIT)
        if not _is_whole(limit) or not 0 <= limit <= _GREATEST_LIMIT:
            raise _wrong("output_limit_bytes", f"must be an integer from 0 to {_GREATEST_LIMIT}", limit)
        exit_codes = parameters.get("exit_codes", [0])
        if not isinstance(exit_codes, list) or not all(_is_whole(code) and code >= 0 for code in exit_codes):
            raise _wrong("exit_codes", "must be a list of integers from 0", exit_codes)
        cwd, stdin = parameters.get("cwd"), parameters.get("stdin")
        return cls(
            argv=argv,
            cwd=None if cwd is None else _text(cwd, "cwd"),
            env=inherited | given,
            stdin=None if stdin is None else _text(stdin, "stdin", zeros=True),
            exit_codes=exit_codes,
            limit=limit,
            files=_texts(parameters.get("files") or [], "files"),
        )


async def _run(order: _Order, context: HandlerContext) -> tuple[int, KeptOutput, KeptOutput]:
    """Run the program to its end; returns its exit code and what was kept of its output."""
    env = {**order.env, "ALTLAS_ARTIFACTS_DIR": str(context.artifacts.path)} if order.files else order.env
    with ExitStack() as stack:
        group = _start(order, env, stack)
        try:
            stdout, stderr = [await _keep(pipe, order.limit, stack) for pipe in group.pipes]
            ends = {stdout.ended, stderr.ended}
            while (code := group.exit_code()) is None and not all(end.done() for end in ends):
                await asyncio.wait([end for end in ends if not end.done()], timeout=_LOOK_SECONDS)
            if code is None:  # it closed its output; most often that is its end
                code = await group.ended()
            await asyncio.wait(ends, timeout=_LATE_OUTPUT_SECONDS)  # longer only if somebody who got away holds it
        except BaseException:
            await group.stop(_STOP_GRACE_SECONDS)
            raise
        assert code is not None
        return code, stdout, stderr


def _start(order: _Order, env: Mapping[str, str], stack: ExitStack) -> ProcessGroup:
    if order.cwd is not None and not Path(order.cwd).is_dir():
        raise _wrong("cwd", "is no directory", order.cwd)
    stdin: IO[bytes] | int = subprocess.DEVNULL
    try:
        if order.stdin is not None:  # a file instead of a pipe: nobody has to write while the program reads
            stdin = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115  the stack closes it
            stdin.write(order.stdin.encode())
            stdin.seek(0)
        return ProcessGroup(
            order.argv, cwd=order.cwd, env=dict(env), stdin=stdin,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
        )  # fmt: skip
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        text = f"{order.argv[0][:200]!r} cannot be started: {reason}"
        raise HandlerError(text, error_code="COMMAND_NOT_STARTED") from error


async def _keep(pipe: Any, limit: int, stack: ExitStack) -> KeptOutput:
    """Read a pipe from now on; the stack closes it."""
    try:
        transport, output = await asyncio.get_running_loop().connect_read_pipe(lambda: KeptOutput(limit), pipe)
    except BaseException:
        pipe.close()
        raise
    stack.callback(transport.close)
    return output


def _how_it_ended(code: int) -> str:
    if code < 0:
        with suppress(ValueError):
            return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"


def _texts(value: Any, name: str) -> list[str]:
    if not isinstance(value, list):
        raise _wrong(name, "must be a list of texts", value)
    return [_text(each, f"{name}[{index}]") for index, each in enumerate(value)]


def _text(value: Any, name: str, *, zeros: bool = False) -> str:
    if not isinstance(value, str):
        raise _wrong(name, "must be a text", value)
    if "\0" in value and not zeros:
        raise _wrong(name, "must not hold a zero character", value)
    return value


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _wrong(name: str, what: str, value: Any) -> HandlerError:
    shown = repr(value)
    shown = shown if len(shown) <= 80 else f"{shown[:80]}…"
    return HandlerError(f"parameters.{name} {what}, not {shown}", error_code="COMMAND_PARAMETERS")

"""The built-in handler `command` runs a program without a shell, and kills it whole when its time is over."""

import asyncio
import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from altlas_runner import TaskStatus
from altlas_runner.handlers import command
from altlas_runner.results import TaskResult
from altlas_runner.task_manager import TaskManager
from altlas_runner.testing import alt_file_of
from tests.handlers.running import children, gone, is_running, run_tasks, task, wait_for

pytestmark = pytest.mark.slow


def run_command(*argv: Any, parameters: dict[str, Any] | None = None, **fields: Any) -> TaskResult:
    """The result of one command."""
    (result,) = run_tasks([command], task("command", parameters={"argv": list(argv), **(parameters or {})}, **fields))
    return result


def python(code: str, *arguments: str) -> tuple[str, ...]:
    """The arguments that run a Python program."""
    return (sys.executable, "-c", code, *arguments)


def test_the_output_holds_exit_code_stdout_and_stderr() -> None:
    result = run_command(*python("import sys; print('out'); print('err', file=sys.stderr)"))
    assert result.output == {
        "exit_code": 0, "stdout": "out\n", "stderr": "err\n", "stdout_bytes_cut": 0, "stderr_bytes_cut": 0,
    }  # fmt: skip


def test_an_exit_code_other_than_zero_fails_the_task_and_shows_the_end_of_stderr() -> None:
    result = run_command(*python("import sys; sys.exit('x' * 5000 + 'the end')"))
    assert (result.status, result.error_code, result.retry_count) == (TaskStatus.FAILED, "COMMAND_FAILED", 0)
    assert (result.error or "").startswith(f"{sys.executable}: exit code 1: xxx")
    assert (result.error or "").endswith("the end")
    assert len(result.error or "") < 1200


def test_exit_codes_that_the_task_names_are_successes() -> None:
    result = run_command(*python("raise SystemExit(1)"), parameters={"exit_codes": [0, 1]})
    assert (result.status, result.output["exit_code"]) == (TaskStatus.COMPLETED, 1)


def test_a_program_killed_by_a_signal_says_so_and_may_be_tried_again(tmp_path: Path) -> None:
    code = "import os, sys; n = len(os.listdir('.')); open(str(n), 'w'); n or os.kill(os.getpid(), 11); print(n)"
    result = run_command(*python(code), parameters={"cwd": str(tmp_path)}, retry_count=1)
    assert (result.status, result.retry_count, result.output["stdout"]) == (TaskStatus.COMPLETED, 1, "1\n")
    assert (result.attempts[0].error_code, "killed by SIGSEGV" in (result.attempts[0].error or "")) == (
        "COMMAND_KILLED",
        True,
    )


HOSTILE = ["; touch owned", "$(touch owned)", "`touch owned`", "| touch owned", "&& touch owned", "*", "~", "a\nb",
           "--help", "\x1b[31m", "ü\u202e", "", "' \" \\", "x" * 100_000]  # fmt: skip


def test_no_argument_is_read_by_a_shell(tmp_path: Path) -> None:
    code = "import json, sys; print(json.dumps(sys.argv[1:]))"
    result = run_command(*python(code, *HOSTILE), parameters={"cwd": str(tmp_path)})
    assert json.loads(result.output["stdout"]) == HOSTILE
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"argv": None}, "parameters.argv must be a list of texts, not None"),
        ({"argv": "ls -l"}, "parameters.argv must be a list of texts, not 'ls -l'"),
        ({"argv": []}, "parameters.argv must name a program first"),
        ({"argv": [""]}, "parameters.argv must name a program first"),
        ({"argv": ["echo", 200]}, "parameters.argv[1] must be a text, not 200"),
        ({"argv": ["echo", "a\0b"]}, "parameters.argv[1] must not hold a zero character"),
        ({"argv": ["echo"], "cwd": "/no/such/place"}, "parameters.cwd is no directory"),
        ({"argv": ["echo"], "cwd": 5}, "parameters.cwd must be a text"),
        ({"argv": ["echo"], "env": ["A=B"]}, "parameters.env must be an object"),
        ({"argv": ["echo"], "env": {"A": 1}}, "parameters.env.A must be a text"),
        ({"argv": ["echo"], "env": {"A=B": "x"}}, "a name that no variable can have"),
        ({"argv": ["echo"], "output_limit_bytes": -1}, "parameters.output_limit_bytes must be an integer"),
        ({"argv": ["echo"], "output_limit_bytes": True}, "parameters.output_limit_bytes must be an integer"),
        ({"argv": ["echo"], "exit_codes": 0}, "parameters.exit_codes must be a list of integers"),
        ({"argv": ["echo"], "pass_env": "PATH"}, "parameters.pass_env must be a list of texts"),
    ],
)
def test_parameters_that_do_not_fit_are_named_and_nothing_is_run(parameters: dict[str, Any], text: str) -> None:
    (result,) = run_tasks([command], task("command", parameters=parameters, retry_count=3))
    assert (result.error_code, result.retry_count) == ("COMMAND_PARAMETERS", 0)
    assert text in (result.error or "")


@pytest.mark.parametrize("program", ["/no/such/program", "no-such-program-anywhere", "/etc/passwd", "/", "\ud800"])
def test_a_program_that_cannot_be_started_is_not_tried_again(program: str) -> None:
    result = run_command(program, retry_count=3)
    assert (result.status, result.error_code, result.retry_count) == (TaskStatus.FAILED, "COMMAND_NOT_STARTED", 0)


def test_long_output_is_cut_in_the_middle_and_says_so() -> None:
    code = "print('first'); print('x' * 3_000_000); print('last')"
    result = run_command(*python(code), parameters={"output_limit_bytes": 1000})
    text = result.output["stdout"]
    assert (text[:6], text[-5:], len(text) < 1100) == ("first\n", "last\n", True)
    assert result.output["stdout_bytes_cut"] == 3_000_012 - 1000
    assert f"[… {3_000_012 - 1000} bytes left out …]" in text


@pytest.mark.parametrize("limit", [0, 1])
def test_a_limit_of_next_to_nothing_is_kept(limit: int) -> None:
    result = run_command(*python("print('ab')"), parameters={"output_limit_bytes": limit})
    assert result.output["stdout"] == "a"[:limit] + f"\n[… {3 - limit} bytes left out …]\n"


def test_output_without_end_does_not_fill_the_memory() -> None:
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = run_command("yes", timeout_seconds=1)
    assert result.status is TaskStatus.TIMEOUT
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # KB


def test_output_that_is_no_utf_8_is_kept_with_replacements() -> None:
    result = run_command(*python("import sys; sys.stdout.buffer.write(b'a\\xffb')"))
    assert result.output["stdout"] == "a\ufffdb"


def test_stdin_is_the_given_text_or_empty() -> None:
    code = "import sys; print(repr(sys.stdin.read()))"
    assert run_command(*python(code)).output["stdout"] == "''\n"
    assert run_command(*python(code), parameters={"stdin": "täxt\0"}).output["stdout"] == "'täxt\\x00'\n"
    assert run_command("true", parameters={"stdin": "x" * 5_000_000}).status is TaskStatus.COMPLETED


def test_the_environment_holds_only_what_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNNER_AI_API_KEY", "sk-planted")
    monkeypatch.setenv("PASSED", "yes")
    monkeypatch.setenv("LC_TIME", "C")
    code = "import json, os; print(json.dumps(dict(os.environ)))"
    result = run_command(*python(code), parameters={"env": {"OWN": "1"}, "pass_env": ["PASSED", "MISSING"]})
    seen = json.loads(result.output["stdout"])
    assert (seen["OWN"], seen["PASSED"], seen["PATH"], seen["LC_TIME"]) == ("1", "yes", os.environ["PATH"], "C")
    assert "RUNNER_AI_API_KEY" not in seen
    assert "MISSING" not in seen


FAMILY = """
import os, signal, subprocess, sys, time
if sys.argv[2] == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
code = f"import os, time; open({sys.argv[1]!r} + '/grandchild', 'w').write(str(os.getpid()) + chr(10)); time.sleep(600)"
subprocess.Popen([sys.executable, "-c", code], process_group=0 if sys.argv[2] == "apart" else None)
open(sys.argv[1] + "/child", "w").write(str(os.getpid()) + chr(10))
time.sleep(600)
"""


def cancel_when_ready(ready: Path, parameters: dict[str, Any], way: str = "the run") -> None:
    """Run a command, and cancel it once it has written its process id into a file."""

    async def main() -> None:
        manager = TaskManager(alt_file_of(task("command", parameters=parameters)), None, handlers=[command])
        run = asyncio.ensure_future(manager.run())
        await asyncio.to_thread(wait_for, ready)
        if way == "the run":
            manager.cancel()
            (result,) = await run
            assert result.status is TaskStatus.CANCELLED
            assert "abandoned" not in (result.error or "")
            return
        run.cancel()
        if way.endswith("twice"):
            await asyncio.sleep(0.1)
            run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run

    asyncio.run(main())


@pytest.fixture
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those who ignore SIGTERM are not waited for as long as in real life."""
    monkeypatch.setattr(importlib.import_module("altlas_runner.handlers.command"), "_STOP_GRACE_SECONDS", 0.3)


@pytest.mark.usefixtures("short_grace")
@pytest.mark.parametrize("kind", ["obedient", "deaf", "apart"])
@pytest.mark.parametrize("way", ["the run", "its coroutine", "its coroutine twice"])
def test_cancelling_kills_the_program_and_its_descendants(tmp_path: Path, way: str, kind: str) -> None:
    """Also one that ignores SIGTERM, and one in a process group of its own, as shells with job control make them."""
    before = children()
    cancel_when_ready(tmp_path / "grandchild", {"argv": list(python(FAMILY, str(tmp_path), kind))}, way)
    assert gone(wait_for(tmp_path / "child"))
    assert gone(wait_for(tmp_path / "grandchild"))
    assert children() == before


@pytest.mark.usefixtures("short_grace")
def test_a_deadline_kills_the_program_and_its_descendants(tmp_path: Path) -> None:
    result = run_command(*python(FAMILY, str(tmp_path), "deaf"), timeout_seconds=3)
    assert (result.status, "abandoned" in (result.error or "")) == (TaskStatus.TIMEOUT, False)
    assert gone(wait_for(tmp_path / "child"))
    assert gone(wait_for(tmp_path / "grandchild"))


def test_a_program_may_tidy_up_when_it_is_told_to_stop(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys, time\n"
        "def tidy(*_): open('tidied', 'w').close(); sys.exit()\n"
        "signal.signal(signal.SIGTERM, tidy)\n"
        "print(os.getpid(), file=open('ready', 'w'), flush=True)\n"
        "time.sleep(600)"
    )
    cancel_when_ready(tmp_path / "ready", {"argv": list(python(code)), "cwd": str(tmp_path)})
    assert (tmp_path / "tidied").exists()


def test_what_a_program_leaves_running_is_killed_when_it_ends() -> None:
    code = "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']).pid)"
    started = time.monotonic()
    result = run_command(*python(code))
    assert result.status is TaskStatus.COMPLETED
    assert not is_running(int(result.output["stdout"])) or gone(int(result.output["stdout"]))
    assert time.monotonic() - started < 30


def test_somebody_who_got_away_with_the_output_does_not_hold_up_the_task() -> None:
    """A program that leaves the session is out of reach; its task ends all the same."""
    code = (
        "import subprocess, sys\n"
        "c = 'import time; time.sleep(8)'\n"
        "print(subprocess.Popen([sys.executable, '-c', c], start_new_session=True).pid)"
    )
    result = run_command(*python(code))
    assert result.status is TaskStatus.COMPLETED
    assert result.execution_time_ms < 7000
    os.kill(int(result.output["stdout"]), 9)


def test_files_that_a_command_names_come_from_its_artifact_directory(tmp_path: Path) -> None:
    code = "import os; open(os.environ['ALTLAS_ARTIFACTS_DIR'] + '/made.txt', 'w').write('made')"
    parameters = {"argv": list(python(code)), "files": ["made.txt"]}
    (result,) = run_tasks([command], task("command", parameters=parameters), artifacts_dir=tmp_path)
    assert result.status is TaskStatus.COMPLETED
    assert (tmp_path / "0-a" / "made.txt").read_text() == "made"
    parameters["files"] = ["../secret"]
    (result,) = run_tasks([command], task("command", parameters=parameters), artifacts_dir=tmp_path)
    assert result.error_code == "HANDLER_ARTIFACT"


def test_many_commands_leave_no_file_descriptor_and_no_process() -> None:
    before = children()
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    results = run_tasks(
        [command], *(task("command", f"t{n}", parameters={"argv": ["true"]}) for n in range(40)), max_concurrency=8
    )
    assert {result.status for result in results} == {TaskStatus.COMPLETED}
    assert (children(), len(list(Path("/proc/self/fd").iterdir()))) == (before, descriptors)

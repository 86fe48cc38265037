"""`altlas-runner run` with handlers: named on the command line, in the environment, or by installed packages."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from altlas_runner import LastFile
from tests.end_to_end.test_cli_run import command, only_bundle, write
from tests.handlers.running import gone, wait_for
from tests.handlers.test_naming_handlers import install
from tests.loopback import LoopbackService

pytestmark = pytest.mark.slow

MODULE = """
import os
from altlas_runner import handler

@handler("double")
def double(context): return context.parameters["n"] * 2

@handler("elsewhere", process=True)
def elsewhere(context):
    print("this goes to stderr")
    return os.getpid()

everything = [double, elsewhere]
"""


def flow(*types: str, **parameters: Any) -> dict[str, Any]:
    tasks = [{"id": each, "description": each, "parameters": {"task_type": each, **parameters}} for each in types]
    return {"id": "flow", "title": "Flow", "tasks": tasks}


def outputs(directory: Path) -> dict[str, Any]:
    last_file = LastFile.from_path(only_bundle(directory / "out"))
    return {result.task_id: result.output for result in last_file.task_results}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "tools.py").write_text(MODULE)
    return tmp_path


def run(place: Path, document: dict[str, Any], *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    alt = write(place / "flow.alt.json", document)
    return command("run", alt, "-o", "out", "--no-graphs", *arguments, cwd=place, **env)


def test_handlers_in_a_module_beside_the_file_do_their_tasks(place: Path) -> None:
    with LoopbackService() as service:
        done = run(place, flow("double", "elsewhere", "translate", n=4), "--handlers", "tools:everything",
                   "--service-url", service.url, "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["successful_tasks"] == 3
    assert "this goes to stderr" in done.stderr
    found = outputs(place)
    assert (found["double"], isinstance(found["elsewhere"], int)) == (8, True)
    assert [request["task_id"] for request in service.requests] == ["translate"]


def test_a_file_of_handlers_alone_needs_no_service(place: Path) -> None:
    done = run(place, flow("double", n=4), "--protocol", "local", "--local-model", "missing.gguf",
               RUNNER_HANDLERS="tools:double")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert outputs(place) == {"double": 8}


def test_an_installed_package_offers_handlers_to_the_command(place: Path) -> None:
    install(place, "tools-plugin", "double = tools:double")
    done = run(place, flow("double", n=4), PYTHONPATH=str(place))
    assert (done.returncode, outputs(place)) == (0, {"double": 8}), done.stderr


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        ("tools", 'handlers "tools": write module:attribute'),
        ("tool:double", "the module tool cannot be imported"),
        ("tools:dubble", 'there is no dubble in tools; did you mean "double"?'),
        ("tools:__name__", "is a str, not a function"),
    ],
)
def test_a_reference_that_does_not_fit_is_exit_code_2(place: Path, reference: str, text: str) -> None:
    done = run(place, flow("double"), "--handlers", reference)
    assert done.returncode == 2
    assert text in done.stderr
    assert "Traceback" not in done.stderr
    assert not (place / "out").exists()


def test_commands_run_only_when_they_are_allowed(place: Path) -> None:
    document = flow("command", argv=["sh", "-c", "echo $0 > ran; echo done", "here"])
    with LoopbackService() as service:
        done = run(place, document, "--service-url", service.url)
        assert (done.returncode, len(service.requests), (place / "ran").exists()) == (0, 1, False)
        assert "WARNING tasks of the type command go to the AI service" in done.stderr
    subprocess.run(["rm", "-r", place / "out"], check=True)
    done = run(place, document, "--allow-commands")
    assert done.returncode == 0, done.stderr
    assert (outputs(place)["command"]["stdout"], (place / "ran").read_text()) == ("done\n", "here\n")
    subprocess.run(["rm", "-r", place / "out", place / "ran"], check=True)
    assert run(place, document, RUNNER_ALLOW_COMMANDS="true").returncode == 0
    assert (place / "ran").exists()


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_ends_a_command_and_a_second_one_does_so_at_once(place: Path, times: int) -> None:
    """Also when the program ignores SIGTERM, and nobody waits any more to kill it."""
    code = "import os, signal, time; signal.signal(15, signal.SIG_IGN); print(os.getpid(), flush=True); time.sleep(600)"
    shell = '"$0" -c "$1" > pid'
    alt = write(place / "flow.alt.json", flow("command", argv=["sh", "-c", shell, sys.executable, code]))
    process = subprocess.Popen(
        [sys.executable, "-m", "altlas_runner", "run", alt, "-o", "out", "--no-graphs", "--allow-commands"],
        cwd=place,
        stderr=subprocess.PIPE,
        text=True,
    )
    pid = wait_for(place / "pid")
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    assert any("stopping" in line for line in process.stderr)
    if times == 2:
        process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 130
    assert gone(pid)
    assert bool(list((place / "out").glob("*/result.last"))) is (times == 1)

"""The library keeps its manners in a process that is not its own: signals, forks, exits, loaders."""

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.capi.building import (
    NIGHTLY,
    THIS_VERSION,
    Library,
    make_environment,
    other_pythons,
    run,
    site_packages,
    version_of,
)

pytestmark = pytest.mark.slow


def interrupted(program: Path, way: str, out: Path) -> int:
    """The return code of a host that got SIGINT as soon as it said that it is ready."""
    with subprocess.Popen([program, way, out], env={}, stdout=subprocess.PIPE, text=True) as host:
        try:
            assert host.stdout is not None
            assert host.stdout.readline() == "ready\n"
            host.send_signal(signal.SIGINT)
            return host.wait(timeout=30)
        finally:
            host.kill()


@pytest.mark.parametrize("way", ["idle", "busy"])
def test_ctrl_c_kills_a_host_as_it_would_without_the_library(way: str, library: Library, tmp_path: Path) -> None:
    assert interrupted(library.program("signals"), way, tmp_path) == -signal.SIGINT


@pytest.mark.parametrize("way", ["before", "after"])
def test_a_handler_of_the_host_stays(way: str, library: Library, tmp_path: Path) -> None:
    """Whether it was set before the library was started, or after."""
    assert interrupted(library.program("signals"), way, tmp_path) == 42


def test_every_signal_is_left_as_it_was(library: Library, tmp_path: Path) -> None:
    done = run(library.program("signals"), "unchanged", tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


CLOSED_PIPE = """
import os
from altlas_runner import handler

def write():
    reader, writer = os.pipe()
    os.close(reader)
    try:
        os.write(writer, b"x")
    finally:
        os.close(writer)

@handler("loop")
async def loop(context):
    write()

@handler("thread")
def thread(context):
    print("said by a handler")
    write()
"""


def test_a_write_to_a_closed_pipe_inside_a_run_does_not_kill_the_host(library: Library, tmp_path: Path) -> None:
    """Handlers of Python do it, on the host's thread and on one of the library's. What they print comes out too."""
    python = make_environment(tmp_path / "environment")
    (site_packages(tmp_path / "environment") / "closed_pipe.py").write_text(CLOSED_PIPE)
    done = run(library.program("closed_pipe"), tmp_path, env={"ALTLAS_RUNNER_PYTHON": str(python)})
    assert (done.returncode, done.stdout) == (0, "said by a handler\nthe library was told, the host lives\n"), (
        done.stderr
    )


def test_the_child_of_a_fork_is_refused_in_words(library: Library) -> None:
    done = run(library.program("forks"))
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


PYTHON_HOST = """
import ctypes, os, sys
lib = ctypes.CDLL(sys.argv[1])
assert lib.runner_init() == 1
flow = b'{"id": "f", "title": "T", "tasks": [{"id": "a", "description": "d"}]}'
assert lib.runner_parse_alt_file(flow) == 1
pid = os.fork()
if pid == 0:
    os._exit(0 if lib.runner_parse_alt_file(flow) == 1 else 1)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
assert lib.runner_cleanup() == 1
print("both worked")
"""


def test_a_python_host_may_fork(library: Library) -> None:
    done = run(sys.executable, "-c", PYTHON_HOST, library.path)
    assert (done.returncode, done.stdout) == (0, "both worked\n"), done.stderr


PYTHON_HOST_INTERRUPTED = """
import ctypes, os, sys, threading, signal
lib = ctypes.CDLL(sys.argv[1])
lib.runner_get_last_error.restype = ctypes.c_void_p
assert lib.runner_init() == 1
assert lib.runner_parse_alt_file(b'{"id": "f", "title": "T", "tasks": [{"id": "a", "description": "d"}]}') == 1
TASK = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
@TASK
def task(attempt, _):
    os.kill(os.getpid(), signal.SIGINT)
    return None
try:
    for _ in range(100):
        lib.runner_execute_alt_file_with_executor(b"f", None, sys.argv[2].encode(), task, None, None)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_ctrl_c_of_a_python_host_stays_its_own(library: Library, tmp_path: Path) -> None:
    done = run(sys.executable, "-c", PYTHON_HOST_INTERRUPTED, library.path, tmp_path)
    assert (done.returncode, done.stdout) == (0, "interrupted\n"), done.stderr


def test_a_plugin_opened_with_rtld_local_works_and_may_be_closed_and_opened_again(
    library: Library, tmp_path: Path
) -> None:
    done = run(library.program("opened_locally"), library.path, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_host_may_end_in_any_way_at_any_time(library: Library) -> None:
    """1,000 starts and ends at night, 20 by day: returning, with and without cleanup, while other threads work, …"""
    program = library.program("lifecycle")
    ways = ["return", "cleanup", "busy", "thread", "_exit"] * (200 if NIGHTLY else 4)
    with ThreadPoolExecutor(2) as pool:
        codes = [
            (way, done.returncode, done.stderr)
            for way, done in zip(ways, pool.map(lambda w: run(program, w), ways), strict=True)
        ]
    assert codes == [(way, 0, "") for way in ways]


FOREIGN = """
import ctypes, sys
lib = ctypes.CDLL(sys.argv[1])
lib.runner_get_last_error.restype = ctypes.c_char_p
print(lib.runner_init(), lib.runner_get_last_error().decode())
"""


def test_a_library_for_another_python_is_refused_in_words(library: Library) -> None:
    foreign = [python for python in other_pythons() if version_of(python) != THIS_VERSION]
    if not foreign:
        pytest.skip("there is no Python of another version")
    for python in foreign:
        done = run(python, "-c", FOREIGN, library.path)
        assert done.returncode == 0, done.stderr
        expected = f"0 this process runs Python {version_of(python)}"
        assert done.stdout.startswith(expected), (python, done.stdout)
        assert f"built for Python {THIS_VERSION}" in done.stdout

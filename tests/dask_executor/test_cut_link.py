"""A link that is cut: packets vanish, no connection breaks, and Dask alone would wait for minutes."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.dask_executor.clusters import dask_program
from tests.dask_executor.driver import DEADLINE_SECONDS
from tests.dask_executor.functions import notes
from tests.needs import need

GRACE_SECONDS = 5


def need_namespaces() -> None:
    need("ip (Debian: iproute2)", shutil.which("ip") is not None)
    made = subprocess.run(["ip", "netns", "add", name := f"altlas-{os.getpid()}-try"], capture_output=True)
    subprocess.run(["ip", "netns", "del", name], capture_output=True)
    need("the right to make network namespaces (root)", made.returncode == 0)


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=20)


@contextmanager
def two_namespaces() -> Iterator[tuple[str, str]]:
    """Two network namespaces, 10.213.7.1 and 10.213.7.2, with a link between them: its ends are named `cable`."""
    names = (f"altlas-{os.getpid()}-a", f"altlas-{os.getpid()}-b")
    try:
        for name in names:
            ip("netns", "add", name)
        ip("-n", names[0], "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", names[1])
        for number, name in enumerate(names, 1):
            ip("-n", name, "addr", "add", f"10.213.7.{number}/24", "dev", "cable")
            ip("-n", name, "link", "set", "cable", "up")
            ip("-n", name, "link", "set", "lo", "up")
        yield names
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True)


@contextmanager
def program_in(namespace: str, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(["ip", "netns", "exec", namespace, *command])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_every_task_ends_by_its_deadline_when_the_link_is_cut(tmp_path: Path) -> None:
    """Those with a deadline end by it; those without are lost when nothing was heard of their workers for too long."""
    need_namespaces()
    log, address = tmp_path / "log", "tcp://10.213.7.2:8786"
    with ExitStack() as stack:
        driver_side, cluster_side = stack.enter_context(two_namespaces())
        options = ("--host", "10.213.7.2", "--port", "8786", "--no-dashboard")
        stack.enter_context(program_in(cluster_side, *dask_program("scheduler", *options)))
        words = ("worker", address, "--nthreads", "8", "--no-nanny", "--no-dashboard", "--host", "10.213.7.2")
        stack.enter_context(program_in(cluster_side, *dask_program(*words)))
        command = (sys.executable, "-m", "tests.dask_executor.driver", address, str(log), "nap", "8")
        driver = stack.enter_context(program_in(driver_side, *command))
        _wait(lambda: len(notes(log, "start")) == 8, "all tasks run")
        ip("-n", driver_side, "link", "set", "cable", "down")
        began = time.monotonic()
        assert driver.wait(60) == 0
        assert time.monotonic() - began < DEADLINE_SECONDS + 2 * GRACE_SECONDS
    ends = json.loads(Path(f"{log}.ends").read_text())
    assert len(ends) == 8
    for task_id, status, code, seconds in ends:
        print(f"{task_id}: {status} {code} after {seconds:.1f} s")
        assert seconds <= DEADLINE_SECONDS + GRACE_SECONDS
        expected = ("timeout", "AI_DEADLINE") if task_id.startswith("in-time") else ("failed", "WORKER_LOST")
        assert (status, code) == expected


def _wait(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < end, f"not within 90 s: {what}"
        time.sleep(0.05)

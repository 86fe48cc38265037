"""The end of the service: in good order after SIGTERM."""

import signal
import time
from pathlib import Path

import pytest

from altlas_runner import LastFile
from tests.loopback import LoopbackService
from tests.server.running import running_server
from tests.server.test_executing import TWO

pytestmark = pytest.mark.slow


def test_after_sigterm_runs_may_end_and_no_other_begins(tmp_path: Path) -> None:
    with LoopbackService(delay=0.7) as ai, running_server(tmp_path / "output", ai.url) as server:
        run_id = server.start(TWO)
        while not ai.requests:
            time.sleep(0.01)
        server.process.send_signal(signal.SIGTERM)
        until = time.monotonic() + 10
        while server.ask("GET", "/api/v1/status").json["status"] != "STOPPING":
            assert time.monotonic() < until
        for path in ("/execute", "/api/v1/process"):
            refused = server.ask("POST", path, {"alt_file_content": TWO})
            assert refused.status == 503
            assert "stopping" in refused.json["error"]
        ready = server.ask("GET", "/api/v1/health/ready")
        assert (ready.status, ready.json["accepts_runs"]) == (503, False)
        assert server.ask("GET", "/api/v1/health").status == 200
        assert server.process.wait(30) == 0
    assert LastFile.from_path(tmp_path / "output" / run_id).status == "success"


def test_when_the_grace_is_over_runs_are_cancelled_and_their_bundles_written(tmp_path: Path) -> None:
    options = ("--grace", "0.3", "--max-running", "1")
    with LoopbackService(delay=60) as ai, running_server(tmp_path / "output", ai.url, *options) as server:
        running, waiting = server.start(TWO), server.start(TWO)
        while not ai.requests:
            time.sleep(0.01)
        assert server.stop(30) == 0
        assert "Traceback" not in server.log.read_text()
    for run_id in (running, waiting):
        last_file = LastFile.from_path(tmp_path / "output" / run_id)
        assert [result.status for result in last_file.task_results] == ["cancelled", "cancelled"]
    assert len(ai.requests) == 1


def test_a_second_signal_waits_for_no_run(tmp_path: Path) -> None:
    with LoopbackService(delay=60) as ai, running_server(tmp_path / "output", ai.url, "--grace", "600") as server:
        run_id = server.start(TWO)
        while not ai.requests:
            time.sleep(0.01)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        assert not server.process.has_ended()
        assert server.stop(30) == 0
    assert LastFile.from_path(tmp_path / "output" / run_id).status == "failure"


def test_those_who_follow_a_run_see_its_end_when_the_service_stops(tmp_path: Path) -> None:
    with LoopbackService(delay=0.5) as ai, running_server(tmp_path / "output", ai.url) as server:
        run_id = server.start(TWO)
        server.process.send_signal(signal.SIGTERM)
        stream = server.ask("GET", f"/api/v1/runs/{run_id}/events").body.decode()
        assert '"event":"run_finished"' in stream
        assert server.process.wait(30) == 0


def test_an_address_that_is_taken_is_told(tmp_path: Path) -> None:
    with LoopbackService() as ai, running_server(tmp_path / "output", ai.url) as server:
        import subprocess
        import sys

        command = [sys.executable, "-m", "altlas_runner", "serve", "--port", str(server.address[1])]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 2
        assert f"cannot listen on 127.0.0.1, port {server.address[1]}" in done.stderr
        assert "Traceback" not in done.stderr

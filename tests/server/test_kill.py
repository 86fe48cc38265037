"""The service is killed while runs go on: what had ended is there, what had not is listed as interrupted."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from altlas_runner import LastFile
from tests.browser import Browser
from tests.last_file.bundles import assert_whole
from tests.loopback import LoopbackService
from tests.server.running import RunningServer, running_server

pytestmark = pytest.mark.slow


def flow(title: str, *task_ids: str) -> dict[str, Any]:
    tasks: list[dict[str, Any]] = [{"id": task, "description": f"do {task}"} for task in task_ids]
    for before, task in pairwise(tasks):
        task["dependencies"] = [before["id"]]
    return {"id": "flow", "title": title, "tasks": tasks}


class AiService(LoopbackService):
    """Answers everything but `held`, until it is told to."""

    def __init__(self) -> None:
        self.holds = True
        super().__init__({"held": self._held})

    async def _held(self, body: Any) -> web.StreamResponse:
        while self.holds:
            await asyncio.sleep(0.01)
        return web.json_response({"text": "at last"})

    def asked(self, task_id: str) -> int:
        return sum(request["task_id"] == task_id for request in self.requests)


def until(what: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


class Killed:
    """What a killed service left behind, and its successor.

    Attributes:
        ai: the AI service of both.
        output_dir: the directory of the bundles of both.
        ended: the runs that had ended.
        under_way: those that were at their second task of three.
        left: the names of the files in each bundle when the successor began.
        server: the successor.
    """

    def __init__(self, ai: AiService, output_dir: Path) -> None:
        self.ai = ai
        self.output_dir = output_dir
        with running_server(output_dir, ai.url, "--max-concurrency", "16") as server:
            self.ended = [server.start(flow(f"Ended {number}", "a", "b")) for number in range(3)]
            for run_id in self.ended:
                assert server.ended(run_id)["status"] == "success"
            self.under_way = [server.start(flow(f"Open {number}", "quick", "held", "after")) for number in range(5)]
            until(lambda: ai.asked("held") == 5)
            server.process.kill()
            server.process.wait(60)
        self.left = {run_id: {file.name for file in (output_dir / run_id).iterdir()} for run_id in self.under_way}
        self.server: RunningServer


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killed]:
    with AiService() as ai:
        killed = Killed(ai, tmp_path_factory.mktemp("killed") / "output")
        with running_server(killed.output_dir, ai.url) as server:
            killed.server = server
            yield killed


def listed(server: RunningServer) -> dict[str, Any]:
    return {run["request_id"]: run for run in server.ask("GET", "/api/v1/runs?limit=200").json["runs"]}


def test_runs_that_had_ended_are_there_whole_with_their_reports(killed: Killed) -> None:
    runs = listed(killed.server)
    for run_id in killed.ended:
        assert assert_whole(killed.output_dir / run_id).status == runs[run_id]["status"] == "success"
        assert killed.server.ask("GET", runs[run_id]["report_url"]).status == 200


def test_runs_that_went_on_are_interrupted_and_what_had_completed_is_known(killed: Killed) -> None:
    runs = listed(killed.server)
    for number, run_id in enumerate(killed.under_way):
        assert "result.last" not in killed.left[run_id], "no bundle says more than is true"
        assert runs[run_id] == killed.server.run(run_id)
        assert (runs[run_id]["status"], runs[run_id]["title"]) == ("interrupted", f"Open {number}")
        assert (runs[run_id]["task_count"], runs[run_id]["counts"]["completed"]) == (3, 1)


def test_the_page_shows_an_interrupted_run_with_the_command_that_goes_on_with_it(
    browser: Browser, killed: Killed
) -> None:
    browser.open(killed.server.url + "/")
    browser.until("document.querySelector('.runs li')?.innerText.includes('interrupted')")
    browser.driver.find_element("css selector", ".runs a").click()
    browser.until("document.querySelector('#run .verdict')?.textContent === 'interrupted'")
    said = browser.run("document.querySelector('#run').innerText")
    assert "The service stopped while this run was going on" in said
    assert f"altlas-runner resume {killed.under_way[-1]}" in said
    assert browser.serious_faults() == []
    assert browser.seen() == {"ran": [], "violations": [], "errors": []}


def test_an_interrupted_run_is_resumed_and_nothing_is_asked_for_twice(killed: Killed) -> None:
    ai, run_id = killed.ai, killed.under_way[0]
    before = (ai.asked("quick"), ai.asked("held"), ai.asked("after"))
    ai.holds = False
    command = [sys.executable, "-m", "altlas_runner", "resume", str(killed.output_dir / run_id)]
    command += ["--service-url", ai.url, "--no-graphs"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert (ai.asked("quick"), ai.asked("held"), ai.asked("after")) == (before[0], before[1] + 1, before[2] + 1)
    until(lambda: listed(killed.server)[run_id]["status"] == "success")  # the list may be a few seconds old
    assert killed.server.ask("GET", f"/runs/{run_id}/report.html").status == 200


def test_sigterm_under_load_leaves_a_whole_bundle_of_every_run_that_was_accepted(tmp_path: Path) -> None:
    output_dir = tmp_path / "output"
    options = ("--max-concurrency", "4", "--max-running", "8", "--grace", "0.5")
    with LoopbackService(delay=0.05) as ai, running_server(output_dir, ai.url, *options) as server:
        accepted = [server.start(flow(f"Run {number}", "a", "b", "c")) for number in range(30)]
        assert server.stop() == 0
        assert "Traceback" not in server.log.read_text()
    statuses = [assert_whole(output_dir / run_id).status for run_id in accepted]
    assert len(statuses) == 30
    asked = len(ai.requests)
    completed = sum(len(LastFile.from_path(output_dir / run_id).get_successful_tasks()) for run_id in accepted)
    assert completed <= asked <= completed + 4, (
        "nothing that was answered is forgotten, and nothing began after the end"
    )

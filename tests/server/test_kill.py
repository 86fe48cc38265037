"""The service is killed while runs go on: what had ended is there, what had not is listed as interrupted."""

import asyncio
import subprocess
import sys
import time
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
    tasks = [{"id": task, "description": f"do {task}"} for task in task_ids]
    for before, task in zip(tasks, tasks[1:], strict=False):
        task["dependencies"] = [before["id"]]  # type: ignore[assignment]
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


def until(what: Any, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.02)


def killed(ai: AiService, output_dir: Path, *, ended: int, under_way: int) -> tuple[list[str], list[str]]:
    """Start a service, let so many runs end and others come to their second task, kill it; the ids of both."""
    with running_server(output_dir, ai.url, "--max-concurrency", "16") as server:
        ended_ids = [server.start(flow(f"Ended {number}", "a", "b")) for number in range(ended)]
        for run_id in ended_ids:
            assert server.ended(run_id)["status"] == "success"
        open_ids = [server.start(flow(f"Open {number}", "quick", "held", "after")) for number in range(under_way)]
        until(lambda: ai.asked("held") == under_way)
        server.process.kill()
        server.process.wait(60)
    return ended_ids, open_ids


def listed(server: RunningServer) -> dict[str, Any]:
    return {run["request_id"]: run for run in server.ask("GET", "/api/v1/runs?limit=200").json["runs"]}


def test_after_a_kill_ended_runs_are_there_and_the_others_are_interrupted(tmp_path: Path) -> None:
    output_dir = tmp_path / "output"
    with AiService() as ai:
        ended_ids, open_ids = killed(ai, output_dir, ended=3, under_way=5)
        for run_id in ended_ids:
            assert assert_whole_but_for_the_journal(output_dir / run_id).status == "success"
        for run_id in open_ids:
            assert not (output_dir / run_id / "result.last").exists(), "no bundle says more than is true"
        with running_server(output_dir, ai.url) as server:
            runs = listed(server)
            assert {run_id: runs[run_id]["status"] for run_id in ended_ids} == dict.fromkeys(ended_ids, "success")
            assert {run_id: runs[run_id]["status"] for run_id in open_ids} == dict.fromkeys(open_ids, "interrupted")
            for run_id in ended_ids:
                assert server.ask("GET", runs[run_id]["report_url"]).status == 200
            for run_id in open_ids:
                run = server.run(run_id)
                assert run["title"].startswith("Open")
                assert run["task_count"] == 3
                assert run["counts"]["completed"] == 1, "what had completed is known"
            new = server.start(flow("After it", "a"))
            assert server.ended(new)["status"] == "success", "the new service does what the old one did"


def assert_whole_but_for_the_journal(bundle: Path) -> LastFile:
    for file in bundle.glob("journal*"):
        file.rename(bundle.parent / f"{bundle.name}.{file.name}")
    return assert_whole(bundle)


def test_an_interrupted_run_of_the_service_can_be_resumed_and_asks_for_nothing_twice(tmp_path: Path) -> None:
    output_dir = tmp_path / "output"
    with AiService() as ai:
        _, (run_id,) = killed(ai, output_dir, ended=0, under_way=1)
        ai.holds = False
        command = [sys.executable, "-m", "altlas_runner", "resume", str(output_dir / run_id), "--service-url", ai.url]
        done = subprocess.run([*command, "--no-graphs"], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert (ai.asked("quick"), ai.asked("after")) == (1, 1)
        with running_server(output_dir, ai.url) as server:
            assert listed(server)[run_id]["status"] == "success"
            assert server.ask("GET", f"/runs/{run_id}/report.html").status == 200


def test_the_page_shows_an_interrupted_run_with_the_command_that_goes_on_with_it(
    browser: Browser, tmp_path: Path
) -> None:
    with AiService() as ai:
        _, (run_id,) = killed(ai, tmp_path / "output", ended=0, under_way=1)
        with running_server(tmp_path / "output", ai.url) as server:
            browser.open(server.url + "/")
            browser.until("document.querySelector('.runs li')?.innerText.includes('interrupted')")
            browser.driver.find_element("css selector", ".runs a").click()
            browser.until("document.querySelector('#run .verdict').textContent === 'interrupted'")
            said = browser.run("document.querySelector('#run').innerText")
            assert "The service stopped while this run was going on" in said
            assert f"altlas-runner resume {run_id}" in said
            assert browser.serious_faults() == []
            assert browser.seen() == {"ran": [], "violations": [], "errors": []}


def test_sigterm_under_load_leaves_a_whole_bundle_of_every_run_that_was_accepted(tmp_path: Path) -> None:
    output_dir = tmp_path / "output"
    options = ("--max-concurrency", "4", "--max-running", "8", "--grace", "0.5")
    with LoopbackService(delay=0.05) as ai, running_server(output_dir, ai.url, *options) as server:
        accepted = [server.start(flow(f"Run {number}", "a", "b", "c")) for number in range(30)]
        assert server.stop() == 0
        assert "Traceback" not in server.log.read_text()
    statuses = [assert_whole_but_for_the_journal(output_dir / run_id).status for run_id in accepted]
    assert len(statuses) == 30
    asked = len(ai.requests)
    completed = sum(len(LastFile.from_path(output_dir / run_id).get_successful_tasks()) for run_id in accepted)
    assert completed <= asked <= completed + 4, "nothing that was answered is forgotten, and nothing began after the end"

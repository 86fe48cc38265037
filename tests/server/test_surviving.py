"""What is known of runs that this service did not run, or not in this life."""

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import altlas_runner
from altlas_runner import AltFile
from tests.loopback import LoopbackService
from tests.server.running import RunningServer, running_server
from tests.server.test_executing import TWO
from tests.server.test_following import events_in

pytestmark = pytest.mark.slow


def test_after_a_crash_ended_runs_are_there_and_the_others_are_interrupted(tmp_path: Path) -> None:
    with LoopbackService(delay=0.3) as ai:
        with running_server(tmp_path / "output", ai.url) as server:
            ended = server.start(TWO)
            before = server.ended(ended)
            chain = [{"id": f"t{n}", "description": "d", "dependencies": [f"t{n - 1}"] if n else []} for n in range(20)]
            broken = server.start({**TWO, "title": "Twenty", "tasks": chain})
            while server.run(broken)["counts"]["completed"] < 2:
                time.sleep(0.01)
            server.process.kill()
            server.process.wait()
        with running_server(tmp_path / "output", ai.url) as server:
            after = server.run(ended)
            for name in ("status", "counts", "task_count", "title", "last_file_path", "report_path", "error"):
                assert after[name] == before[name]
            assert server.ask("GET", after["report_url"]).status == 200
            interrupted = server.run(broken)
            assert (interrupted["status"], interrupted["title"]) == ("interrupted", "Twenty")
            assert interrupted["task_count"] == sum(interrupted["counts"].values()) == 20
            assert interrupted["counts"]["completed"] >= 2
            assert interrupted["last_file_path"] is None
            listed = server.ask("GET", "/api/v1/runs").json["runs"]
            assert [run["request_id"] for run in listed] == [broken, ended]
            new = server.start(TWO)
            assert server.ask("GET", "/api/v1/runs?limit=1").json["runs"][0]["request_id"] == new
            assert server.ask("DELETE", f"/api/v1/runs/{broken}").json["status"] == "interrupted"
            events = events_in(server.ask("GET", f"/api/v1/runs/{ended}/events").body.decode())
            assert [event["event"] for _, event in events] == [
                "run_started",
                "task_finished",
                "task_finished",
                "run_finished",
            ]
            server.ended(new)


def test_who_followed_a_run_before_a_restart_is_told_how_it_ended(tmp_path: Path) -> None:
    """What is left of its events has other numbers than they had: those seen before say nothing of these."""
    with LoopbackService() as ai:
        with running_server(tmp_path / "output", ai.url) as server:
            run_id = server.start(TWO)
            server.ended(run_id)
            seen = [number for number, _ in events_in(server.ask("GET", f"/api/v1/runs/{run_id}/events").body.decode())]
        with running_server(tmp_path / "output", ai.url) as server:
            for last in seen:
                answer = server.ask("GET", f"/api/v1/runs/{run_id}/events", headers={"Last-Event-ID": str(last)})
                told = events_in(answer.body.decode())
                assert [event["event"] for _, event in told] == [
                    "run_started",
                    "task_finished",
                    "task_finished",
                    "run_finished",
                ]
            for place, (last, _) in enumerate(told, 1):
                answer = server.ask("GET", f"/api/v1/runs/{run_id}/events", headers={"Last-Event-ID": str(last)})
                assert answer.status == (204 if place == len(told) else 200)
                assert events_in(answer.body.decode()) == told[place:]


def test_who_follows_a_run_of_another_process_may_come_again_until_it_ends(tmp_path: Path) -> None:
    release = threading.Event()

    async def held(_: object) -> web.StreamResponse:
        while not release.is_set():
            await asyncio.sleep(0.01)
        return web.json_response({})

    with (
        LoopbackService({"b": held}) as ai,
        running_server(tmp_path / "output", ai.url) as server,
        running_server(tmp_path / "output", ai.url) as other,
    ):
        run_id = other.start({**TWO, "tasks": [{"id": "a", "description": "a"}, {"id": "b", "description": "b"}]})
        path = f"/api/v1/runs/{run_id}/events"
        while other.run(run_id)["counts"]["completed"] < 1:
            time.sleep(0.01)
        told: list[tuple[int, Any]] = []
        while len(told) < 2:
            answer = server.ask("GET", path)
            assert answer.status == 200
            told = events_in(answer.body.decode())
        again = server.ask("GET", path, headers={"Last-Event-ID": str(told[-1][0])})
        assert (again.status, events_in(again.body.decode())) == (200, [])
        release.set()
        other.ended(run_id)
        rest = server.ask("GET", path, headers={"Last-Event-ID": str(told[-1][0])})
        assert [event["event"] for _, event in events_in(rest.body.decode())] == ["task_finished", "run_finished"]


def test_runs_of_other_processes_are_listed_too(tmp_path: Path) -> None:
    with LoopbackService() as ai, running_server(tmp_path / "output", ai.url) as server:
        last_file = altlas_runner.run(
            AltFile.model_validate(TWO), ai_service_url=ai.url, output_dir=tmp_path / "output", generate_graphs=False
        )
        run = server.run(last_file.id)
        assert (run["status"], run["counts"]["completed"], run["title"]) == ("success", 2, "Two tasks")
        (tmp_path / "output" / "no-bundle").mkdir()
        (tmp_path / "output" / "link").symlink_to(tmp_path / "output" / last_file.id)
        assert [run["request_id"] for run in server.ask("GET", "/api/v1/runs").json["runs"]] == [last_file.id]
        assert server.ask("GET", "/api/v1/runs/no-bundle").status == 404
        assert server.ask("GET", "/api/v1/runs/link").status == 404


def test_a_damaged_bundle_is_told_and_breaks_nothing(tmp_path: Path) -> None:
    with LoopbackService() as ai, running_server(tmp_path / "output", ai.url) as server:
        (tmp_path / "output" / "last_damaged").mkdir(parents=True)
        (tmp_path / "output" / "last_damaged" / "result.last").write_text("{")
        (tmp_path / "output" / "last_other").mkdir()
        (tmp_path / "output" / "last_other" / "journal.sqlite3").write_bytes(b"\0" * 5000)
        listed = server.ask("GET", "/api/v1/runs")
        assert {run["request_id"] for run in listed.json["runs"]} == {"last_damaged", "last_other"}
        for run in listed.json["runs"]:
            assert (run["status"], run["error"]) == ("failure", "what is in its bundle cannot be read")
            assert server.ask("GET", f"/api/v1/runs/{run['request_id']}/events").status == 200


def test_a_run_that_was_cancelled_is_told_so_after_a_restart_too(tmp_path: Path) -> None:
    def how_it_ended(server: RunningServer) -> tuple[str, str, str]:
        run = server.ended(run_id)
        told = events_in(server.ask("GET", f"/api/v1/runs/{run_id}/events").body.decode())
        return run["status"], run["error"], told[-1][1]["reason"]

    with LoopbackService(delay=0.2) as ai:
        with running_server(tmp_path / "output", ai.url) as server:
            run_id = server.start(TWO)
            assert server.ask("DELETE", f"/api/v1/runs/{run_id}").status in (200, 202)
            status, _, reason = how_it_ended(server)
            assert (status, reason) == ("cancelled", "CANCELLED")
        with running_server(tmp_path / "output", ai.url) as server:
            assert how_it_ended(server) == ("cancelled", "the run was cancelled", "CANCELLED")

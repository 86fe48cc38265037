"""Runs over HTTP: listed, followed, cancelled."""

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.loopback import LoopbackService
from tests.server.hostile import request
from tests.server.running import RunningServer, running_server
from tests.server.test_executing import TWO

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    place = tmp_path_factory.mktemp("server")
    with LoopbackService(delay=0.1) as ai, running_server(place / "output", ai.url) as running:
        yield running


def events_in(stream: str) -> list[tuple[int, Any]]:
    """Ids and data of server-sent events."""
    found = []
    for block in stream.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if "data" in fields:
            found.append((int(fields["id"]), json.loads(fields["data"])))
    return found


def test_the_events_of_a_run_are_streamed_to_its_end_and_numbered(server: RunningServer) -> None:
    run_id = server.start(TWO)
    answer = server.ask("GET", f"/api/v1/runs/{run_id}/events")
    assert answer.headers["Content-Type"] == "text/event-stream"
    events = events_in(answer.body.decode())
    assert [number for number, _ in events] == list(range(1, len(events) + 1))
    assert [event["event"] for _, event in events] == [
        "run_started",
        "task_ready",
        "task_started",
        "task_finished",
        "task_ready",
        "task_started",
        "task_finished",
        "run_finished",
    ]
    assert server.ended(run_id)["status"] == "success"


def test_who_comes_again_goes_on_behind_the_last_event_that_was_seen(server: RunningServer) -> None:
    """The connection breaks in the middle; nothing is missed and nothing told twice."""
    run_id = server.start(TWO)
    path = f"/api/v1/runs/{run_id}/events"
    with server.connect() as connection:
        connection.sendall(request(target=path, token=None))
        said = b""
        while b"\n\n" not in said.partition(b"id: 3")[2]:
            said += connection.recv(4096)
    seen = [number for number, _ in events_in(said.decode().partition("retry: ")[2].rpartition("\n\n")[0])]
    rest = server.ask("GET", path, headers={"Last-Event-ID": "3"})
    assert 3 in seen
    numbers = [number for number, _ in events_in(rest.body.decode())]
    assert numbers == list(range(4, 9))
    assert server.ask("GET", path, headers={"Last-Event-ID": "8"}).status == 204, "a browser is told not to come again"
    late = events_in(server.ask("GET", path).body.decode())
    assert [number for number, _ in late] == list(range(1, 9)), "who comes after the end sees it all"


def test_delete_cancels_a_run_and_its_bundle_is_written(server: RunningServer) -> None:
    chain = [{"id": f"t{n}", "description": "d", "dependencies": [f"t{n - 1}"] if n else []} for n in range(50)]
    run_id = server.start({**TWO, "tasks": chain})
    while server.run(run_id)["status"] != "running":
        pass
    answer = server.ask("DELETE", f"/api/v1/runs/{run_id}")
    assert answer.status == 202
    run = server.ended(run_id)
    assert run["status"] == "cancelled"
    assert run["counts"]["cancelled"] > 40
    assert sum(run["counts"].values()) == run["task_count"] == 50
    assert Path(run["last_file_path"]).is_file()
    again = server.ask("DELETE", f"/api/v1/runs/{run_id}")
    assert (again.status, again.json["status"]) == (200, "cancelled")


def test_runs_are_listed_the_newest_first_page_by_page(server: RunningServer) -> None:
    started = [server.start({**TWO, "title": f"number {n}"}) for n in range(5)]
    pages: list[str] = []
    before = ""
    while len(pages) < 5:
        page = server.ask("GET", f"/api/v1/runs?limit=2{before}").json
        assert len(page["runs"]) == 2
        pages += [run["request_id"] for run in page["runs"]]
        before = f"&before={page['next_before']}"
    assert pages[:5] == started[::-1]
    for run_id in started:
        server.ended(run_id)


def test_a_run_that_waits_its_turn_is_queued_and_beyond_the_queue_it_is_refused(tmp_path: Path) -> None:
    options = ("--max-running", "1", "--max-queued", "2")
    with LoopbackService(delay=0.3) as ai, running_server(tmp_path / "output", ai.url, *options) as server:
        first, second, third = (server.start(TWO) for _ in range(3))
        refused = server.ask("POST", "/api/v1/process", {"alt_file_content": TWO})
        assert refused.status == 429
        assert int(refused.headers["Retry-After"]) > 0
        assert server.ask("POST", "/execute", {"alt_file_content": TWO}).status == 429
        assert server.run(third)["status"] == "queued"
        status = server.ask("GET", "/api/v1/status").json
        assert (status["running_runs"], status["queued_runs"]) == (1, 2)
        assert server.ask("DELETE", f"/api/v1/runs/{third}").json["status"] == "queued"
        assert server.ended(first)["status"] == "success"
        assert server.ended(second)["status"] == "success"
        cancelled = server.ended(third)
        assert (cancelled["status"], cancelled["counts"]["cancelled"]) == ("cancelled", 2)
        assert len(ai.requests) == 4, "nothing was asked for the run that was cancelled while it waited"


def test_a_run_that_is_cancelled_while_it_waits_makes_room_at_once(tmp_path: Path) -> None:
    """It does not wait for the end of those before it."""
    release = threading.Event()

    async def held(_: object) -> web.StreamResponse:
        while not release.is_set():
            await asyncio.sleep(0.01)
        return web.json_response({})

    options = ("--max-running", "1", "--max-queued", "2")
    tasks = [{"id": "held", "description": "d"}]
    with (
        LoopbackService({"held": held}) as ai,
        running_server(tmp_path / "output", ai.url, *options) as server,
    ):
        first, second, third = (server.start({**TWO, "tasks": tasks}) for _ in range(3))
        assert server.ask("POST", "/api/v1/process", {"alt_file_content": TWO}).status == 429
        for run_id in (second, third):
            server.ask("DELETE", f"/api/v1/runs/{run_id}")
            assert server.ended(run_id)["status"] == "cancelled"
        assert server.run(first)["status"] == "running"
        fourth = server.start(TWO)
        release.set()
        assert [server.ended(run_id)["status"] for run_id in (first, fourth)] == ["success", "success"]


def test_files_of_waiting_runs_take_no_more_room_than_they_may(tmp_path: Path) -> None:
    options = ("--max-running", "1", "--max-queued-bytes", "1000")
    long = {**TWO, "description": "x" * 600}
    with LoopbackService(delay=60) as ai, running_server(tmp_path / "output", ai.url, *options) as server:
        server.start(long)
        waiting = server.start(long)
        assert server.ask("POST", "/api/v1/process", {"alt_file_content": long}).status == 429
        server.ask("DELETE", f"/api/v1/runs/{waiting}")
        server.ended(waiting)
        server.start(long)


def test_a_long_title_is_cut_where_runs_are_shown(tmp_path: Path) -> None:
    with LoopbackService() as ai:
        with running_server(tmp_path / "output", ai.url) as server:
            run_id = server.start({**TWO, "title": "T" * 100_000})
            assert server.ended(run_id)["title"] == "T" * 999 + "…"
        with running_server(tmp_path / "output", ai.url) as server:
            assert server.run(run_id)["title"] == "T" * 999 + "…"
            assert server.ask("GET", "/api/v1/runs").json["runs"][0]["title"] == "T" * 999 + "…"


def test_all_runs_share_the_slots_and_a_large_one_keeps_no_small_one_waiting(tmp_path: Path) -> None:
    """Never more attempts at one time than there are slots, and a task of the small run every other time."""
    large = {**TWO, "tasks": [{"id": f"large{n}", "description": "d"} for n in range(40)]}
    small = {**TWO, "tasks": [{"id": f"small{n}", "description": "d"} for n in range(4)]}
    with LoopbackService(delay=0.05) as ai, running_server(tmp_path / "output", ai.url, "-j", "2") as server:
        first = server.start(large)
        while len(ai.requests) < 4:
            pass
        second = server.start(small)
        assert server.ended(second)["status"] == "success"
        assert server.run(first)["status"] == "running"
        assert server.ended(first)["status"] == "success"
        order = [asked["task_id"] for asked in ai.requests]
        begun = next(place for place, name in enumerate(order) if name.startswith("small"))
        ended = max(place for place, name in enumerate(order) if name.startswith("small"))
        assert ended - begun <= 10, order
        assert ai.most_at_once <= 2


def test_files_of_a_bundle_are_given_and_nothing_else(server: RunningServer) -> None:
    run_id = server.start(TWO)
    run = server.ended(run_id)
    bundle = Path(run["last_file_path"]).parent
    (bundle / "artifacts").mkdir(exist_ok=True)
    (bundle / "artifacts" / "a b.html").write_text("<script>alert(1)</script>")
    (bundle / "notes.txt").write_text("nobody's business")
    (bundle / "artifacts" / "link").symlink_to("/etc/passwd")
    result = server.ask("GET", f"/runs/{run_id}/result.last")
    assert result.json["id"] == run_id
    report = server.ask("GET", run["report_url"])
    assert report.body.startswith(b"<!doctype html>")
    assert report.headers["Content-Security-Policy"].startswith("sandbox ")
    graph = server.ask("GET", f"/runs/{run_id}/{run_id}.dot")
    assert graph.status == 404, "graphs are off here"
    artifact = server.ask("GET", f"/runs/{run_id}/artifacts/a%20b.html")
    assert artifact.headers["Content-Type"] == "application/octet-stream"
    assert artifact.headers["Content-Disposition"] == "attachment; filename*=UTF-8''a%20b.html"
    assert artifact.headers["X-Content-Type-Options"] == "nosniff"
    for name in ("notes.txt", "artifacts/link", "artifacts", "artifacts/", "artifacts/none", "../x", "journal.sqlite3"):
        assert server.ask("GET", f"/runs/{run_id}/{name}").status == 404, name

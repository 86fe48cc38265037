"""`make_app` inside another program's application."""

import asyncio
import re
from pathlib import Path

import pytest
from aiohttp import ClientSession, web

from altlas_runner import RunnerConfig
from altlas_runner.server import ServerConfig, make_app
from altlas_runner.server.service import Service
from tests.loopback import LoopbackService
from tests.server.test_executing import TWO

pytestmark = pytest.mark.slow


def test_the_service_works_below_a_path_of_another_application(tmp_path: Path) -> None:
    """When that is cleaned up, what still runs is cancelled, with its bundle."""

    async def main(ai: LoopbackService) -> str:
        app = web.Application()
        config = RunnerConfig(ai_service_url=ai.url, output_dir=tmp_path, generate_graphs=False)
        app.add_subapp("/runner/", make_app(config, ServerConfig(max_tasks=2)))
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        async with ClientSession(f"http://{host}:{port}") as session:
            async with session.post("/runner/execute", json={"alt_file_content": TWO}) as answer:
                assert (await answer.json())["successful_tasks"] == 2
            async with session.get("/runner/api/v1/health") as answer:
                assert answer.status == 200
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
            async with session.get("/runner/api/v1/nothing") as answer:
                assert answer.status == 404
            three = {**TWO, "tasks": [{"id": f"t{n}", "description": "d"} for n in range(3)]}
            async with session.post("/runner/execute", json={"alt_file_content": three}) as answer:
                assert answer.status == 400
            slow = {**TWO, "tasks": [{"id": "slow", "description": "d"}]}
            async with session.post("/runner/api/v1/process", json={"alt_file_content": slow}) as answer:
                accepted = await answer.json()
                run_id: str = accepted["request_id"]
            async with session.get(accepted["run_url"]) as answer:
                assert (await answer.json())["status"] == "running"
            async with session.get("/runner/api/v1/runs") as answer:
                oldest = (await answer.json())["runs"][-1]
            async with session.get(oldest["report_url"]) as answer:
                assert answer.status == 200
            await asyncio.sleep(0.2)
        await runner.cleanup()
        return run_id

    async def never(body: object) -> web.Response:
        await asyncio.sleep(600)
        return web.json_response({})

    with LoopbackService({"slow": never}) as ai:
        run_id = asyncio.run(main(ai))
    assert (tmp_path / run_id / "result.last").is_file()


def test_every_address_that_it_tells_is_below_the_path_where_it_is_embedded(tmp_path: Path) -> None:
    """Even where that path looks like one of its own."""
    base = "/api/v1/runner"

    async def main(ai: LoopbackService) -> None:
        app = web.Application()
        config = RunnerConfig(ai_service_url=ai.url, output_dir=tmp_path, generate_graphs=False)
        app.add_subapp(base, make_app(config))
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        async with ClientSession(f"http://{host}:{port}") as session:
            async with session.get(f"{base}/openapi.json") as answer:
                assert (await answer.json())["servers"] == [{"url": base}]
            async with session.post(f"{base}/api/v1/process", json={"alt_file_content": TWO}) as answer:
                accepted = await answer.json()
            assert accepted["run_url"] == answer.headers["Location"] == f"{base}/api/v1/runs/{accepted['request_id']}"
            async with session.get(accepted["events_url"]) as answer:
                assert (await answer.text()).endswith("\n\n")
            async with session.get(accepted["run_url"]) as answer:
                report_url = (await answer.json())["report_url"]
            async with session.get(report_url) as answer:
                assert answer.status == 200
            async with session.get(f"{base}/") as answer:
                page = await answer.text()
            names = re.findall(r'(?:href|src)="(assets/[^"]+)"', page)
            assert len(names) == 2
            for name in names:
                async with session.get(f"{base}/{name}") as answer:
                    assert answer.status == 200
        await runner.cleanup()

    with LoopbackService() as ai:
        asyncio.run(main(ai))


def test_an_error_inside_the_service_tells_the_client_nothing_and_the_log_no_ticket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> bool:
        raise RuntimeError("of the inside")

    monkeypatch.setattr(Service, "admits", broken)

    async def main() -> None:
        runner = web.AppRunner(make_app(RunnerConfig(output_dir=tmp_path)))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        async with (
            ClientSession(f"http://{host}:{port}") as session,
            session.get("/views/1-the-ticket/runs/last_1/report.html") as answer,
        ):
            assert (answer.status, answer.content_type) == (500, "application/problem+json")
            assert "inside" not in (await answer.text()).replace("an error inside the service", "")
        await runner.cleanup()

    asyncio.run(main())
    assert "of the inside" in caplog.text
    assert "the-ticket" not in caplog.text


def test_long_bodies_on_their_way_take_no_more_room_than_they_may(tmp_path: Path) -> None:
    """Short ones are read all the same, and a long one that is alone."""
    server = ServerConfig(max_uploading_bytes=100_000)
    long, short = ({"alt_file_content": TWO, "alt_file_path": None, "filler": "x" * size} for size in (90_000, 10))

    async def main() -> None:
        runner = web.AppRunner(make_app(RunnerConfig(output_dir=tmp_path), server))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        head = "POST /api/v1/validate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        slow_reader, slow_writer = await asyncio.open_connection(host, port)
        async with ClientSession(f"http://{host}:{port}") as session:

            async def status(body: object) -> int:
                async with session.post("/api/v1/validate", json=body) as answer:
                    return answer.status

            slow_writer.write(f"{head}Content-Length: 90001\r\n\r\n{' ' * 90_000}".encode())
            while await status(long) != 503:
                pass
            assert await status(short) == 400
            slow_writer.write(b"!")
            assert b" 400 " in await slow_reader.readline()
            assert await status(long) == 400
        slow_writer.close()
        await runner.cleanup()

    asyncio.run(main())

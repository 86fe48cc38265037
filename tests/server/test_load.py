"""Many clients at once: each is answered, each bundle is whole, and the service stays small and awake."""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from altlas_runner import LastFile
from tests.last_file.bundles import assert_fits_the_schema
from tests.loopback import LoopbackService
from tests.server import probing
from tests.server.running import RunningServer, running_server

pytestmark = pytest.mark.slow

NIGHTLY = os.environ.get("ALTLAS_EXAMPLES") == "nightly"
CLIENTS = 500 if NIGHTLY else 50
ROUNDS = 4
LATEST_HEALTH = 0.150
"""Seconds within which 99 of 100 questions for the health are answered meanwhile."""

FIVE: dict[str, Any] = {
    "id": "five",
    "title": "Five tasks",
    "tasks": [
        {"id": "fetch", "description": "fetch"},
        {"id": "left", "description": "left of ${{ tasks.fetch.output.answer }}", "dependencies": ["fetch"]},
        {"id": "right", "description": "right", "dependencies": ["fetch"]},
        {"id": "join", "description": "join", "dependencies": ["left", "right"]},
        {"id": "send", "description": "send", "dependencies": ["join"]},
    ],
}


class Watch:
    """What was seen of a service from outside while others used it.

    Attributes:
        health: seconds that each question for its health took.
        memory: its resident bytes, ten times a second.
    """

    def __init__(self) -> None:
        self.health: list[float] = []
        self.memory: list[int] = []

    @property
    def p99(self) -> float:
        return statistics.quantiles(self.health, n=100)[98]

    @contextmanager
    def watching(self, server: RunningServer) -> Iterator[None]:
        host, port = server.address
        prober = subprocess.Popen(
            [sys.executable, probing.__file__, host, str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with prober:
            try:
                yield
                said, _ = prober.communicate(timeout=60)
            finally:
                prober.kill()
        self.health = json.loads(said)

    async def sample(self, server: RunningServer) -> None:
        statm = Path(f"/proc/{server.process.pid}/statm")
        while True:
            self.memory.append(int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
            await asyncio.sleep(0.1)


async def use(server: RunningServer, clients: int, rounds: int, watch: Watch) -> list[Any]:
    """Have so many clients run the file one after the other, so many times each; the answers."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(server.url, connector=connector, timeout=aiohttp.ClientTimeout(600)) as session:

        async def client() -> list[Any]:
            answers = []
            for _ in range(rounds):
                async with session.post("/execute", json={"alt_file_content": FIVE}) as answer:
                    assert answer.status == 200, await answer.text()
                    answers.append(await answer.json())
            return answers

        sampler = asyncio.create_task(watch.sample(server))
        try:
            return [each for some in await asyncio.gather(*(client() for _ in range(clients))) for each in some]
        finally:
            sampler.cancel()


def test_every_client_is_answered_every_bundle_is_whole_and_the_service_stays_awake(
    tmp_path: Path, record_property: Any
) -> None:
    watch = Watch()
    options = ("--max-concurrency", "64")
    with LoopbackService() as ai, running_server(tmp_path / "output", ai.url, *options) as server:
        asyncio.run(use(server, 4, 1, Watch()))  # everything that is loaded at first use is there
        began = time.perf_counter()
        with watch.watching(server):
            answers = asyncio.run(use(server, CLIENTS, ROUNDS, watch))
        took = time.perf_counter() - began
        log = server.log.read_text()
    half = len(watch.memory) // 2
    first, second = statistics.median(watch.memory[:half]), statistics.median(watch.memory[half:])
    figures = {
        "runs a second": len(answers) / took,
        "health p50 ms": 1000 * statistics.median(watch.health),
        "health p99 ms": 1000 * watch.p99,
        "health max ms": 1000 * max(watch.health),
        "memory MB": second / 1e6,
        "second half of memory": second / first,
    }
    print({name: round(figure, 3) for name, figure in figures.items()})
    assert len(answers) == CLIENTS * ROUNDS
    assert "Traceback" not in log
    assert len({answer["last_file_id"] for answer in answers}) == len(answers)
    for answer in answers:
        assert (answer["successful_tasks"], answer["failed_tasks"], answer["success_rate"]) == (5, 0, 1.0)
        bundle = tmp_path / "output" / answer["last_file_id"]
        assert_fits_the_schema(bundle / "result.last")
        assert [result.status for result in LastFile.from_path(bundle).task_results] == ["completed"] * 5
        assert (bundle / "report.html").read_bytes().endswith(b"</html>")
        assert not list(bundle.glob(".*")), "nothing half written"
    assert second <= 1.15 * first
    assert watch.p99 < LATEST_HEALTH

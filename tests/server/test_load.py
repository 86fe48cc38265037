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

from tests.last_file.bundles import assert_whole
from tests.loopback import LoopbackService
from tests.server import probing
from tests.server.running import RunningServer, running_server

pytestmark = pytest.mark.slow

NIGHTLY = os.environ.get("ALTLAS_EXAMPLES") == "nightly"
CLIENTS = 500 if NIGHTLY else 50
ROUNDS = 4
LATEST_HEALTH = 0.150
"""Seconds within which 99 of 100 questions for the health are answered meanwhile."""

LATEST_WAKING = 0.020
"""Seconds within which 99 of 100 timers fire on a machine that has nothing else to do."""

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


def p99_of(seconds: list[float]) -> float:
    return sorted(seconds)[int(0.99 * len(seconds))]


class Watch:
    """What was seen of a service from outside while others used it.

    Attributes:
        health: seconds that each question for its health took.
        woken_late: seconds by which the machine woke whoever asked too late.
        memory: its resident bytes, ten times a second.
    """

    def __init__(self) -> None:
        self.health: list[float] = []
        self.memory: list[int] = []
        self.woken_late: list[float] = []

    @property
    def p99(self) -> float:
        return p99_of(self.health)

    @property
    def is_awake(self) -> bool:
        return self.p99 < LATEST_HEALTH

    @property
    def tells(self) -> bool:
        """Whether the machine had time for those who were to be woken, and so for the service, too."""
        return p99_of(self.woken_late) < LATEST_WAKING

    @property
    def growth(self) -> float:
        """The memory of the second half of the time, against the first."""
        half = len(self.memory) // 2
        return statistics.median(self.memory[half:]) / statistics.median(self.memory[:half])

    def report(self, runs_a_second: float) -> str:
        p50, most = 1000 * statistics.median(self.health), 1000 * max(self.health)
        memory = statistics.median(self.memory) / 1e6
        return (
            f"{runs_a_second:.1f} runs/s; health p50 {p50:.1f} ms, p99 {1000 * self.p99:.1f} ms, max {most:.1f} ms; "
            f"woken late p99 {1000 * p99_of(self.woken_late):.1f} ms; "
            f"memory {memory:.0f} MB, second half {self.growth:.3f} of the first"
        )

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
        self.health, self.woken_late = json.loads(said)

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


class Load:
    """What came of the load.

    Attributes:
        output_dir: where the bundles are.
        watches: of each round.
        answers: of each round.
        log: of the service.
    """

    def __init__(self, output_dir: Path) -> None:
        self.output_dir = output_dir
        self.watches: list[Watch] = []
        self.answers: list[list[Any]] = []
        with LoopbackService() as ai, running_server(output_dir, ai.url, "--max-concurrency", "64") as server:
            asyncio.run(use(server, 4, 1, Watch()))  # everything that is loaded at first use is there
            while len(self.watches) < 3 and not any(watch.tells and watch.is_awake for watch in self.watches):
                self.put_on(server)
            self.log = server.log.read_text()

    def put_on(self, server: RunningServer) -> None:
        watch = Watch()
        began = time.perf_counter()
        with watch.watching(server):
            answers = asyncio.run(use(server, CLIENTS, ROUNDS, watch))
        print(watch.report(len(answers) / (time.perf_counter() - began)))
        self.watches.append(watch)
        self.answers.append(answers)


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Load:
    return Load(tmp_path_factory.mktemp("load") / "output")


def test_every_client_is_answered_and_every_bundle_is_whole(load: Load) -> None:
    assert "Traceback" not in load.log
    answers = [answer for answers in load.answers for answer in answers]
    assert len({answer["last_file_id"] for answer in answers}) == len(answers)
    assert len(answers) == CLIENTS * ROUNDS * len(load.answers)
    for answer in answers:
        assert (answer["successful_tasks"], answer["failed_tasks"], answer["success_rate"]) == (5, 0, 1.0)
        last_file = assert_whole(load.output_dir / answer["last_file_id"])
        assert [result.status for result in last_file.task_results] == ["completed"] * 5
        report = load.output_dir / answer["last_file_id"] / "report.html"
        assert report.read_bytes().endswith(b"</html>")


def test_the_memory_stays_flat(load: Load) -> None:
    assert [round(watch.growth, 3) for watch in load.watches if watch.growth > 1.15] == []


def test_the_health_is_told_in_time_meanwhile(load: Load) -> None:
    """Other programs can keep the machine from waking anybody in time. Then it cannot tell, and says so."""
    telling = [watch for watch in load.watches if watch.tells]
    if not telling:
        pytest.skip("this machine is too busy with other things to measure how long an answer takes")
    assert min(watch.p99 for watch in telling) < LATEST_HEALTH

"""Random sequences of faults: a task ends with a complete answer or a typed error, in time; 10,000 of them at night.

What a fault means is known, so the code of every attempt is checked, too. How late an end is, is measured on the event
loop's clock less the time by which the loop itself was late then: tests share their machine with others.
"""

import asyncio
import os
import socket
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

import pytest

from altlas_runner.ai_service import AiServiceClient, AiServiceConfig
from altlas_runner.alt_file import Task
from altlas_runner.results import TaskResult
from altlas_runner.retrying import RetryPolicy
from altlas_runner.statuses import TaskStatus
from tests.ai_service.fault_server import FaultServer
from tests.ai_service.faults import Fault, a_bomb, a_fault, complete
from tests.ai_service.streams import STREAMS

SEQUENCES = 10_000 if os.environ.get("ALTLAS_EXAMPLES") == "nightly" else 400
AT_ONE_TIME = 16
ATTEMPT_SECONDS = 0.4
MOST_SECONDS_LATE = 0.25
ONCE = {"AI_BAD_RESPONSE", "AI_TOO_EARLY"}


@dataclass
class Lateness:
    """How late the event loop was, lately."""

    samples: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=2000))

    async def watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + 0.005
            await asyncio.sleep(0.005)
            self.samples.append((loop.time(), loop.time() - due))

    def since(self, instant: float) -> float:
        """The seconds by which it was late since then, all together."""
        return sum(late for at, late in self.samples if at >= instant)


@dataclass
class Sequence:
    """One random task and what its service does."""

    seed: int
    protocol: str
    streamed: bool
    unresolved: int
    place: str
    faults: list[Fault]
    forever: bool
    task: Task

    @classmethod
    def random(cls, seed: int) -> "Sequence":
        random = Random(seed)
        protocol, streamed = random.choice([*STREAMS]), random.random() < 0.5
        faults = [a_fault(random, protocol, streamed=streamed) for _ in range(random.randrange(4))]
        task: dict[str, Any] = {"id": "t", "description": "x", "retry_count": random.randrange(5)}
        forever = bool(faults) and random.random() < 0.3
        if random.random() < 0.15:
            task |= {"timeout_seconds": random.choice([0, 1, 1, 1]), "retry_count": 255}
        return cls(
            seed,
            protocol,
            streamed,
            unresolved=random.choice([0, 0, 0, 1, 2]),
            place=random.choices(["server", "refused", "full"], [30, 1, 1])[0],
            faults=faults,
            forever=forever,
            task=Task.model_validate(task),
        )

    @property
    def codes(self) -> Iterator[str | None]:
        """What the attempts must end with, one after the other, as far as they are made."""
        yield from ["AI_DNS"] * self.unresolved
        while self.place != "server":
            yield "AI_CONNECT" if self.place == "refused" else "AI_CONNECT_TIMEOUT"
        yield from [fault.code for fault in self.faults]
        while True:
            yield self.faults[-1].code if self.forever else None

    async def run(self, full: int, unused: int) -> TaskResult:
        behaviours = [fault.behaviour for fault in self.faults]
        if not self.forever:
            behaviours.append(complete(self.protocol, streamed=self.streamed))
        async with FaultServer(*behaviours) as server:
            port = {"server": int(server.url.rpartition(":")[2]), "full": full, "refused": unused}[self.place]
            config = AiServiceConfig(
                base_url=f"http://fails-{self.unresolved}-times-{self.seed}.invalid:{port}",
                protocol=self.protocol,
                use_streaming=self.streamed,
                timeout_seconds=ATTEMPT_SECONDS,
                connect_timeout_seconds=ATTEMPT_SECONDS / 2,
            )
            policy = RetryPolicy(base_seconds=0.002, cap_seconds=0.05)
            async with AiServiceClient(config, random=Random(self.seed), retry_policy=policy) as client:
                return await client.execute_task(self.task)

    def check(self, result: TaskResult, seconds_late: float) -> bool:
        """Check that the end is one that this sequence may have.

        Returns:
            False when an attempt ran out of time because the event loop was late, so that codes say nothing.
        """
        codes = [attempt.error_code for attempt in result.attempts]
        if result.status is TaskStatus.COMPLETED:
            assert result.output == STREAMS[self.protocol].output
            assert codes[-1] is None
        else:
            assert result.output is None
            assert (result.error_code or "").startswith("AI_")
            assert result.error
            assert (result.status is TaskStatus.TIMEOUT) == (result.error_code == "AI_DEADLINE")
        if result.error_code == "AI_DEADLINE" and codes and codes[-1] == "AI_DEADLINE":
            codes.pop()  # it came in the middle of an attempt
        expected = [code for _, code in zip(codes, self.codes, strict=False)]
        if (
            codes != expected
            and {"AI_READ_TIMEOUT", "AI_CONNECT_TIMEOUT"} & {*codes}
            and seconds_late > ATTEMPT_SECONDS / 4
        ):
            return False
        assert codes == expected
        if result.status is TaskStatus.FAILED:
            used_up = len(codes) == 1 + (self.task.retry_count or 0)
            assert used_up or codes.count(codes[-1]) == 2 - (codes[-1] not in ONCE) or codes[-1] not in RETRIED
        return True


RETRIED = {"AI_DNS", "AI_CONNECT", "AI_CONNECT_TIMEOUT", "AI_READ_TIMEOUT", "AI_UPSTREAM", "AI_TRUNCATED"} | {
    "AI_STREAM_TRUNCATED",
    *ONCE,
}


@pytest.fixture
def full_port() -> Iterator[int]:
    """A port where connections never come about: two fill the queue of a listener that takes none."""
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


@pytest.fixture
def unused_port() -> Iterator[int]:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield unused.getsockname()[1]


@pytest.fixture
def flaky_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """`fails-2-times-….invalid` does not resolve twice, and is this machine then."""
    asked: Counter[str] = Counter()

    def resolve(host: str, port: int, *_: object, **__: object) -> list[Any]:
        asked[host] += 1
        if asked[host] <= int(host.split("-")[1]):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *rest, **more: (resolve if str(host).endswith(".invalid") else real)(host, *rest, **more),
    )


@pytest.mark.slow
@pytest.mark.usefixtures("flaky_names")
def test_every_sequence_ends_complete_or_with_a_typed_error_and_in_time(full_port: int, unused_port: int) -> None:
    ends: Counter[str] = Counter()
    late: list[tuple[float, float]] = []

    async def one(sequence: Sequence, lateness: Lateness, room: asyncio.Semaphore) -> None:
        loop = asyncio.get_running_loop()
        async with room:
            start = loop.time()
            result = await sequence.run(full_port, unused_port)
        await asyncio.sleep(0.02)  # so that the watch has seen the last delay, if there was one
        try:
            if sequence.check(result, lateness.since(start)):
                ends[result.error_code or "completed"] += 1
            if sequence.task.timeout_seconds is not None:
                overrun = result.execution_time_ms / 1000 - sequence.task.timeout_seconds
                excused = lateness.since(start + sequence.task.timeout_seconds)
                late.append((overrun - excused, overrun))
                assert overrun - excused <= MOST_SECONDS_LATE
            for attempt in result.attempts:
                took = (attempt.ended_at - attempt.started_at).total_seconds()
                assert took - lateness.since(start) <= ATTEMPT_SECONDS + MOST_SECONDS_LATE
        except AssertionError as error:
            error.add_note(f"{sequence}\n{result}")
            raise

    a_bomb()

    async def main() -> None:
        lateness, room = Lateness(), asyncio.Semaphore(AT_ONE_TIME)
        watching = asyncio.create_task(lateness.watch())
        async with asyncio.TaskGroup() as group:
            for seed in range(SEQUENCES):
                group.create_task(one(Sequence.random(seed), lateness, room))
        watching.cancel()

    asyncio.run(main())
    own, all_in_all = max(own for own, _ in late), max(overrun for _, overrun in late)
    print(f"{SEQUENCES} sequences: {dict(ends.most_common())}")
    print(f"the latest end came {all_in_all:.3f} s after its deadline, {own:.3f} s of them not the machine's")
    assert sum(ends.values()) > SEQUENCES / 2  # all of them, on a machine that has time
    assert ends["completed"] > SEQUENCES / 8
    assert len(ends) > 15

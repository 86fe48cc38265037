"""A client obeys its limits, whoever asks: runs that share it, attempts, retries, single tasks. In virtual time."""

import asyncio
from collections import Counter
from random import Random

import pytest

from altlas_runner.ai_service import AiServiceClient, AiServiceConfig, provider
from altlas_runner.alt_file import Task
from altlas_runner.execution import Outcome, TaskAttempt
from altlas_runner.results import TaskResult, Usage
from altlas_runner.retrying import RetryPolicy
from altlas_runner.statuses import TaskStatus
from altlas_runner.task_manager import Event, TaskManager, TaskProgress, TaskWaiting
from altlas_runner.testing import alt_file_of, run_in_virtual_time


class SlowService:
    """Takes a second for each attempt, and remembers when it was asked what."""

    room = 1000

    def __init__(self, seconds: float = 1.0, usage: Usage | None = None) -> None:
        self.asked: list[tuple[float, str, str]] = []
        self.under_way = 0
        self.most = 0
        self.failures: dict[str, int] = {}
        self._seconds = seconds
        self._usage = usage

    def open(self) -> None: ...

    async def aclose(self) -> None: ...

    async def answer(self, attempt: TaskAttempt) -> Outcome:
        self.asked.append((asyncio.get_running_loop().time(), attempt.run.run_id, attempt.task.id))
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await asyncio.sleep(self._seconds)
        finally:
            self.under_way -= 1
        if self.failures.get(attempt.task.id, 0) >= attempt.number:
            return Outcome.failed("AI_UPSTREAM", "tired", retry="yes")
        return Outcome.completed(attempt.task.id, usage=self._usage)

    @property
    def times(self) -> list[float]:
        return [time for time, _, _ in self.asked]


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> SlowService:
    slow = SlowService()
    monkeypatch.setattr(provider, "service_for", lambda config, more_headers: slow)
    return slow


def tasks(count: int, **fields: object) -> list[dict[str, object]]:
    return [{"id": f"t{number}", **fields} for number in range(count)]


def client_of(**config: object) -> AiServiceClient:
    return AiServiceClient(AiServiceConfig.model_validate(config), random=Random(1))


def test_a_run_asks_no_more_than_its_requests_a_minute_and_no_later_than_it_may(service: SlowService) -> None:
    async def main() -> list[TaskResult]:
        async with client_of(requests_per_minute=3) as client:
            return await TaskManager(alt_file_of(*tasks(10)), client, 64).run()

    results = run_in_virtual_time(main)
    assert all(result.status is TaskStatus.COMPLETED for result in results)
    assert service.times == pytest.approx([0, 0, 0, 60, 60, 60, 120, 120, 120, 180], abs=0.06)
    assert [len(result.attempts) for result in results] == [1] * 10  # waiting is no attempt


def test_a_task_without_room_holds_no_slot_and_is_told_as_waiting_with_the_reason(service: SlowService) -> None:
    events: list[Event] = []

    async def main() -> None:
        async with client_of(requests_per_minute=1) as client:
            await TaskManager(alt_file_of(*tasks(3)), client, 1, on_event=events.append).run()

    run_in_virtual_time(main)
    waits = [(event.task_id, event.reason, event.number) for event in events if isinstance(event, TaskWaiting)]
    assert waits == [("t1", "REQUESTS_PER_MINUTE", 1), ("t2", "REQUESTS_PER_MINUTE", 1)]
    assert service.times == pytest.approx([0, 60, 120], abs=0.06)


def test_retries_count_against_the_limit(service: SlowService) -> None:
    service.failures["t0"] = 2

    async def main() -> None:
        async with client_of(requests_per_minute=2) as client:
            await TaskManager(alt_file_of(*tasks(2)), client, 2).run()

    run_in_virtual_time(main)
    assert len(service.asked) == 4
    assert all(later >= earlier + 60 for earlier, later in zip(service.times, service.times[2:], strict=False))


def test_two_runs_that_share_a_client_are_served_in_turn(service: SlowService) -> None:
    async def main() -> None:
        async with client_of(requests_per_minute=2) as client:
            large = TaskManager(alt_file_of(*tasks(8)), client, 64, run_id="large")
            small = TaskManager(alt_file_of(*tasks(3)), client, 64, run_id="small")
            await asyncio.gather(large.run(), small.run())

    run_in_virtual_time(main)
    by_minute = [Counter(run for time, run, _ in service.asked if round(time / 60) == minute) for minute in range(1, 4)]
    assert by_minute == [{"large": 1, "small": 1}] * 3
    assert len(service.asked) == 11


def test_tokens_that_were_not_needed_let_the_next_one_in_at_once(
    service: SlowService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_usage", Usage(40, 10))
    monkeypatch.setattr(provider.Provider, "_estimate", lambda self, attempt: 400)

    async def main() -> None:
        async with client_of(tokens_per_minute=500) as client:
            await TaskManager(alt_file_of(*tasks(3)), client, 64).run()

    run_in_virtual_time(main)
    assert service.times == [0, 1, 2]  # 50 of 400 each: woken when the one before says so, not a minute later


def test_a_wait_for_room_that_would_pass_the_deadline_ends_the_task_at_once(service: SlowService) -> None:
    async def main() -> list[TaskResult]:
        async with client_of(requests_per_minute=1) as client:
            return await TaskManager(alt_file_of(*tasks(2, timeout_seconds=30)), client, 64).run()

    first, second = run_in_virtual_time(main)
    assert first.status is TaskStatus.COMPLETED
    assert (second.status, second.error_code, second.attempts) == (TaskStatus.TIMEOUT, "AI_DEADLINE", [])
    assert second.error == "REQUESTS_PER_MINUTE: there is no room for it before its deadline of 30 s"
    assert second.execution_time_ms == 0


def test_a_task_that_was_cancelled_while_it_waited_gives_its_turn_to_the_next(service: SlowService) -> None:
    async def main() -> None:
        async with client_of(requests_per_minute=1) as client:
            manager = TaskManager(alt_file_of(*tasks(3)), client, 64)
            asyncio.get_running_loop().call_at(10.0, manager.cancel_task, "t1")
            await manager.run()

    run_in_virtual_time(main)
    assert [(task, time) for time, _, task in service.asked] == [("t0", 0), ("t2", pytest.approx(60, abs=0.06))]


def test_single_tasks_obey_the_same_limit(service: SlowService) -> None:
    async def main() -> list[TaskResult]:
        async with client_of(requests_per_minute=2) as client:
            each = [client.execute_task(Task(id=f"t{number}", description="x")) for number in range(5)]
            return await asyncio.gather(*each)

    results = run_in_virtual_time(main)
    assert all(result.status is TaskStatus.COMPLETED for result in results)
    assert service.times == pytest.approx([0, 0, 60, 60, 120], abs=0.06)


def test_a_single_task_without_room_before_its_deadline_says_so(service: SlowService) -> None:
    async def main() -> TaskResult:
        async with client_of(requests_per_minute=1) as client:
            await client.execute_task(Task(id="a", description="x"))
            return await client.execute_task(Task(id="b", description="x", timeout_seconds=10))

    result = run_in_virtual_time(main)
    assert (result.status, result.error_code) == (TaskStatus.TIMEOUT, "AI_DEADLINE")


def test_requests_under_way_are_limited_in_turn_and_the_wait_is_told(service: SlowService) -> None:
    events: list[Event] = []

    async def main() -> None:
        async with client_of(max_in_flight=2) as client:
            large = TaskManager(alt_file_of(*tasks(8)), client, 64, run_id="large", on_event=events.append)
            small = TaskManager(alt_file_of(*tasks(2)), client, 64, run_id="small")
            await asyncio.gather(large.run(), small.run())

    run_in_virtual_time(main)
    assert service.most == 2
    assert service.times == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert [run for _, run, _ in service.asked[2:6]].count("small") == 2
    told = [event for event in events if isinstance(event, TaskProgress)]
    waits = [event.fields for event in told if event.kind == "waits_for_room"]
    assert waits == [{"reason": "IN_FLIGHT"}] * 6
    assert [event.kind for event in told].count("has_room") == 6


def test_whoever_stops_waiting_for_a_request_under_way_leaves_no_hole(service: SlowService) -> None:
    async def main() -> None:
        async with client_of(max_in_flight=1) as client:
            manager = TaskManager(alt_file_of(*tasks(4)), client, 64)
            for instant, name in ((0.5, "t1"), (1.0, "t2")):  # one while it waits, one just when its turn comes
                asyncio.get_running_loop().call_at(instant, manager.cancel_task, name)
            await manager.run()

    run_in_virtual_time(main)
    assert service.most == 1
    assert service.times[-1] <= 2


def test_a_service_that_is_down_is_not_hammered(service: SlowService) -> None:
    service.failures = {f"t{number}": 99 for number in range(400)}
    policy = RetryPolicy(max_retries=3, base_seconds=0.01)

    async def main() -> list[TaskResult]:
        async with AiServiceClient(AiServiceConfig(), random=Random(1), retry_policy=policy) as client:
            return await TaskManager(alt_file_of(*tasks(400)), client, 400, seed=1).run()

    results = run_in_virtual_time(main)
    assert len(service.asked) <= 400 + 102  # without a budget 1,600
    told = [result.error or "" for result in results if "its retry budget is empty" in (result.error or "")]
    assert len(told) > 250
    assert told[0].startswith("tired; not tried again, because localhost:8000 has failed too often")
    assert {result.error_code for result in results} == {"AI_UPSTREAM"}

"""execute_task: attempts, waits, the deadline, and what the result tells of them."""

import asyncio
from random import Random
from typing import Any

import pytest

from altlas_runner.ai_service import AiServiceClient, AiServiceConfig
from altlas_runner.ai_service.provider import Provider
from altlas_runner.alt_file import Task
from altlas_runner.execution import Executor, RetryingExecutor
from altlas_runner.results import TaskResult, Usage
from altlas_runner.retrying import RetryPolicy
from altlas_runner.statuses import TaskStatus
from tests.ai_service.fault_server import (
    Behaviour,
    FaultServer,
    answer,
    answer_json,
    attempt_for,
    hang,
    raw,
    reset,
)

FAST = RetryPolicy(max_retries=3, base_seconds=0.001)


def execute(
    *behaviours: Behaviour, task: dict[str, Any] | None = None, policy: RetryPolicy = FAST, **config: Any
) -> tuple[TaskResult, FaultServer]:
    async def main() -> tuple[TaskResult, FaultServer]:
        async with FaultServer(*behaviours) as server:
            settings = AiServiceConfig(base_url=server.url, **config)
            async with AiServiceClient(settings, random=Random(7), retry_policy=policy) as client:
                values = {"id": "t", "description": "do it", **(task or {})}
                return await client.execute_task(Task.model_validate(values)), server

    return asyncio.run(main())


def test_the_client_is_an_executor_with_a_policy_of_its_own() -> None:
    client = AiServiceClient(AiServiceConfig(max_retries=5))
    assert isinstance(client, Executor)
    assert isinstance(client, RetryingExecutor)
    assert client.retry_policy == RetryPolicy(max_retries=5)


def test_a_task_completes_with_what_the_service_answered() -> None:
    result, _ = execute(answer_json({"summary": "done"}))
    assert (result.status, result.output) == (TaskStatus.COMPLETED, {"summary": "done"})
    assert (result.error, result.error_code, result.retry_count, len(result.attempts)) == (None, None, 0, 1)
    assert result.started_at is not None
    assert result.completed_at is not None
    assert result.started_at <= result.attempts[0].started_at <= result.attempts[0].ended_at <= result.completed_at


def test_a_failure_that_passes_is_survived_and_every_attempt_recorded() -> None:
    result, server = execute(reset, answer(503), answer(200, "<html>"), answer_json(1))
    assert (result.status, result.output, result.retry_count) == (TaskStatus.COMPLETED, 1, 3)
    assert [attempt.error_code for attempt in result.attempts] == ["AI_CONNECT", "AI_UPSTREAM", "AI_BAD_RESPONSE", None]
    assert [attempt.number for attempt in result.attempts] == [1, 2, 3, 4]
    assert [attempt.status.value for attempt in result.attempts] == ["failed", "failed", "failed", "completed"]
    assert len(server.requests) == 4


def test_the_idempotency_key_is_the_same_for_every_attempt_and_another_for_every_call() -> None:
    _, first = execute(answer(500))
    _, second = execute(answer(500))
    keys = [{request.headers["idempotency-key"] for request in server.requests} for server in (first, second)]
    assert len(keys[0]) == len(keys[1]) == 1
    assert keys[0] != keys[1]
    assert all(key.endswith(":t") for key in keys[0])


def test_a_service_that_keeps_failing_gives_a_failed_result_after_all_attempts() -> None:
    result, server = execute(answer_json({"error": "tired"}, 500))
    assert (result.status, result.error_code, result.output) == (TaskStatus.FAILED, "AI_UPSTREAM", None)
    assert result.error == "the service answered 500: tired"
    assert (result.retry_count, len(server.requests)) == (3, 4)


@pytest.mark.parametrize("retry_count", [0, 1, 5])
def test_the_tasks_retry_count_wins_over_the_clients(retry_count: int) -> None:
    result, _ = execute(answer(500), task={"retry_count": retry_count})
    assert len(result.attempts) == 1 + retry_count


def test_a_permanent_failure_is_not_retried() -> None:
    result, server = execute(answer_json({"error": {"message": "bad key"}}, 401))
    assert (result.error_code, result.retry_count, len(server.requests)) == ("AI_HTTP_401", 0, 1)


def test_a_bad_response_is_retried_once() -> None:
    result, _ = execute(answer(200, "<html>"))
    assert [attempt.error_code for attempt in result.attempts] == ["AI_BAD_RESPONSE"] * 2
    assert result.status is TaskStatus.FAILED


def test_each_attempt_has_what_it_used_and_the_result_their_sum() -> None:
    def chat(usage: dict[str, int] | None, text: str | None) -> Behaviour:
        message = {"message": {"content": text}, "finish_reason": "stop"}
        return answer_json({"choices": [message], "model": "m", "usage": usage})

    used = [{"prompt_tokens": 9, "completion_tokens": 1}, {"prompt_tokens": 9, "completion_tokens": 4}]
    result, _ = execute(answer(503), chat(used[0], None), chat(used[1], "yes"), protocol="openai")
    assert [attempt.usage for attempt in result.attempts] == [None, Usage(9, 1), Usage(9, 4)]
    assert result.usage == Usage(18, 5)


def test_the_waits_come_from_the_seeded_source_and_are_recorded() -> None:
    policy = RetryPolicy(max_retries=3, base_seconds=0.05)
    result, server = execute(answer(500), policy=policy)
    expected = Random(7)
    waits = [expected.uniform(0, 0.05 * 2**n) for n in range(3)]
    assert [attempt.wait_before_ms for attempt in result.attempts] == [0, *(round(wait * 1000) for wait in waits)]
    gaps = [later - sooner for sooner, later in zip(server.times, server.times[1:], strict=False)]
    assert all(gap >= wait for gap, wait in zip(gaps, waits, strict=True))


@pytest.mark.parametrize("header", [{"Retry-After": "0.2"}, {"retry-after-ms": "200"}])
def test_retry_after_is_waited_for(header: dict[str, str]) -> None:
    result, _ = execute(answer(429, headers=header), answer_json(1))
    assert result.status is TaskStatus.COMPLETED
    assert result.attempts[1].wait_before_ms >= 200


def test_a_retry_after_past_the_deadline_ends_the_task_at_once() -> None:
    result, server = execute(answer(429, headers={"Retry-After": "3600"}), task={"timeout_seconds": 60})
    assert (result.status, result.error_code) == (TaskStatus.TIMEOUT, "AI_DEADLINE")
    assert "AI_RATE_LIMITED" in (result.error or "")
    assert (len(server.requests), result.execution_time_ms < 10_000) == (1, True)


@pytest.mark.slow
def test_the_deadline_bounds_an_attempt() -> None:
    result, _ = execute(hang, task={"timeout_seconds": 1})
    assert (result.status, result.error_code) == (TaskStatus.TIMEOUT, "AI_DEADLINE")
    assert result.error == "the task's deadline of 1 s passed"
    assert 1000 <= result.execution_time_ms < 3000
    assert [attempt.status for attempt in result.attempts] == [TaskStatus.TIMEOUT]


@pytest.mark.slow
def test_the_deadline_spans_all_attempts_and_waits() -> None:
    result, server = execute(raw(b"", pause=0.15), task={"timeout_seconds": 1, "retry_count": 255})
    assert result.status is TaskStatus.TIMEOUT
    assert result.execution_time_ms < 3000
    assert len(server.requests) > 2


def test_a_deadline_of_zero_has_passed_before_anything_is_sent() -> None:
    result, server = execute(answer_json(1), task={"timeout_seconds": 0})
    assert (result.status, result.error_code, result.attempts, server.requests) == (
        TaskStatus.TIMEOUT,
        "AI_DEADLINE",
        [],
        [],
    )


def test_an_attempt_behind_its_deadline_sends_nothing() -> None:
    async def main() -> tuple[str | None, int]:
        async with (
            FaultServer(answer_json(1)) as server,
            AiServiceClient(AiServiceConfig(base_url=server.url)) as client,
        ):
            deadline = asyncio.get_running_loop().time() - 1
            outcome = await client.attempt(attempt_for(deadline=deadline))
            return outcome.error_code, len(server.requests)

    assert asyncio.run(main()) == ("AI_DEADLINE", 0)


def test_each_attempt_has_its_own_timeout() -> None:
    result, _ = execute(hang, answer_json(1), timeout_seconds=0.1)
    assert [attempt.error_code for attempt in result.attempts] == ["AI_READ_TIMEOUT", None]


def test_tokens_of_all_attempts_are_added_up() -> None:
    def chat(text: str) -> Behaviour:
        choice = {"message": {"content": text}, "finish_reason": "stop"}
        return answer_json({"choices": [choice], "usage": {"prompt_tokens": 10, "completion_tokens": 2}})

    result, _ = execute(chat(""), chat("fine"), protocol="openai")
    assert (result.status, result.usage) == (TaskStatus.COMPLETED, Usage(20, 4))


def test_cancelling_passes_through() -> None:
    async def main() -> None:
        async with FaultServer(hang) as server, AiServiceClient(AiServiceConfig(base_url=server.url)) as client:
            running = asyncio.create_task(client.execute_task(Task(id="t", description="x")))
            while not server.requests:
                await asyncio.sleep(0.01)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running

    asyncio.run(main())


def test_a_defect_in_the_library_fails_the_task_and_does_not_raise(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError("a bug that knows sk-planted")

    async def main() -> TaskResult:
        async with AiServiceClient(AiServiceConfig(api_key="sk-planted")) as client:
            monkeypatch.setattr(Provider, "answer", broken)
            return await client.execute_task(Task(id="t", description="x"))

    result = asyncio.run(main())
    assert (result.status, result.error_code) == (TaskStatus.FAILED, "EXECUTOR_ERROR")
    assert result.error == "ZeroDivisionError: a bug that knows [redacted]"

"""Falling back on other models and on another service, and what the attempts tell of it."""

import asyncio
from random import Random
from typing import Any

import pytest

from altlas_runner.ai_service import AiServiceClient, AiServiceConfig
from altlas_runner.alt_file import Task
from altlas_runner.config import RunnerConfig
from altlas_runner.last_file import LastFile
from altlas_runner.results import TaskResult
from altlas_runner.retrying import RetryPolicy
from altlas_runner.runner import Runner
from altlas_runner.statuses import TaskStatus
from altlas_runner.task_manager import HandlerContext, TaskManager
from altlas_runner.testing import alt_file_of
from tests.ai_service.fault_server import FaultServer, answer, answer_json, reset

FAST = RetryPolicy(max_retries=1, base_seconds=0.001)


def execute(client: AiServiceClient, task: Task, *, alone: bool) -> Any:
    """The result of a task, by the client alone or under a TaskManager: both have the same policy."""
    if alone:
        return client.execute_task(task)

    async def managed() -> TaskResult:
        return (await TaskManager(alt_file_of(task), client, 4, seed=1).run())[0]

    return managed()


@pytest.mark.parametrize("alone", [True, False])
def test_the_next_model_is_asked_when_the_retries_of_one_are_used_up(alone: bool) -> None:
    async def main() -> tuple[TaskResult, list[str], str]:
        async with FaultServer(answer(503), reset, answer(404), answer_json({"text": "fine"})) as server:
            config = AiServiceConfig(base_url=server.url, model="large", fallback_models=("medium", "small"))
            async with AiServiceClient(config, random=Random(1), retry_policy=FAST) as client:
                result = await execute(client, Task(id="t", description="x"), alone=alone)
            return result, [request.json["model"] for request in server.requests], server.url

    result, asked, url = asyncio.run(main())
    assert asked == ["large", "large", "medium", "small"]
    assert (result.status, result.output, result.retry_count) == (TaskStatus.COMPLETED, {"text": "fine"}, 3)
    assert [(each.number, each.model, each.error_code) for each in result.attempts] == [
        (1, "large", "AI_UPSTREAM"),
        (2, "large", "AI_CONNECT"),
        (3, "medium", "AI_HTTP_404"),
        (4, "small", None),
    ]
    assert {each.service for each in result.attempts} == {url.removeprefix("http://")}


@pytest.mark.parametrize("alone", [True, False])
def test_a_second_service_is_asked_with_its_own_model_key_and_format(alone: bool) -> None:
    choice = {"message": {"content": "hello"}, "finish_reason": "stop"}

    async def main() -> tuple[TaskResult, Any, list[str]]:
        async with (
            FaultServer(answer(401)) as first,
            FaultServer(answer_json({"choices": [choice], "model": "other"})) as second,
        ):
            fallback = AiServiceConfig(
                base_url=second.url, protocol="openai", model="other", api_key="key-of-the-second"
            )
            config = AiServiceConfig(base_url=first.url, api_key="key-of-the-first", fallback=fallback)
            async with AiServiceClient(config, retry_policy=FAST) as client:
                task = Task(id="t", description="x", parameters={"model": "only-the-first-has-it"})
                result = await execute(client, task, alone=alone)
            return result, second.requests[0], [first.url, second.url]

    result, request, urls = asyncio.run(main())
    assert result.output["text"] == "hello"
    assert (request.target, request.json["model"]) == ("/chat/completions", "other")
    assert request.headers["authorization"] == "Bearer key-of-the-second"
    assert [f"http://{each.service}" for each in result.attempts] == urls
    assert [each.model for each in result.attempts] == ["only-the-first-has-it", "other"]


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("alone", [True, False])
def test_a_service_that_takes_no_key_is_not_asked_for_its_other_models(alone: bool, status: int) -> None:
    async def main() -> tuple[TaskResult, list[str]]:
        async with FaultServer(answer(status), answer_json(1)) as server:
            spare = AiServiceConfig(base_url=server.url, model="spare", api_key="key-of-the-second")
            config = AiServiceConfig(
                base_url=server.url, model="a", fallback_models=("b", "c"), api_key="key-of-the-first", fallback=spare
            )
            async with AiServiceClient(config, retry_policy=FAST) as client:
                result = await execute(client, Task(id="t", description="x"), alone=alone)
            return result, [request.json["model"] for request in server.requests]

    result, asked = asyncio.run(main())
    assert (asked, result.output) == (["a", "spare"], 1)


@pytest.mark.parametrize("alone", [True, False])
def test_a_parameter_that_cannot_be_sent_is_sent_to_nobody(alone: bool) -> None:
    async def main() -> tuple[TaskResult, int]:
        async with FaultServer(answer_json(1)) as server:
            spare = AiServiceConfig(base_url=server.url, model="spare")
            config = AiServiceConfig(base_url=server.url, fallback_models=("b", "c"), fallback=spare)
            async with AiServiceClient(config, retry_policy=FAST) as client:
                task = Task(id="t", description="x", parameters={"temperature": "hot"})
                result = await execute(client, task, alone=alone)
            return result, len(server.requests)

    result, asked = asyncio.run(main())
    assert (result.error_code, len(result.attempts), asked) == ("AI_BAD_PARAMETER", 1, 0)


def test_when_everything_fails_the_last_error_is_the_tasks() -> None:
    async def main() -> TaskResult:
        async with FaultServer(answer(500), answer(500), answer_json({"error": "no such model"}, 404)) as server:
            config = AiServiceConfig(base_url=server.url, fallback_models=("b",))
            async with AiServiceClient(config, retry_policy=FAST) as client:
                return await client.execute_task(Task(id="t", description="x"))

    result = asyncio.run(main())
    assert (result.status, result.error_code) == (TaskStatus.FAILED, "AI_HTTP_404")
    assert len(result.attempts) == 3


def test_a_service_that_keeps_one_waiting_past_the_deadline_is_left_for_the_next() -> None:
    async def main() -> TaskResult:
        async with FaultServer(answer(429, headers={"Retry-After": "3600"}), answer_json(1)) as server:
            config = AiServiceConfig(base_url=server.url, fallback_models=("b",))
            async with AiServiceClient(config, retry_policy=FAST) as client:
                return await client.execute_task(Task(id="t", description="x", timeout_seconds=60))

    result = asyncio.run(main())
    assert (result.status, len(result.attempts), result.attempts[1].model) == (TaskStatus.COMPLETED, 2, "b")


def test_without_alternatives_attempts_name_no_model() -> None:
    async def main() -> TaskResult:
        async with (
            FaultServer(answer_json(1)) as server,
            AiServiceClient(AiServiceConfig(base_url=server.url)) as client,
        ):
            return await client.execute_task(Task(id="t", description="x"))

    assert [(each.model, each.service) for each in asyncio.run(main()).attempts] == [(None, None)]


def test_a_task_that_a_handler_does_falls_back_on_nothing() -> None:
    calls: list[str] = []

    def fail(context: HandlerContext) -> None:
        calls.append(context.task.id)
        raise ValueError("no")

    async def main() -> list[TaskResult]:
        config = AiServiceConfig(base_url="http://127.0.0.1:9", fallback_models=("b", "c"))
        async with AiServiceClient(config) as client:
            file = alt_file_of({"id": "t", "parameters": {"task_type": "fail"}})
            return await TaskManager(file, client, 2, handlers={"fail": fail}).run()

    (result,) = asyncio.run(main())
    assert (calls, result.status, len(result.attempts)) == (["t"], TaskStatus.FAILED, 1)


def test_what_was_tried_stands_in_the_bundle(tmp_path: Any) -> None:
    async def main() -> LastFile:
        async with FaultServer(answer(400), answer_json("fine")) as server:
            config = RunnerConfig(
                ai_service_url=server.url,
                ai_default_model="large",
                ai_fallback={"base_url": server.url, "model": "spare"},
                output_dir=tmp_path,
                generate_graphs=False,
            )
            runner = Runner(config)
            last_file = await runner.execute(alt_file_of({"id": "t"}))
            return LastFile.from_path(runner.bundle_path(last_file))

    (result,) = asyncio.run(main()).task_results
    assert [(each.model, each.error_code) for each in result.attempts] == [("large", "AI_HTTP_400"), ("spare", None)]

"""What the `altlas` format sends: POST /execute with the task and what surrounds it."""

import asyncio
from typing import Any

import pytest

from altlas_runner.ai_service import AiServiceClient, AiServiceConfig
from altlas_runner.alt_file import Task
from altlas_runner.execution import RunInfo
from altlas_runner.results import TaskResult
from tests.ai_service.fault_server import FaultServer, answer_json, attempt_for, attempt_once


def test_the_request_is_the_one_of_the_contract() -> None:
    task = Task(id="t1", description="Summarise", parameters={"length": 3, "model": "big"}, dependencies=["a"])
    attempt = attempt_for(
        task,
        run=RunInfo("last_7", mode="dream", persona="poet"),
        context={"a": {"text": "ü"}},
    )
    _, request = attempt_once(answer_json(1), attempt=attempt, api_key="sk-1234", max_tokens=99)
    assert (request.method, request.target) == ("POST", "/execute")
    assert request.json == {
        "task_id": "t1",
        "description": "Summarise",
        "parameters": {"length": 3, "model": "big"},
        "model": "big",
        "temperature": 0.7,
        "max_tokens": 99,
        "stream": False,
        "mode": "dream",
        "persona": "poet",
        "context": {"a": {"text": "ü"}},
    }
    assert request.headers["authorization"] == "Bearer sk-1234"
    assert request.headers["idempotency-key"] == "last_7:t1"
    assert request.headers["content-type"] == "application/json"


def test_a_path_in_the_base_url_is_kept() -> None:
    async def main() -> str:
        async with FaultServer(answer_json(1)) as server:
            async with AiServiceClient(AiServiceConfig(base_url=f"{server.url}/api/v2/")) as client:
                await client.attempt(attempt_for())
            return server.requests[0].target

    assert asyncio.run(main()) == "/api/v2/execute"


def test_the_idempotency_key_is_made_of_run_and_task() -> None:
    attempt = attempt_for(Task(id="übersicht", description="x"), run=RunInfo("last_9"))
    _, request = attempt_once(answer_json(1), attempt=attempt)
    assert request.headers["idempotency-key"] == "last_9:%C3%BCbersicht"


def test_a_service_that_does_not_stream_although_it_was_asked_to_is_understood() -> None:
    outcome, request = attempt_once(answer_json(1), use_streaming=True)
    assert request.json["stream"] is True
    assert request.headers["accept"] == "text/event-stream, application/json"
    assert outcome.output == 1


@pytest.mark.parametrize(
    ("parameters", "sent"),
    [
        ({}, ("configured", 0.5, 10)),
        ({"model": "mine", "temperature": 0, "max_tokens": 1}, ("mine", 0, 1)),
        ({"model": None, "temperature": None, "max_tokens": None}, ("configured", 0.5, 10)),
    ],
)
def test_a_tasks_parameters_win_over_the_configuration(parameters: dict[str, Any], sent: tuple[Any, ...]) -> None:
    attempt = attempt_for(Task(id="t", description="x", parameters=parameters))
    _, request = attempt_once(answer_json(1), attempt=attempt, model="configured", temperature=0.5, max_tokens=10)
    assert (request.json["model"], request.json["temperature"], request.json["max_tokens"]) == sent


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"model": 5}, "the parameter model must be a text that is not empty, not 5"),
        ({"model": ""}, "the parameter model must be a text that is not empty, not a text"),
        ({"temperature": "0.2"}, "the parameter temperature must be a number from 0 to 2, not a text"),
        ({"temperature": 3}, "the parameter temperature must be a number from 0 to 2, not 3"),
        ({"temperature": True}, "the parameter temperature must be a number from 0 to 2, not a truth value"),
        ({"max_tokens": 1.5}, "the parameter max_tokens must be a whole number of at least 1, not 1.5"),
        ({"max_tokens": 0}, "the parameter max_tokens must be a whole number of at least 1, not 0"),
        ({"max_tokens": [1]}, "the parameter max_tokens must be a whole number of at least 1, not a list"),
        ({"x": float("nan")}, "the parameters or the context hold a value that JSON has not"),
    ],
)
def test_a_parameter_that_cannot_be_sent_fails_the_task_and_sends_nothing(
    parameters: dict[str, Any], message: str
) -> None:
    async def main() -> TaskResult:
        async with AiServiceClient() as client:  # nothing listens there: a request would be AI_CONNECT
            return await client.execute_task(Task(id="t", description="x", parameters=parameters))

    result = asyncio.run(main())
    assert (result.error_code, result.error, result.retry_count) == ("AI_BAD_PARAMETER", message, 0)

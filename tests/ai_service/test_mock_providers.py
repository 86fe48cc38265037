"""Against a server that nobody here wrote, which speaks as OpenAI and Anthropic do, breaks on demand, and judges us.

Its verdict knows clients that ignore Retry-After, retry what cannot succeed, hammer, give up too soon, or take a stream
that was cut for an answer.
"""

import asyncio
import json
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from altlas_runner.ai_service import AiServiceClient, AiServiceConfig
from altlas_runner.alt_file import Task
from altlas_runner.execution import Outcome
from altlas_runner.results import TaskResult
from altlas_runner.retrying import RetryPolicy
from altlas_runner.statuses import TaskStatus
from tests.ai_service.fault_server import attempt_for
from tests.ai_service.real_servers import MockProviders, mock_providers
from tests.needs import need_mock_server

pytestmark = pytest.mark.slow

both_formats = pytest.mark.parametrize("protocol", ["openai", "anthropic"])
plain_and_streamed = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])

TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
SCHEMA = {
    "type": "object",
    "properties": {"total": {"type": "number"}, "paid": {"type": "boolean"}},
    "required": ["total", "paid"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def providers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MockProviders]:
    need_mock_server()
    with mock_providers(tmp_path_factory.mktemp("llmock") / "log.txt") as mock:
        yield mock


def config(providers: MockProviders, protocol: str, *, stream: bool) -> AiServiceConfig:
    return AiServiceConfig(
        base_url=providers.base_url(protocol),
        protocol=protocol,
        use_streaming=stream,
        api_key="k-12345678",
        model="mock-1",
        timeout_seconds=1.5,
    )


def ask(providers: MockProviders, protocol: str, *, stream: bool, **parameters: Any) -> tuple[Outcome, str]:
    """The outcome of one attempt, and the text that was told while it came."""
    told: list[str] = []

    async def main() -> Outcome:
        task = Task(id="t", description="What is the weather in Paris?", parameters=parameters)
        async with AiServiceClient(config(providers, protocol, stream=stream)) as client:
            return await client.attempt(attempt_for(task, emit=lambda _, fields: told.append(fields["text"])))

    return asyncio.run(main()), "".join(told)


@both_formats
@plain_and_streamed
def test_an_answer_comes_through_whole(providers: MockProviders, protocol: str, stream: bool) -> None:
    providers.behave({"type": "reply", "text": "Rain, 12 °C. 汉字 🎈"})
    outcome, told = ask(providers, protocol, stream=stream)
    assert outcome.output == {"text": "Rain, 12 °C. 汉字 🎈", "model": "mock-1", "finish_reason": "stop"}
    assert outcome.usage is not None
    assert outcome.usage.output_tokens > 0
    assert told == ("Rain, 12 °C. 汉字 🎈" if stream else "")


@both_formats
@plain_and_streamed
def test_tool_calls_come_through_intact_and_look_the_same(
    providers: MockProviders, protocol: str, stream: bool
) -> None:
    providers.behave({"type": "reply", "tool_calls": [{"name": "get_weather", "arguments": {"city": "Zürich"}}]})
    outcome, _ = ask(providers, protocol, stream=stream, tools=[TOOL], tool_choice="required")
    assert outcome.ok, outcome.error
    assert outcome.output["finish_reason"] == "tool_calls"
    (call,) = outcome.output["tool_calls"]
    assert call["id"]
    assert (call["type"], call["function"]["name"]) == ("function", "get_weather")
    assert json.loads(call["function"]["arguments"]) == {"city": "Zürich"}


@plain_and_streamed
def test_an_answer_with_a_schema_is_parsed(providers: MockProviders, stream: bool) -> None:
    providers.behave()
    outcome, _ = ask(providers, "openai", stream=stream, response_schema=SCHEMA)
    assert outcome.ok, outcome.error
    assert set(outcome.output["json"]) == {"total", "paid"}


@both_formats
@plain_and_streamed
def test_an_answer_that_misses_its_schema_is_asked_for_once_more(
    providers: MockProviders, protocol: str, stream: bool
) -> None:
    providers.behave(
        {"type": "reply", "text": '{"total": "much"}'}, {"type": "reply", "text": '{"total": 5, "paid": true}'}
    )
    result = execute(providers, protocol, stream=stream, response_schema=SCHEMA)
    assert result.status is TaskStatus.COMPLETED
    assert result.output["json"] == {"total": 5, "paid": True}
    assert [attempt.error_code for attempt in result.attempts] == ["AI_BAD_RESPONSE", None]


def execute(providers: MockProviders, protocol: str, *, stream: bool, **parameters: Any) -> TaskResult:
    async def main() -> TaskResult:
        # Waits of 0.29 s and 0.57 s: the server must have noticed that one attempt ended before the next one comes.
        policy = RetryPolicy(max_retries=4, base_seconds=0.3)
        async with AiServiceClient(
            config(providers, protocol, stream=stream), random=Random(2), retry_policy=policy
        ) as client:
            return await client.execute_task(Task(id="t", description="Hello", parameters=parameters))

    return asyncio.run(main())


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "rate limit": ({"type": "fail", "status": 429, "retry_after": 0.3, "times": 2}, "AI_RATE_LIMITED"),
    "outage": ({"type": "fail", "status": 503, "retry_after": 0.2, "times": 2}, "AI_UPSTREAM"),
    "overload": ({"type": "fail", "status": 529, "retry_after": 0.2, "times": 1}, "AI_UPSTREAM"),
}
STREAM_FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "dropped": ({"type": "stream_fault", "kind": "disconnect", "after_chunks": 3}, "AI_STREAM_TRUNCATED"),
    "cut": ({"type": "stream_fault", "kind": "truncate", "after_chunks": 3}, "AI_STREAM_TRUNCATED"),
    "cut at once": ({"type": "stream_fault", "kind": "truncate", "after_chunks": 1}, "AI_STREAM_TRUNCATED"),
    "broken event": ({"type": "stream_fault", "kind": "malformed", "after_chunks": 3}, "AI_BAD_RESPONSE"),
    "stalled": ({"type": "stream_fault", "kind": "stall", "after_chunks": 3, "stall_seconds": 20}, "AI_READ_TIMEOUT"),
}


@both_formats
@pytest.mark.parametrize(
    ("fault", "stream"),
    [*((name, stream) for name in FAULTS for stream in (False, True)), *((name, True) for name in STREAM_FAULTS)],
)
def test_a_fault_that_passes_is_survived_without_complaint(
    providers: MockProviders, protocol: str, fault: str, stream: bool
) -> None:
    behaviour, code = {**FAULTS, **STREAM_FAULTS}[fault]
    # The server must notice that nobody reads on: the rest of a short answer would be on its way already.
    text = "All of this is well. " * (20 if fault == "broken event" else 1) + "The end."
    providers.behave(behaviour, {"type": "reply", "text": text, "times": None})
    result = execute(providers, protocol, stream=stream)
    assert result.status is TaskStatus.COMPLETED, result.error
    assert result.output["text"] == text
    assert {attempt.error_code for attempt in result.attempts[:-1]} == {code}
    assert providers.findings() == []


@both_formats
@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_what_cannot_succeed_is_tried_once(providers: MockProviders, protocol: str, status: int) -> None:
    providers.behave({"type": "fail", "status": status, "times": None})
    result = execute(providers, protocol, stream=False)
    assert (result.error_code, len(result.attempts)) == (f"AI_HTTP_{status}", 1)
    assert providers.findings() == []

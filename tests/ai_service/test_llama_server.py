"""Against llama.cpp's own HTTP server with a real model: both formats that it speaks, plain and streamed."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from altlas_runner.ai_service import AiServiceClient, AiServiceConfig
from altlas_runner.alt_file import Task
from altlas_runner.execution import Outcome
from tests.ai_service.fault_server import attempt_for
from tests.ai_service.real_servers import llama_server
from tests.needs import need_local_model

pytestmark = pytest.mark.slow

both_formats = pytest.mark.parametrize("protocol", ["openai", "anthropic"])
plain_and_streamed = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])


@pytest.fixture(scope="module")
def llama() -> Iterator[str]:
    need_local_model()
    with llama_server() as url:
        yield url


def ask(llama: str, protocol: str, *, stream: bool, description: str, **parameters: Any) -> tuple[Outcome, str]:
    """The outcome of one attempt, and the text that was told while it came."""
    told: list[str] = []

    def emit(kind: str, fields: Mapping[str, Any]) -> None:
        assert kind == "delta"
        told.append(fields["text"])

    async def main() -> Outcome:
        config = AiServiceConfig(
            base_url=f"{llama}/v1" if protocol == "openai" else llama,
            protocol=protocol,
            use_streaming=stream,
            temperature=0,
            timeout_seconds=300,
        )
        task = Task(id="t", description=description, parameters=parameters)
        async with AiServiceClient(config) as client:
            return await client.attempt(attempt_for(task, emit=emit))

    return asyncio.run(main()), "".join(told)


@both_formats
@plain_and_streamed
def test_the_model_answers_with_text_name_reason_and_usage(llama: str, protocol: str, stream: bool) -> None:
    outcome, told = ask(llama, protocol, stream=stream, description="Say hello to Ada.", max_tokens=20)
    assert outcome.ok, outcome.error
    assert set(outcome.output) == {"text", "model", "finish_reason"}
    assert outcome.output["text"].strip()
    assert outcome.output["finish_reason"] in ("stop", "length")
    assert outcome.usage is not None
    assert outcome.usage.input_tokens > 5
    assert 0 < outcome.usage.output_tokens <= 20
    assert told == (outcome.output["text"] if stream else "")


@plain_and_streamed
def test_an_answer_with_a_schema_satisfies_it(llama: str, stream: bool) -> None:
    schema = {"type": "object", "properties": {"wet": {"type": "boolean"}}, "required": ["wet"]}
    outcome, _ = ask(llama, "openai", stream=stream, description="Is rain wet?", max_tokens=60, response_schema=schema)
    assert outcome.ok, outcome.error
    assert isinstance(outcome.output["json"]["wet"], bool)


@both_formats
@plain_and_streamed
def test_a_prompt_over_the_window_is_an_error_in_the_services_words(llama: str, protocol: str, stream: bool) -> None:
    outcome, told = ask(llama, protocol, stream=stream, description="word " * 3000)
    assert (outcome.error_code, outcome.retry, told) == ("AI_HTTP_400", "no", "")
    assert "context size" in (outcome.error or "")


@both_formats
def test_a_timeout_in_the_middle_of_a_stream_gives_no_output(llama: str, protocol: str) -> None:
    async def main() -> Outcome:
        base_url = f"{llama}/v1" if protocol == "openai" else llama
        config = AiServiceConfig(base_url=base_url, protocol=protocol, use_streaming=True, timeout_seconds=0.5)
        task = Task(id="t", description="Tell a long story about a river.", parameters={"max_tokens": 900})
        async with AiServiceClient(config) as client:
            return await client.attempt(attempt_for(task))

    outcome = asyncio.run(main())
    assert (outcome.error_code, outcome.output) == ("AI_READ_TIMEOUT", None)

"""Spans by the semantic conventions for generative AI, when they are wanted and OpenTelemetry is there."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from altlas_runner.ai_service import AiServiceClient, AiServiceConfig
from altlas_runner.alt_file import Task
from altlas_runner.errors import ConfigurationError
from altlas_runner.results import TaskResult
from altlas_runner.retrying import RetryPolicy
from tests.ai_service.fault_server import Behaviour, FaultServer, Request, answer_json, attempt_for, hang

_EXPORTER = InMemorySpanExporter()


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    if not isinstance(trace.get_tracer_provider(), TracerProvider):  # a process has one, and keeps it
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(_EXPORTER))
        trace.set_tracer_provider(provider)
    _EXPORTER.clear()
    yield _EXPORTER
    _EXPORTER.clear()


def execute(*behaviours: Behaviour, **config: Any) -> tuple[TaskResult, list[Request]]:
    async def main() -> tuple[TaskResult, list[Request]]:
        async with FaultServer(*behaviours) as server:
            settings = AiServiceConfig(
                **{"base_url": server.url, "protocol": "openai", "model": "m", "tracing": True, **config}
            )
            policy = RetryPolicy(max_retries=1, base_seconds=0.001)
            async with AiServiceClient(settings, retry_policy=policy) as client:
                return await client.execute_task(Task(id="t", description="x")), server.requests

    return asyncio.run(main())


def chat(model: str = "m-2026", text: str = "hello") -> Behaviour:
    choice = {"message": {"content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 7, "completion_tokens": 3}
    return answer_json({"choices": [choice], "model": model, "usage": usage})


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def test_each_attempt_is_a_span_with_the_attributes_of_the_conventions(exporter: InMemorySpanExporter) -> None:
    result, requests = execute(answer_json({"error": "tired"}, 503), chat())
    failed, completed = exporter.get_finished_spans()
    assert [span.name for span in (failed, completed)] == ["chat m", "chat m"]
    assert completed.kind is trace.SpanKind.CLIENT
    seen = attributes(completed)
    port = seen.pop("server.port")
    assert f"127.0.0.1:{port}" == requests[0].headers["host"]
    assert seen.pop("altlas.run.id").startswith("last_")
    assert seen == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "m",
        "gen_ai.response.model": "m-2026",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 3,
        "server.address": "127.0.0.1",
        "altlas.task.id": "t",
        "altlas.attempt.number": 2,
    }
    assert attributes(failed)["error.type"] == "AI_UPSTREAM"
    assert failed.status.status_code is trace.StatusCode.ERROR
    assert result.output["text"] == "hello"


def test_the_request_says_which_span_it_is_part_of(exporter: InMemorySpanExporter) -> None:
    _, (request,) = execute(chat())
    (span,) = exporter.get_finished_spans()
    context = span.get_span_context()
    assert context is not None
    assert request.headers["traceparent"].startswith(f"00-{context.trace_id:032x}-{context.span_id:016x}-")


def test_an_attempt_that_took_too_long_is_a_span_that_failed(exporter: InMemorySpanExporter) -> None:
    execute(hang, chat(), timeout_seconds=0.2)
    failed, completed = exporter.get_finished_spans()
    assert attributes(failed)["error.type"] == "AI_READ_TIMEOUT"
    assert failed.status.status_code is trace.StatusCode.ERROR
    assert completed.status.status_code is trace.StatusCode.UNSET


def test_an_attempt_that_was_cancelled_is_a_span_that_failed(exporter: InMemorySpanExporter) -> None:
    async def main() -> None:
        async with (
            FaultServer(hang) as server,
            AiServiceClient(AiServiceConfig(base_url=server.url, tracing=True)) as client,
        ):
            asking = asyncio.create_task(client.attempt(attempt_for()))
            while not server.requests:
                await asyncio.sleep(0.01)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking

    asyncio.run(main())
    (span,) = exporter.get_finished_spans()
    assert (attributes(span)["error.type"], span.events) == ("CancelledError", ())
    assert span.status.status_code is trace.StatusCode.ERROR


def test_a_defect_shows_its_kind_and_not_its_text(
    exporter: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*_: object) -> None:
        raise RuntimeError("planted-key-1")

    monkeypatch.setattr("altlas_runner.ai_service.openai.chat_outcome", break_down)
    result, _ = execute(chat(), api_key="planted-key-1")
    assert result.error_code == "EXECUTOR_ERROR"
    (span,) = exporter.get_finished_spans()
    assert attributes(span)["error.type"] == "RuntimeError"
    assert "planted" not in span.to_json()


def test_no_span_holds_prompt_answer_or_key(exporter: InMemorySpanExporter) -> None:
    execute(chat(model="planted-key-1", text="a secret answer"), api_key="planted-key-1")
    execute(answer_json({"error": "planted-key-1"}, 401), api_key="planted-key-1")
    execute(chat(), api_key="planted-key-1", model="the planted-key-1")
    for span in exporter.get_finished_spans():
        text = span.to_json()
        assert "planted" not in text
        assert "a secret answer" not in text


def test_without_tracing_there_is_no_span_and_no_header(exporter: InMemorySpanExporter) -> None:
    _, (request,) = execute(chat(), tracing=False)
    assert exporter.get_finished_spans() == ()
    assert "traceparent" not in request.headers


def test_a_client_that_does_not_trace_imports_nothing_of_it() -> None:
    code = (
        "import asyncio, sys; from altlas_runner import AiServiceClient, AiServiceConfig, Task\n"
        "async def main():\n"
        "    async with AiServiceClient(AiServiceConfig(base_url='http://127.0.0.1:1', max_retries=0)) as client:\n"
        "        await client.execute_task(Task(id='t', description='x'))\n"
        "asyncio.run(main()); print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_tracing_without_opentelemetry_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.propagate", None)

    async def main() -> None:
        async with AiServiceClient(AiServiceConfig(tracing=True)):
            pass

    with pytest.raises(ConfigurationError, match=r"pip install 'altlas-runner\[otel\]'"):
        asyncio.run(main())

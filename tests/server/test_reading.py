"""How the bodies of requests are read."""

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web
from pydantic import ValidationError
from pydantic_core import from_json

from altlas_runner import Diagnostic, RunnerConfig, validate_alt_file
from altlas_runner.server import ServerConfig, make_app, reading
from altlas_runner.server.models import ProblemAnswer, RunRequest, ValidateRequest
from altlas_runner.server.problems import Problem, told


def test_a_long_file_is_checked_beside_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks meanwhile is answered."""
    threads = []

    def noted(*arguments: Any) -> Any:
        threads.append(threading.current_thread())
        return validate_alt_file(*arguments)

    monkeypatch.setattr(reading, "validate_alt_file", noted)
    reader = reading.RequestReader(ServerConfig())
    tasks = [{"id": f"t{number}", "description": "d"} for number in range(3000)]
    asked = RunRequest(alt_file_content=json.dumps({"id": "long", "title": "Long", "tasks": tasks}))
    alt_file, _ = asyncio.run(reader.alt_file(asked))
    assert len(alt_file.tasks) == 3000
    assert len(threads) == 1
    assert threading.main_thread() not in threads


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_inputs_hold_no_number_that_json_does_not_know(number: str) -> None:
    body = '{"alt_file_content": "{}", "inputs": {"a": [{"b": N}]}}'.replace("N", number)
    with pytest.raises(ValidationError, match="NaN, Infinity or too large"):
        RunRequest.model_validate_json(body)


def test_of_very_many_problems_an_answer_tells_a_thousand_errors_first_and_counts_all() -> None:
    warnings = [Diagnostic("ALT105", "alone", f"/tasks/{n}") for n in range(1500)]
    errors = [Diagnostic("ALT012", "empty", f"/tasks/{n}") for n in range(400)]
    answer = told([*warnings, *errors])
    assert (answer["error_count"], answer["warning_count"]) == (400, 1500)
    paths = [each["path"] for each in answer["diagnostics"]]
    assert paths == [f"/tasks/{n}" for n in [*range(600), *range(400)]]
    assert told(warnings[:1000])["diagnostics"] == [each.to_dict() for each in warnings[:1000]]


def test_a_small_file_with_a_long_name_in_every_problem_gets_no_huge_answer() -> None:
    """Each of its problems names the task, whose id is as long as a body lets it."""
    name = "n" * 400_000
    tasks: Any = [{"id": name, "description": "d", "dependencies": [f"x{n}" for n in range(500)]}]
    asked = RunRequest(alt_file_content={"id": "f", "title": "t", "tasks": tasks})
    with pytest.raises(Problem) as refused:
        asyncio.run(reading.RequestReader(ServerConfig()).alt_file(asked))
    assert refused.value.text is not None
    answer = ProblemAnswer.model_validate_json(refused.value.text)
    assert len(refused.value.text) < 2 << 20
    assert (answer.error_count, len(answer.diagnostics)) == (500, 2)


def test_a_long_body_is_read_beside_the_event_loop_also_where_the_file_is_an_object(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []

    def noted(body: bytes) -> Any:
        threads.append((len(body) > 100_000, threading.current_thread() is threading.main_thread()))
        return from_json(body)

    monkeypatch.setattr(reading, "from_json", noted)
    short: dict[str, Any] = {
        "id": "f",
        "title": "t",
        "tasks": [{"id": "a", "description": "d", "parameters": {"n": 1.5}}],
    }
    long = {**short, "metadata": {"words": ["ü"] * 20_000}}

    async def main() -> list[Any]:
        runner = web.AppRunner(make_app(RunnerConfig(output_dir=tmp_path)))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        answers = []
        async with ClientSession(f"http://{host}:{port}") as session:
            for content in (short, long, json.dumps(long)):
                async with session.post("/api/v1/validate", json={"alt_file_content": content}) as answer:
                    answers.append(await answer.json())
        await runner.cleanup()
        return answers

    assert [(each["valid"], each["diagnostics"]) for each in asyncio.run(main())] == [(True, [])] * 3
    assert threads == [(False, True), (True, False), (True, False)]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("{", "the body is not JSON: EOF while parsing an object at line 1 column 1"),
        ("[]", "the body must be a JSON object"),
        (
            '{"alt_file_content": 5}',
            "alt_file_content: Input should be a valid string; alt_file_content: Input should be an object",
        ),
        ('{"alt_file_content": "", "inputs": []}', "inputs: Input should be an object"),
        ('{"alt_file_content": "", "stream": 1}', "stream: Input should be a valid boolean"),
        ("{}", "give either alt_file_content or alt_file_path"),
    ],
)
def test_a_body_that_does_not_fit_is_told_what_does(body: str, says: str) -> None:
    with pytest.raises(Problem) as refused:
        reading._validated(RunRequest, body.encode())
    assert refused.value.detail == says


def test_a_number_that_json_does_not_know_is_found_in_an_object_as_in_a_text() -> None:
    reader = reading.RequestReader(ServerConfig())
    file = '{"id": "f", "title": "t", "tasks": [], "x": 1e999}'
    asked = [
        reading._validated(RunRequest, b'{"alt_file_content": %b}' % each.encode()) for each in (file, json.dumps(file))
    ]
    as_object, as_text = [[found.code for found in asyncio.run(reader.diagnostics(each))] for each in asked]
    assert as_object == as_text
    assert "ALT302" in as_object


@pytest.mark.parametrize("limits", [{"max_tasks": 1}, {"max_dependencies": 0}, {"max_body_bytes": 60}])
def test_who_meets_a_limit_of_the_service_is_told_how_it_is_raised_there(
    tmp_path: Path, limits: dict[str, int]
) -> None:
    tasks = [{"id": "a", "description": "d"}, {"id": "b", "description": "d", "dependencies": ["a"]}]
    (tmp_path / "two.alt").write_text(json.dumps({"id": "f", "title": "t", "tasks": tasks}))
    reader = reading.RequestReader(ServerConfig(alt_root=tmp_path, **limits))
    (found,) = asyncio.run(reader.diagnostics(ValidateRequest(alt_file_path="two.alt")))
    assert found.code == "ALT306"
    (name,) = limits
    assert found.help is not None
    assert f"--{name.replace('_', '-')}" in found.help
    assert name in ServerConfig.model_fields

"""How the bodies of requests are read."""

import asyncio
import json
import threading
from typing import Any

import pytest
from pydantic import ValidationError

from altlas_runner import Diagnostic, validate_alt_file
from altlas_runner.server import ServerConfig, reading
from altlas_runner.server.models import ProblemAnswer, RunRequest
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

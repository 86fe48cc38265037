"""How the bodies of requests are read."""

import asyncio
import json
import threading
from typing import Any

import pytest
from pydantic import ValidationError

from altlas_runner import validate_alt_file
from altlas_runner.server import ServerConfig, reading
from altlas_runner.server.models import RunRequest


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

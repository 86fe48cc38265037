"""Keys never show, and nothing that is no key is torn apart."""

import asyncio
from pathlib import Path

import pytest

from altlas_runner import AltFile, Outcome, Runner, RunnerConfig, Task, TaskAttempt
from altlas_runner.redaction import Redactor, is_key_like, redact_key_like, secrets_in
from altlas_runner.task_manager import Event


@pytest.mark.parametrize(
    "name",
    [
        "api_key",
        "API-KEY",
        "apiKey",
        "X-Api-Key",
        "Authorization",
        "proxy-authorization",
        "access_token",
        "accessToken",
        "authToken",
        "PASSWORD",
        "db_password",
        "client_secret",
        "clientsecret",
        "Set-Cookie",
        "cookie",
        "aws_secret_access_key",
    ],
)
def test_names_of_keys_are_known_in_any_case_and_spelling(name: str) -> None:
    assert is_key_like(name)


@pytest.mark.parametrize(
    "name", ["max_tokens", "tokens", "tokenizer", "secretary", "key", "keyboard", "passage", "author"]
)
def test_names_that_only_look_alike_are_no_keys(name: str) -> None:
    assert not is_key_like(name)


def test_values_under_key_like_names_are_replaced_at_any_depth() -> None:
    value = {"headers": [{"Authorization": "Bearer abc"}], "max_tokens": 5, "token": None}
    assert redact_key_like(value) == {"headers": [{"Authorization": "[redacted]"}], "max_tokens": 5, "token": None}


def test_short_texts_of_a_file_are_not_looked_for_everywhere() -> None:
    assert secrets_in({"cookie": "recipe", "password": "correct horse"}) == {"correct horse"}


def test_a_redactor_finds_the_longest_secret_first() -> None:
    assert Redactor(["secret", "secret-long"]).text("a secret-long b secret") == "a [redacted] b [redacted]"


def test_observers_and_bundles_never_see_a_key_of_the_file_that_a_service_echoes(tmp_path: Path) -> None:
    class Echo:
        async def attempt(self, attempt: TaskAttempt) -> Outcome:
            key = (attempt.task.parameters or {})["api_key"]
            attempt.emit("delta", {"text": key})
            if attempt.task.id == "fails":
                return Outcome.failed("X", f"bad key {key}")
            return Outcome.completed({"you sent": key})

    key = "planted-key-12345"
    tasks = [Task(id=name, description="x", parameters={"api_key": key}) for name in ("works", "fails")]
    events: list[Event] = []
    runner = Runner(RunnerConfig(output_dir=tmp_path, generate_graphs=False), executor=Echo())
    last_file = asyncio.run(runner.execute(AltFile(id="f", title="F", tasks=tasks), on_event=events.append))
    written = b"".join(path.read_bytes() for path in runner.bundle_path(last_file).iterdir())
    assert key not in repr(events) + repr(last_file)
    assert key.encode() not in written
    assert len(events) >= 8

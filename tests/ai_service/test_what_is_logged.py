"""The log of attempts: what was asked and answered on the level trace, and nothing that takes long to write."""

import logging

import pytest

from altlas_runner.alt_file import Task
from altlas_runner.log_records import TRACE
from tests.ai_service.fault_server import answer_json, attempt_for, attempt_once


def test_questions_and_answers_stand_in_the_log_on_the_level_trace(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(TRACE, "altlas_runner")
    attempt_once(answer_json({"n": 5}), attempt=attempt_for(Task(id="t", description="Count.")))
    assert "task \"t\": attempt 1 asks 'Count.'" in caplog.messages
    assert "task \"t\": attempt 1 answered {'n': 5}" in caplog.messages


def test_without_the_level_trace_they_do_not(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "altlas_runner")
    attempt_once(answer_json({"n": 5}), attempt=attempt_for(Task(id="t", description="Count.")))
    assert [message for message in caplog.messages if "altlas" in message or "attempt" in message] == [
        'task "t": attempt 1: completed'
    ]


@pytest.mark.parametrize("length", [50_000, 5_000_000])
def test_what_is_long_is_not_written_as_a_whole(length: int, caplog: pytest.LogCaptureFixture) -> None:
    """A whole answer of 32 MiB would keep everything else in the event loop waiting."""
    caplog.set_level(TRACE, "altlas_runner")
    attempt = attempt_for(Task(id="t", description="x" * length))
    outcome, _ = attempt_once(answer_json({"text": "y" * length}), attempt=attempt, api_key="sk-planted-0123456789")
    assert outcome.ok
    asked, _, answered = [message for message in caplog.messages if message.startswith('task "t"')]
    for message in (asked, answered):
        assert len(message) < 11_000
        assert message.endswith("…" if length < 100_000 else "what is too long for the log")

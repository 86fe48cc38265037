"""Keys never show in a LAST file, whoever wrote them there."""

import pytest

from altlas_runner.alt_file import Task
from altlas_runner.last_file import render_report
from altlas_runner.last_file.graph import dot_text
from altlas_runner.redaction import Redactor
from altlas_runner.results import TaskResult
from altlas_runner.statuses import TaskStatus
from tests.last_file.fabricate import alt_file, completed, failed, gathered
from tests.last_file.report_pages import everything_in

KEY = "k-12345-secret"


def test_values_under_key_like_names_are_redacted_in_metadata_and_parameters() -> None:
    task = {
        "id": "a",
        "description": "d",
        "parameters": {"headers": {"Authorization": f"Bearer {KEY}"}, "max_tokens": 9},
    }
    last_file = gathered(alt_file([task], metadata={"api_key": KEY, "team": "blue"}), [completed("a")])
    assert last_file.metadata["api_key"] == "[redacted]"
    assert last_file.metadata["runner"]["tasks"][0]["parameters"] == {
        "headers": {"Authorization": "[redacted]"},
        "max_tokens": 9,
    }


@pytest.mark.parametrize(
    "result",
    [
        completed("a", {"echo": [f"you sent {KEY}"], KEY: 1}),
        completed("a", f"you sent {KEY}"),
        failed("a", f"401: bad key {KEY}"),
        TaskResult("a", TaskStatus.COMPLETED, metadata={"seen": KEY}),
    ],
)
def test_echoes_of_a_key_in_the_alt_file_are_redacted(result: TaskResult) -> None:
    task = {"id": "a", "description": f"use {KEY}", "parameters": {"authorization": f"Bearer {KEY}"}}
    last_file = gathered(alt_file([task], title=f"with {KEY}", description=KEY, persona=KEY), [result])
    for text in (last_file.to_json().decode(), everything_in(render_report(last_file)), dot_text(last_file)):
        assert KEY not in text
    assert "[redacted]" in last_file.title


def test_echoes_of_a_key_that_came_with_the_resolved_parameters_are_redacted() -> None:
    file = alt_file([{"id": "a", "description": "d", "parameters": {"token": "${{ inputs.key }}"}}])
    resolved = Task(id="a", description="d", parameters={"token": KEY})
    last_file = gathered(file, [completed("a", KEY)], resolved={"a": resolved})
    assert KEY.encode() not in last_file.to_json()


def test_configured_keys_are_redacted() -> None:
    last_file = gathered(alt_file({"a": ()}), [failed("a", f"key {KEY} refused")], redactor=Redactor([KEY]))
    assert KEY.encode() not in last_file.to_json()
    assert last_file.task_results[0].attempts[0].error == "key [redacted] refused"


def test_a_task_named_like_a_key_keeps_its_note() -> None:
    last_file = gathered(alt_file({"get_token": ()}), [completed("get_token")])
    assert last_file.metadata["runner"]["tasks"][0] == {
        "id": "get_token",
        "description": "do get_token",
        "dependencies": [],
    }

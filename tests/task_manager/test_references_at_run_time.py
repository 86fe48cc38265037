"""When a task begins, outputs and inputs stand in the place of its references."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from altlas_runner import AltFile, AltValidationError, LastFile, Runner, RunnerConfig, Task
from altlas_runner.execution import Outcome, TaskAttempt
from altlas_runner.results import TaskResult
from altlas_runner.statuses import TaskStatus
from altlas_runner.task_manager import TaskManager
from altlas_runner.testing import FakeExecutor, alt_file_of, run_in_virtual_time

ROWS = {"rows": [{"name": "tea"}, {"name": "coffee"}], "total": 2}
FETCHED = {"fetch": [Outcome.completed(ROWS)]}


def executed(file: AltFile, executor: FakeExecutor, **options: Any) -> dict[str, TaskResult]:
    results = run_in_virtual_time(lambda: TaskManager(file, executor, **options).run())
    return {result.task_id: result for result in results}


def tasks_seen(executor: FakeExecutor) -> dict[str, Task]:
    return {call.task_id: call.attempt.task for call in executor.calls}


def test_outputs_and_inputs_reach_the_executor_with_their_types() -> None:
    file = alt_file_of(
        {"id": "fetch", "description": "fetch ${{ inputs.topic }}"},
        {"id": "between", "dependencies": ["fetch"]},
        {
            "id": "write",
            "description": "write about ${{ tasks.fetch.output.rows[1].name }}, not $${{ this }}",
            "dependencies": ["between"],
            "tags": ["x"],
            "parameters": {
                "rows": "${{ tasks.fetch.output.rows }}",
                "nested": [{"total": "${{ tasks.fetch.output.total }}"}, "${{ tasks.fetch.output.total }} rows"],
                "limit": "${{ inputs.limit }}",
                "plain": 1,
            },
        },
    )
    executor = FakeExecutor(outcomes=FETCHED)
    results = executed(file, executor, inputs={"topic": "drinks", "limit": 3})
    assert {result.status for result in results.values()} == {TaskStatus.COMPLETED}
    seen = tasks_seen(executor)
    assert seen["fetch"].description == "fetch drinks"
    assert seen["fetch"].parameters is None
    assert seen["between"] is file.tasks[1]
    assert seen["write"].description == "write about coffee, not ${{ this }}"
    assert seen["write"].parameters == {
        "rows": ROWS["rows"],
        "nested": [{"total": 2}, "2 rows"],
        "limit": 3,
        "plain": 1,
    }
    assert seen["write"].tags == ["x"]
    assert file.tasks[2].parameters is not None
    assert file.tasks[2].parameters["limit"] == "${{ inputs.limit }}"


def test_a_path_that_leads_nowhere_fails_that_task_alone_and_asks_nobody() -> None:
    file = alt_file_of(
        {"id": "fetch"},
        {"id": "bad", "dependencies": ["fetch"], "retry_count": 5, "description": "${{ tasks.fetch.output.cols }}"},
        {"id": "after", "dependencies": ["bad"]},
        {"id": "good", "dependencies": ["fetch"], "description": "${{ tasks.fetch.output.rows }}"},
    )
    executor = FakeExecutor(outcomes=FETCHED, max_retries=3)
    results = executed(file, executor)
    assert {task_id: str(result.status) for task_id, result in results.items()} == {
        "fetch": "completed",
        "bad": "failed",
        "after": "skipped",
        "good": "completed",
    }
    bad = results["bad"]
    assert (bad.error_code, bad.retry_count, len(bad.attempts)) == ("REFERENCE_NOT_FOUND", 0, 1)
    assert bad.error == (
        "${{ tasks.fetch.output.cols }} leads nowhere: "
        'tasks.fetch.output is an object with "rows", "total", so there is no .cols in it'
    )
    assert executor.started() == ["fetch", "good"]


def test_every_attempt_gets_the_same_task() -> None:
    file = alt_file_of(
        {"id": "fetch"}, {"id": "b", "dependencies": ["fetch"], "description": "${{ tasks.fetch.output.total }}"}
    )
    outcomes = {**FETCHED, "b": [Outcome.failed("AI_UPSTREAM", "no", retry="yes"), Outcome.completed("done")]}
    executor = FakeExecutor(outcomes=outcomes, max_retries=1)
    assert executed(file, executor)["b"].status is TaskStatus.COMPLETED
    first, second = [call.attempt.task for call in executor.calls if call.task_id == "b"]
    assert first is second
    assert first.description == "2"


def test_a_missing_input_is_found_before_the_first_task_starts() -> None:
    file = alt_file_of({"id": "a"}, {"id": "b", "dependencies": ["a"], "description": "${{ inputs.topic }}"})
    executor = FakeExecutor()
    with pytest.raises(AltValidationError) as caught:
        TaskManager(file, executor)
    assert [d.code for d in caught.value.diagnostics] == ["ALT026"]
    assert executor.calls == []


def test_a_value_that_contains_itself_fails_only_the_task_that_holds_it() -> None:
    circle: list[Any] = ["${{ inputs.a }}"]
    circle.append(circle)
    file = alt_file_of({"id": "a", "parameters": {"x": circle}}, {"id": "b", "dependencies": ["a"]})
    file.tasks[1].dependencies = None
    results = executed(file, FakeExecutor(), inputs={"a": 1})
    assert (results["a"].error_code, results["b"].status) == ("EXECUTOR_ERROR", TaskStatus.COMPLETED)


class Told:
    """An executor that completes every task with what it was told."""

    async def attempt(self, attempt: TaskAttempt) -> Outcome:
        return Outcome.completed({"said": attempt.task.description})


def last_file_of(file: AltFile, inputs: Mapping[str, Any], directory: Path) -> LastFile:
    runner = Runner(RunnerConfig(output_dir=directory, generate_graphs=False), executor=Told())
    last_file = run_in_virtual_time(lambda: runner.execute(file, inputs=inputs))
    return LastFile.from_path(runner.bundle_path(last_file))


def test_the_last_file_shows_the_tasks_as_they_were_asked(tmp_path: Path) -> None:
    file = alt_file_of(
        {"id": "a", "description": "about ${{ inputs.topic }}"},
        {"id": "b", "dependencies": ["a"], "parameters": {"text": "${{ tasks.a.output }}"}},
        {"id": "c", "dependencies": ["b"], "description": "${{ tasks.a.output.gone }}"},
    )
    last_file = last_file_of(file, {"topic": "tea"}, tmp_path)
    first, second, third = last_file.metadata["runner"]["tasks"]
    assert first["description"] == "about tea"
    assert second["parameters"] == {"text": {"said": "about tea"}}
    assert third["description"] == "${{ tasks.a.output.gone }}"
    assert last_file.status == "partial_success"


def test_secrets_among_the_inputs_and_under_key_like_names_show_nowhere_in_the_bundle(tmp_path: Path) -> None:
    file = alt_file_of(
        {"id": "a", "description": "log in with ${{ inputs.api_key }} at ${{ inputs.place }}"},
        {
            "id": "b",
            "dependencies": ["a"],
            "parameters": {"token": "${{ inputs.harmless }}", "x": "${{ inputs.place }}"},
        },
    )
    inputs = {"api_key": "k-123456", "harmless": "t-123456", "place": "here"}
    last_file = last_file_of(file, inputs, tmp_path)
    for path in (tmp_path / last_file.id).iterdir():
        content = path.read_bytes()
        assert b"k-123456" not in content
        assert b"t-123456" not in content
    assert last_file.task_results[0].output == {"said": "log in with [redacted] at here"}
    assert last_file.metadata["runner"]["tasks"][1]["parameters"] == {"token": "[redacted]", "x": "here"}


def test_a_missing_input_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(AltValidationError, match="ALT026"):
        last_file_of(alt_file_of({"id": "a", "description": "${{ inputs.x }}"}), {}, tmp_path)
    assert list(tmp_path.iterdir()) == []

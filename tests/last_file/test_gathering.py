"""What a LAST file says about a run."""

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from altlas_runner import __version__
from altlas_runner.last_file import RunStatus
from altlas_runner.results import Artifact, TaskResult, Usage
from altlas_runner.statuses import TaskStatus
from tests.last_file.fabricate import DIAMOND, START, alt_file, at, broken_diamond, completed, ended, failed, gathered


def test_a_run_whose_tasks_all_completed_is_a_success() -> None:
    last_file = gathered(alt_file({"a": (), "b": ("a",)}), [completed("a"), completed("b")])
    assert (last_file.status, last_file.success_rate) == (RunStatus.SUCCESS, 1.0)


def test_a_run_with_some_completed_tasks_is_a_partial_success() -> None:
    last_file = gathered(*broken_diamond())
    assert (last_file.status, last_file.success_rate) == (RunStatus.PARTIAL_SUCCESS, 0.4)


@pytest.mark.parametrize("status", [s for s in TaskStatus if s is not TaskStatus.COMPLETED])
def test_a_run_with_any_task_that_did_not_complete_is_never_a_success(status: TaskStatus) -> None:
    last_file = gathered(alt_file({"a": (), "b": ()}), [completed("a"), ended("b", status)])
    assert last_file.status is RunStatus.PARTIAL_SUCCESS


def test_a_run_without_any_completed_task_is_a_failure() -> None:
    last_file = gathered(alt_file({"a": ()}), [failed("a")])
    assert (last_file.status, last_file.success_rate) == (RunStatus.FAILURE, 0.0)


def test_a_file_without_tasks_is_a_success_with_a_rate_of_zero() -> None:
    last_file = gathered(alt_file(), [])
    assert (last_file.status, last_file.success_rate) == (RunStatus.SUCCESS, 0.0)


def test_a_task_without_a_result_keeps_the_run_from_being_a_success() -> None:
    file = alt_file({"a": (), "b": ()})
    assert gathered(file, [completed("a")]).status is RunStatus.PARTIAL_SUCCESS
    assert gathered(file, []).status is RunStatus.FAILURE


def test_tasks_that_were_not_selected_do_not_count() -> None:
    last_file = gathered(alt_file(DIAMOND), [completed("fetch")], selection=["fetch"])
    assert last_file.status is RunStatus.SUCCESS
    assert last_file.metadata["runner"]["selection"] == ["fetch"]
    assert [note["id"] for note in last_file.metadata["runner"]["tasks"]] == ["fetch"]


def test_results_stand_in_alt_file_order() -> None:
    last_file = gathered(alt_file(DIAMOND), [completed(task) for task in reversed(DIAMOND)])
    assert [result.task_id for result in last_file.task_results] == list(DIAMOND)


def test_results_of_unknown_tasks_come_last_and_the_later_of_two_counts() -> None:
    results = [completed("extra"), failed("a"), completed("a", "second")]
    last_file = gathered(alt_file({"a": ()}), results)
    assert [(r.task_id, r.output) for r in last_file.task_results] == [("a", "second"), ("extra", "done")]


def test_the_fields_of_the_alt_file_are_carried_over() -> None:
    file = alt_file({"a": ()}, id="f1", title="Plan", description="why", mode="DREAM", persona="poet")
    last_file = gathered(file, [completed("a")])
    assert (last_file.id, last_file.alt_file_id, last_file.title) == ("last_1", "f1", "Result of Plan")
    assert (last_file.description, last_file.mode, last_file.persona) == ("why", "dream", "poet")
    assert (last_file.version, last_file.execution_graph_path) == ("1.0", None)


def test_times_are_utc_and_the_total_is_their_difference() -> None:
    eastern = timezone(timedelta(hours=2))
    last_file = gathered(
        alt_file({"a": ()}),
        [TaskResult("a", TaskStatus.COMPLETED, started_at=datetime(2026, 3, 2, 11, 30, tzinfo=eastern))],
        started_at=datetime(2026, 3, 2, 11, 30, tzinfo=eastern),
        completed_at=datetime(2026, 3, 2, 9, 30, 1, 500_000),  # without a zone: UTC
    )
    assert last_file.execution_started == START
    assert last_file.execution_started.utcoffset() == timedelta(0)
    assert last_file.task_results[0].started_at == START
    assert last_file.total_execution_time_ms == 1500


def test_a_clock_that_went_backwards_gives_no_negative_duration() -> None:
    last_file = gathered(alt_file(), [], completed_at=at(-10))
    assert (last_file.total_execution_time_ms, last_file.execution_completed) == (0, START)


def test_metadata_holds_the_alt_files_and_what_the_report_needs() -> None:
    tasks: list[dict[str, Any]] = [
        {"id": "a", "description": "first", "tags": ["x"], "parameters": {"model": "m", "of": "${{ inputs.n }}"}},
        {"id": "b", "description": "second", "dependencies": ["a"]},
    ]
    file = alt_file(tasks, metadata={"team": "blue", "runner": "mine"})
    resolved = file.tasks[0].model_copy(update={"description": "the first", "parameters": {"model": "m", "of": 3}})
    last_file = gathered(file, [completed("a"), completed("b")], resolved={"a": resolved})
    runner = last_file.metadata["runner"]
    assert last_file.metadata["team"] == "blue"
    assert runner["alt_file_runner"] == "mine"
    assert runner["versions"]["altlas_runner"] == __version__
    assert runner["versions"]["last_format"] == "1.0"
    assert runner["selection"] is None
    assert runner["tasks"] == [
        {
            "id": "a",
            "description": "the first",
            "dependencies": [],
            "tags": ["x"],
            "parameters": {"model": "m", "of": 3},
        },
        {"id": "b", "description": "second", "dependencies": ["a"]},
    ]


def test_gathering_changes_neither_results_nor_alt_file() -> None:
    file, result = alt_file({"a": ()}, metadata={"list": [1]}), completed("a", {"list": [1]})
    last_file = gathered(file, [result])
    last_file.task_results[0].output["list"].append(2)
    last_file.metadata["list"].append(2)
    assert result.output == {"list": [1]}
    assert file.metadata == {"list": [1]}


def test_results_can_be_looked_up() -> None:
    artifact = Artifact("art1", "text", "text/plain", 3, "0" * 64, "artifacts/a/x.txt")
    results = [
        completed("a", artifacts=[artifact]),
        failed("b"),
        ended("c", TaskStatus.TIMEOUT),
        ended("d", TaskStatus.SKIPPED),
        ended("e", TaskStatus.CANCELLED),
    ]
    last_file = gathered(alt_file(dict.fromkeys("abcde", ())), results)
    found = last_file.get_task_result("b")
    assert found is not None
    assert found.error_code == "AI_UPSTREAM"
    assert last_file.get_task_result("nobody") is None
    assert [r.task_id for r in last_file.get_successful_tasks()] == ["a"]
    assert [r.task_id for r in last_file.get_failed_tasks()] == ["b", "c"]
    assert last_file.get_all_artifacts() == [artifact]


def test_the_summary_counts_and_names_failures() -> None:
    assert gathered(*broken_diamond()).summary == (
        "Result of A flow: 2 of 5 tasks completed (40 %), 1 failed, 2 skipped, in 5.0 s.\n"
        "- left: failed [AI_UPSTREAM]: the service answered 503"
    )
    assert gathered(alt_file(), []).summary == "Result of A flow: no tasks were run (5.0 s)."


def test_the_summary_of_many_failures_stays_short() -> None:
    ids = [f"t{i}" for i in range(1000)]
    results = [failed(task, "x" * 10_000) for task in ids]
    summary = gathered(alt_file(dict.fromkeys(ids, ())), results).summary
    assert summary.endswith("- and 995 more")
    assert len(summary) < 2000


@pytest.mark.slow
def test_a_rate_just_below_one_is_not_rounded_to_a_hundred_per_cent() -> None:
    ids = [f"t{i}" for i in range(10_000)]
    results = [*map(completed, ids[1:]), failed(ids[0])]
    assert "(99.9 %)" in gathered(alt_file(dict.fromkeys(ids, ())), results).summary


def test_a_cost_that_json_cannot_hold_is_unknown_of_attempts_as_of_tasks() -> None:
    result = failed("a")
    result.usage = result.attempts[0].usage = Usage(1, 2, float("inf"))
    (found,) = gathered(alt_file({"a": ()}), [result]).task_results
    assert found.usage == found.attempts[0].usage == Usage(1, 2, None)

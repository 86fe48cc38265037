"""What a resume keeps, what it runs, and why: decided without running anything."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from altlas_runner.alt_file import AltFile
from altlas_runner.errors import ConfigurationError
from altlas_runner.results import Attempt, TaskResult
from altlas_runner.statuses import TaskStatus
from altlas_runner.task_manager.journal import RunRecord
from altlas_runner.task_manager.journal.replay import IN_DOUBT
from altlas_runner.task_manager.journal.resuming import ResumeChoice, ResumePlan, plan_resume, secrets_needed
from altlas_runner.testing import alt_file_of

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CHAIN = ({"id": "a"}, {"id": "b", "dependencies": ["a"]}, {"id": "c", "dependencies": ["b"]}, {"id": "z"})


def result(task_id: str, status: str = "completed", code: str | None = None, output: Any = None) -> TaskResult:
    end = TaskStatus(status)
    attempts = [] if end is TaskStatus.SKIPPED else [Attempt(1, NOON, NOON, end, code)]
    return TaskResult(task_id, end, output, error_code=code, attempts=attempts)


def record(*results: TaskResult, in_doubt: str = "", failed: str = "") -> RunRecord:
    found = RunRecord([{}], {each.task_id: each for each in results})
    for task_id in in_doubt.split():
        found.in_doubt[task_id] = Attempt(1, NOON, NOON, TaskStatus.CANCELLED, IN_DOUBT)
        found.attempts[task_id] = [found.in_doubt[task_id]]
    for task_id in failed.split():
        found.attempts[task_id] = [Attempt(1, NOON, NOON, TaskStatus.FAILED, "FLAKY")]
    return found


def plan(
    found: RunRecord,
    choice: ResumeChoice | None = None,
    *,
    before: AltFile | None = None,
    now: AltFile | None = None,
    inputs: tuple[dict[str, Any], dict[str, Any]] = ({}, {}),
) -> ResumePlan:
    file = before or alt_file_of(*CHAIN)
    return plan_resume(found, (file, inputs[0]), (now or file, inputs[1]), choice or ResumeChoice())


DONE = [result(each) for each in "abcz"]


def test_completed_tasks_keep_their_results_and_the_others_run() -> None:
    made = plan(record(result("a"), result("z"), in_doubt="b"))
    assert list(made.kept) == ["a", "z"]
    assert made.why == {"b": "attempt 1 was under way when the run was interrupted", "c": "it has not begun"}
    assert (made.reopened, made.anew, made.changed, made.given_up) == ([], [], [], [])


def test_a_task_between_two_attempts_goes_on() -> None:
    assert plan(record(failed="a")).why["a"] == "attempt 1 failed (FLAKY), and another was to follow"


def test_what_failed_stays_failed_unless_asked_for() -> None:
    found = record(result("a", "failed", "X"), result("b", "skipped", "D"), result("c", "skipped", "D"), result("z"))
    assert plan(found).why == {}
    again = plan(found, ResumeChoice(failed=True))
    assert again.why == {
        "a": "it ended as failed (X)",
        "b": "what it was skipped for runs again",
        "c": "what it was skipped for runs again",
    }
    assert (again.reopened, again.anew) == (["a", "b", "c"], [])


def test_what_was_cancelled_runs_in_any_case() -> None:
    found = record(result("a"), result("b", "cancelled", "CANCELLED"), result("c", "cancelled", "CANCELLED"))
    assert plan(found).why["b"] == "it ended as cancelled (CANCELLED)"


def test_a_task_that_is_asked_for_runs_alone_or_with_what_depends_on_it() -> None:
    only = plan(record(*DONE), ResumeChoice(only=["b"]))
    assert only.why == {"b": "it was asked for"}
    further = plan(record(*DONE), ResumeChoice(from_tasks=["b"]))
    assert further.why == {"b": "it was asked for", "c": "it depends on a task that was asked for"}
    assert further.anew == ["b", "c"], "they are asked for another answer"


def test_a_task_that_is_not_there_cannot_be_asked_for() -> None:
    with pytest.raises(ConfigurationError, match='no task "y"'):
        plan(record(*DONE), ResumeChoice(only=["y"]))


def test_tasks_in_doubt_may_fail_instead() -> None:
    made = plan(record(in_doubt="a b"), ResumeChoice(in_doubt="fail"))
    assert made.given_up == ["a", "b"]
    assert plan(record(in_doubt="a")).given_up == []


# -- a file that has changed -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"description": "do it well"}, "description"),
        ({"parameters": {"k": 2}}, "parameters.k"),
        ({"dependencies": ["z"]}, "dependencies"),
        ({"flavour": "new"}, "flavour"),
    ],
)
def test_a_changed_task_and_what_depends_on_it_run_again(change: dict[str, Any], named: str) -> None:
    tasks = [{**task, "parameters": {"k": 1}} for task in CHAIN]
    changed = [{**task, **change} if task["id"] == "a" else task for task in tasks]
    made = plan(record(*DONE), before=alt_file_of(*tasks), now=alt_file_of(*changed))
    assert made.why == {
        "a": f"its definition changed: {named}",
        "b": f'it depends on "a", of which its definition changed: {named}',
        "c": f'it depends on "a", of which its definition changed: {named}',
    }
    assert made.changed == made.anew == made.reopened == ["a", "b", "c"]


@pytest.mark.parametrize(
    "change", [{"timeout_seconds": 5}, {"retry_count": 7}, {"priority": "high"}, {"tags": ["x"]}, {"status": "failed"}]
)
def test_how_a_task_is_asked_is_no_reason_to_ask_again(change: dict[str, Any]) -> None:
    assert plan(record(*DONE), now=alt_file_of({**CHAIN[0], **change}, *CHAIN[1:])).why == {}


def test_mode_and_persona_belong_to_every_task() -> None:
    made = plan(record(*DONE), now=alt_file_of(*CHAIN, persona="a poet"))
    assert list(made.why) == ["a", "b", "c", "z"]


def test_a_key_that_was_exchanged_changes_nothing() -> None:
    before, now = ([{"id": "a", "parameters": {"api_key": key}}] for key in ("[redacted]", "k-new"))
    assert plan(record(result("a")), before=alt_file_of(*before), now=alt_file_of(*now)).why == {}


def test_new_tasks_run_and_those_that_are_gone_lose_their_results() -> None:
    made = plan(record(*DONE), now=alt_file_of(*CHAIN[:3], {"id": "y", "dependencies": ["c"]}))
    assert made.why == {"y": "it is new in the file"}
    assert made.reopened == ["z"]


def test_a_task_that_comes_back_after_a_while_is_new() -> None:
    made = plan(record(*DONE), before=alt_file_of(*CHAIN[:3]), now=alt_file_of(*CHAIN))
    assert made.why == {"z": "it is new in the file"}
    assert made.reopened == ["z"]


def test_the_order_of_tasks_and_dependencies_is_no_change() -> None:
    before = alt_file_of({"id": "a"}, {"id": "b"}, {"id": "c", "dependencies": ["a", "b"]})
    now = alt_file_of({"id": "c", "dependencies": ["b", "a"]}, {"id": "b"}, {"id": "a"})
    assert plan(record(*DONE[:3]), before=before, now=now).why == {}


def test_an_input_that_changed_concerns_the_tasks_that_use_it() -> None:
    file = alt_file_of({"id": "a", "description": "of ${{ inputs.topic }}"}, {"id": "z"})
    made = plan(record(result("a"), result("z")), before=file, inputs=({"topic": "tea"}, {"topic": "coffee"}))
    assert made.why == {"a": "its definition changed: inputs.topic"}


def test_a_failed_task_that_was_mended_runs_without_being_asked_for() -> None:
    found = record(result("a", "failed", "X"), result("b", "skipped", "D"), result("c", "skipped", "D"), result("z"))
    made = plan(found, now=alt_file_of({"id": "a", "description": "better"}, *CHAIN[1:]))
    assert list(made.why) == ["a", "b", "c"]


# -- secrets ---------------------------------------------------------------------------------------------------------


def test_tasks_that_run_and_held_a_secret_need_the_file_again() -> None:
    file = alt_file_of(
        {"id": "a", "parameters": {"deep": [{"token": "[redacted]"}]}},
        {"id": "b", "description": "of ${{ inputs.auth }}"},
        {"id": "z", "parameters": {"token": "[redacted]"}},
    )
    inputs = {"auth": {"token": "[redacted]"}}
    assert secrets_needed(plan(record(result("z")), before=file), file, inputs) == (["a"], ["auth"])
    everything = plan(record(result("a"), result("b"), result("z")), before=file)
    assert secrets_needed(everything, file, inputs) == ([], [])


def test_an_output_that_held_a_secret_is_made_again_for_who_refers_to_it() -> None:
    file = alt_file_of(
        {"id": "login"},
        {"id": "use", "dependencies": ["login"], "parameters": {"token": "${{ tasks.login.output.token }}"}},
        {"id": "other", "dependencies": ["login"]},
    )
    found = record(result("login", output={"token": "[redacted]"}), result("other"))
    made = plan(found, before=file)
    assert list(made.why) == ["login", "use"]
    assert "held a secret" in made.why["login"]
    assert list(made.kept) == ["other"]

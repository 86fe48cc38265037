"""A concurrency group limits how many of its tasks run at the same time, and holds nobody else up."""

import logging
from typing import Any

import pytest

from altlas_runner.errors import ConfigurationError
from altlas_runner.execution import Outcome
from altlas_runner.results import TaskResult
from altlas_runner.statuses import TaskStatus
from altlas_runner.task_manager import TaskManager
from altlas_runner.testing import FakeExecutor, alt_file_of, run_in_virtual_time

FAILS_ONCE = [Outcome.failed("FAKE_FAILURE", "no", retry="yes"), Outcome.completed()]
GPU = {"concurrency_group": "gpu"}


def run(executor: FakeExecutor, *tasks: dict[str, Any], limits: dict[str, int], slots: int = 8) -> list[TaskResult]:
    async def main() -> list[TaskResult]:
        return await TaskManager(alt_file_of(*tasks), executor, slots, concurrency_groups=limits).run()

    return run_in_virtual_time(main)


def test_only_so_many_tasks_of_a_group_run_at_one_time() -> None:
    executor = FakeExecutor(dict.fromkeys("abcd", 1.0))
    results = run(executor, *({"id": each, "parameters": GPU} for each in "abcd"), limits={"gpu": 2})
    assert [result.completed_at == results[0].completed_at for result in results] == [True, True, False, False]
    assert executor.peak == 2


def test_a_full_group_holds_up_nobody_else() -> None:
    executor = FakeExecutor({"a": 5.0, "b": 5.0, "c": 1.0})
    tasks: list[dict[str, Any]] = [{"id": "a", "parameters": GPU}, {"id": "b", "parameters": GPU}, {"id": "c"}]
    run(executor, *tasks, limits={"gpu": 1}, slots=2)
    assert executor.started() == ["a", "c", "b"]


def test_the_best_parked_task_goes_first_when_its_group_has_room() -> None:
    executor = FakeExecutor(dict.fromkeys("abc", 1.0))
    tasks: list[dict[str, Any]] = [{"id": each, "parameters": GPU} for each in "abc"]
    tasks[2]["priority"] = "high"
    tasks[1]["priority"] = "low"
    run(executor, *tasks, limits={"gpu": 1})
    assert executor.started() == ["c", "a", "b"]


def test_a_task_that_waits_for_its_next_attempt_leaves_its_group() -> None:
    executor = FakeExecutor({"a": 1.0, "b": 1.0}, {"a": FAILS_ONCE})
    tasks: list[dict[str, Any]] = [{"id": each, "parameters": GPU, "retry_count": 1} for each in "ab"]
    results = run(executor, *tasks, limits={"gpu": 1})
    assert [result.status for result in results] == [TaskStatus.COMPLETED] * 2
    assert executor.started() == ["a", "b", "a"]


def test_a_group_without_a_limit_is_told_of_and_not_limited(caplog: pytest.LogCaptureFixture) -> None:
    executor = FakeExecutor(dict.fromkeys("ab", 1.0))
    with caplog.at_level(logging.WARNING):
        a, b = run(executor, *({"id": each, "parameters": GPU} for each in "ab"), limits={})
    assert a.started_at == b.started_at
    assert '"gpu" has no limit' in caplog.text


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(ConfigurationError, match='"gpu" must be 1 or more, not 0'):
        TaskManager(alt_file_of({"id": "a"}), FakeExecutor(), concurrency_groups={"gpu": 0})


def test_a_group_that_is_no_name_is_refused() -> None:
    alt = alt_file_of({"id": "a", "parameters": {"concurrency_group": 3}})
    with pytest.raises(ConfigurationError, match=r'"a": parameters\.concurrency_group must be a string'):
        TaskManager(alt, FakeExecutor())

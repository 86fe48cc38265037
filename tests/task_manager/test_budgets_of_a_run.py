"""What a run may spend: looked at before each attempt, and a reason of its own when it ends the run."""

import pytest

from altlas_runner.errors import ConfigurationError
from altlas_runner.execution import Outcome
from altlas_runner.results import TaskResult, Usage
from altlas_runner.statuses import TaskStatus
from altlas_runner.task_manager import Event, RunFinished, TaskManager
from altlas_runner.task_manager.spending import Spending
from altlas_runner.testing import FakeExecutor, alt_file_of, run_in_virtual_time

COMPLETED, CANCELLED = TaskStatus.COMPLETED, TaskStatus.CANCELLED


def run(
    usage: Usage | None,
    *,
    count: int = 6,
    concurrency: int = 1,
    max_cost: float | None = None,
    max_tokens_total: int | None = None,
    chain: bool = False,
) -> tuple[list[TaskResult], FakeExecutor, list[Event]]:
    outcomes = {f"t{number}": [Outcome.completed(number, usage=usage)] for number in range(count)}
    executor, events = FakeExecutor(outcomes=outcomes), list[Event]()
    tasks = [{"id": f"t{n}", "dependencies": [f"t{n - 1}"] if chain and n else []} for n in range(count)]

    async def main() -> list[TaskResult]:
        manager = TaskManager(
            alt_file_of(*tasks),
            executor,
            concurrency,
            max_cost=max_cost,
            max_tokens_total=max_tokens_total,
            on_event=events.append,
        )
        return await manager.run()

    return run_in_virtual_time(main), executor, events


@pytest.mark.parametrize("chain", [False, True])
def test_no_attempt_starts_when_the_cost_is_used_up(chain: bool) -> None:
    results, executor, events = run(Usage(10, 5, 0.4), max_cost=1.0, chain=chain)
    assert executor.started() == ["t0", "t1", "t2"]  # 1.2 after the third: looked at before each call
    assert [result.status for result in results] == [COMPLETED] * 3 + [CANCELLED] * 3
    assert {result.error_code for result in results[3:]} == {"BUDGET_EXCEEDED"}
    assert results[3].error == "the run's budget of 1 is used up: 1.2 spent"
    assert isinstance(events[-1], RunFinished)
    assert events[-1].reason == "BUDGET_EXCEEDED"


def test_tokens_sent_and_received_count_together() -> None:
    results, executor, _ = run(Usage(10, 5), max_tokens_total=30)
    assert executor.started() == ["t0", "t1"]
    assert results[2].error == "the run's budget of 30 tokens is used up: 30 consumed"


def test_what_runs_is_stopped_as_by_the_runs_deadline() -> None:
    executor = FakeExecutor({"quick": 1.0, "slow": 50.0}, {"quick": [Outcome.completed(1, usage=Usage(1, 1, 9.0))]})

    async def main() -> list[TaskResult]:
        file = alt_file_of({"id": "quick"}, {"id": "slow"}, {"id": "next"})
        return await TaskManager(file, executor, 2, max_cost=5).run()

    quick, slow, following = run_in_virtual_time(main)
    assert quick.status is COMPLETED
    assert (slow.status, slow.error_code, slow.execution_time_ms) == (CANCELLED, "BUDGET_EXCEEDED", 1000)
    assert (following.error_code, following.attempts) == ("BUDGET_EXCEEDED", [])


def test_a_budget_that_is_used_up_by_the_last_task_stops_nothing() -> None:
    results, _, events = run(Usage(10, 5, 0.5), count=2, max_cost=1.0)
    assert [result.status for result in results] == [COMPLETED] * 2
    assert isinstance(events[-1], RunFinished)
    assert events[-1].reason is None


def test_failed_attempts_cost_as_well() -> None:
    failed = Outcome.failed("AI_BAD_RESPONSE", "no", retry="yes", usage=Usage(10, 0, 0.6))
    executor = FakeExecutor(outcomes={"a": [failed]}, max_retries=5)

    async def main() -> list[TaskResult]:
        return await TaskManager(alt_file_of({"id": "a"}), executor, 1, max_cost=1.0, seed=1).run()

    (result,) = run_in_virtual_time(main)
    assert (result.status, result.error_code, len(result.attempts)) == (CANCELLED, "BUDGET_EXCEEDED", 2)
    assert result.usage == Usage(20, 0, 1.2)


def test_a_cost_that_nobody_knows_uses_a_budget_up() -> None:
    results, executor, _ = run(Usage(10, 5, None), max_cost=1.0)
    assert executor.started() == ["t0"]
    assert results[1].error == "15 tokens have no known price, so the run's budget of 1 cannot be kept"


def test_attempts_that_do_not_say_what_they_took_count_as_nothing() -> None:
    results, _, _ = run(None, max_cost=1.0, max_tokens_total=1)
    assert all(result.status is COMPLETED for result in results)


@pytest.mark.parametrize("limits", [{"max_cost": 0.0}, {"max_cost": float("nan")}, {"max_tokens_total": 0}])
def test_a_budget_of_nothing_is_refused(limits: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match="must be more than 0"):
        TaskManager(alt_file_of({"id": "a"}), FakeExecutor(), **limits)  # type: ignore[arg-type]


def test_spending_without_limits_is_never_used_up() -> None:
    spending = Spending(None, None)
    spending.add(Usage(10**12, 10**12, None))
    assert spending.used_up() is None

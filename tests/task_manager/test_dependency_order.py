"""Tasks start the moment they may start, never earlier, and never more of them than allowed."""

from altlas_runner.results import TaskResult
from altlas_runner.statuses import TaskStatus
from altlas_runner.task_manager import TaskManager
from altlas_runner.testing import FakeExecutor, alt_file_of, run_in_virtual_time


def starts(executor: FakeExecutor) -> dict[str, float]:
    return {call.task_id: round(call.started_at, 6) for call in executor.calls}


def test_a_task_starts_the_moment_its_last_dependency_completes() -> None:
    """No waves: `after` need not wait for `slow`, which is on its level."""
    executor = FakeExecutor({"fast": 0.1, "slow": 1.0, "after": 1.0})
    alt = alt_file_of({"id": "fast"}, {"id": "slow"}, {"id": "after", "dependencies": ["fast"]})
    run_in_virtual_time(lambda: TaskManager(alt, executor, 8).run())
    assert starts(executor) == {"fast": 0.0, "slow": 0.0, "after": 0.1}


def test_a_join_waits_for_all_of_its_dependencies() -> None:
    executor = FakeExecutor({"a": 1.0, "b": 3.0, "c": 2.0})
    alt = alt_file_of({"id": "join", "dependencies": ["a", "b", "c"]}, {"id": "a"}, {"id": "b"}, {"id": "c"})
    run_in_virtual_time(lambda: TaskManager(alt, executor, 8).run())
    assert starts(executor)["join"] == 3.0


def test_no_more_attempts_run_at_one_time_than_allowed() -> None:
    executor = FakeExecutor()
    alt = alt_file_of(*({"id": f"t{i}"} for i in range(10)))
    run_in_virtual_time(lambda: TaskManager(alt, executor, 3).run())
    assert executor.peak == 3
    assert [starts(executor)[f"t{i}"] for i in (0, 2, 3, 5, 6, 9)] == [0, 0, 1, 1, 2, 3]


def test_among_ready_tasks_the_higher_priority_starts_first_then_the_file_order() -> None:
    executor = FakeExecutor()
    alt = alt_file_of(
        {"id": "low", "priority": "low"},
        {"id": "plain1"},
        {"id": "high", "priority": "high"},
        {"id": "plain2"},
        {"id": "critical", "priority": "critical"},
    )
    run_in_virtual_time(lambda: TaskManager(alt, executor, 1).run())
    assert executor.started() == ["critical", "high", "plain1", "plain2", "low"]


def test_a_task_without_priority_takes_that_of_the_file() -> None:
    executor = FakeExecutor()
    alt = alt_file_of(
        {"id": "high", "priority": "high"}, {"id": "plain"}, {"id": "low", "priority": "low"}, priority="critical"
    )
    run_in_virtual_time(lambda: TaskManager(alt, executor, 1).run())
    assert executor.started() == ["plain", "high", "low"]


def test_results_come_in_file_order_whatever_the_order_of_the_run() -> None:
    executor = FakeExecutor({"c": 0.5})
    alt = alt_file_of({"id": "a", "dependencies": ["b"]}, {"id": "b", "dependencies": ["c"]}, {"id": "c"})
    results = run_in_virtual_time(lambda: TaskManager(alt, executor).run())
    assert [result.task_id for result in results] == ["a", "b", "c"]
    assert executor.started() == ["c", "b", "a"]


def test_outputs_of_the_direct_dependencies_are_the_context_of_an_attempt() -> None:
    executor = FakeExecutor()
    alt = alt_file_of({"id": "a"}, {"id": "b", "dependencies": ["a"]}, {"id": "c", "dependencies": ["b"]})
    run_in_virtual_time(lambda: TaskManager(alt, executor).run())
    assert [dict(call.attempt.context) for call in executor.calls] == [
        {},
        {"a": {"task": "a"}},
        {"b": {"task": "b"}},
    ]


def test_a_file_without_tasks_ends_at_once() -> None:
    manager = TaskManager(alt_file_of(), FakeExecutor())
    assert run_in_virtual_time(manager.run) == []


def test_a_chain_of_ten_thousand_tasks_needs_no_recursion() -> None:
    alt = alt_file_of({"id": "0"}, *({"id": str(i), "dependencies": [str(i - 1)]} for i in range(1, 10_000)))
    results: list[TaskResult] = run_in_virtual_time(
        lambda: TaskManager(alt, FakeExecutor(default_duration=0.0), 4).run()
    )
    assert {result.status for result in results} == {TaskStatus.COMPLETED}


def test_the_same_seed_gives_the_same_trace() -> None:
    from altlas_runner.execution import Outcome

    alt = alt_file_of(*({"id": f"t{i}", "retry_count": 3} for i in range(20)))
    outcomes = {f"t{i}": [Outcome.failed("X", "x", retry="yes"), Outcome.completed(i)] for i in range(20)}

    def trace(seed: int) -> list[tuple[str, float]]:
        executor = FakeExecutor(outcomes=outcomes)
        run_in_virtual_time(lambda: TaskManager(alt, executor, 4, seed=seed).run())
        return [(call.task_id, call.started_at) for call in executor.calls]

    assert trace(7) == trace(7)
    assert trace(7) != trace(8)

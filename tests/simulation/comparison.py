"""Whether the results of a run are those of the oracle."""

from __future__ import annotations

from datetime import datetime

from altlas_runner.results import TaskResult
from tests.simulation.oracle import Expected
from tests.simulation.scenario import Scenario

__all__ = ["differences"]

_ROUNDING_SECONDS = 5e-6  # times of day have microseconds


def differences(scenario: Scenario, results: list[TaskResult], expected: list[Expected]) -> list[str]:
    """Where the results are not those of the oracle.

    When attempts take truly no time, what comes first at one instant is up to the event loop. Then times are not
    compared, and nothing is where statuses depend on them.
    """
    if scenario.clock == "instant" and not _is_timeless(scenario):
        return []
    problems = []
    for result, wanted in zip(results, expected, strict=True):
        seen = (
            *(str(result.status), result.error_code, result.output, _tokens(result)),
            [(str(each.status), each.error_code) for each in result.attempts],
        )
        should = (
            *(wanted.status, wanted.code, wanted.output, wanted.tokens),
            [(each.status, each.code) for each in wanted.attempts],
        )
        if seen != should:
            problems.append(f"{result.task_id} came to {seen}, the oracle to {should}")
    if scenario.clock != "instant" and not problems:
        problems += _differences_in_time(results, expected)
    return problems


def _is_timeless(scenario: Scenario) -> bool:
    """Whether it does not matter to the statuses who comes first."""
    interferes = scenario.actions or scenario.fail_fast or scenario.run_deadline is not None
    return not interferes and all(task.timeout is None for task in scenario.tasks)


def _differences_in_time(results: list[TaskResult], expected: list[Expected]) -> list[str]:
    """Where instants differ, counted from the first that is known of each."""
    seen = [[result.started_at, result.completed_at, *_instants(result)] for result in results]
    should = [[each.first_start, each.end, *(t for a in each.attempts for t in (a.start, a.end))] for each in expected]
    zero = min((moment for row in seen for moment in row if moment is not None), default=datetime.min)
    first = min((instant for row in should for instant in row if instant is not None), default=0.0)
    problems = []
    for result, moments, instants in zip(results, seen, should, strict=True):
        passed = [None if moment is None else (moment - zero).total_seconds() + first for moment in moments]
        for one, other in zip(passed, instants, strict=True):
            if (one is None) != (other is None) or abs((one or 0.0) - (other or 0.0)) > _ROUNDING_SECONDS:
                problems.append(f"{result.task_id} has the instants {passed}, in the oracle {instants}")
                break
    return problems


def _tokens(result: TaskResult) -> int:
    return result.usage.input_tokens + result.usage.output_tokens if result.usage else 0


def _instants(result: TaskResult) -> list[datetime]:
    return [moment for attempt in result.attempts for moment in (attempt.started_at, attempt.ended_at)]

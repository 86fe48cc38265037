"""What must hold of every simulated run, whatever happened in it; and that it came to what the oracle says."""

from __future__ import annotations

from altlas_runner.results import TaskResult
from tests.simulation.comparison import differences
from tests.simulation.log_checks import problems_of_log
from tests.simulation.oracle import expect
from tests.simulation.scenario import Scenario
from tests.simulation.world import SimulatedRun

__all__ = ["problems_of"]


def problems_of(run: SimulatedRun) -> list[str]:
    """Everything that is wrong with a run; empty when all is well."""
    problems = [*run.troubles]
    if run.results is not None:
        problems += _problems_of_results(run.scenario, run.results)
    problems += problems_of_log(run)
    if run.results is not None and not problems:
        problems += differences(run.scenario, run.results, expect(run.scenario))
    return problems


def _problems_of_results(scenario: Scenario, results: list[TaskResult]) -> list[str]:
    """Exactly one terminal result for each task; skipped are those behind what did not complete."""
    if [result.task_id for result in results] != scenario.ids:
        return [f"results of {[result.task_id for result in results]} instead of one for each task in file order"]
    problems = []
    by_id = {result.task_id: result for result in results}
    for result, task in zip(results, scenario.tasks, strict=True):
        name = result.task_id
        before = [results[each] for each in task.dependencies]
        unmet = [each.task_id for each in before if each.status != "completed"]
        if result.status not in ("completed", "failed", "timeout", "cancelled", "skipped"):
            problems.append(f"{name} ended as {result.status}")
        if unmet and result.status not in ("skipped", "cancelled"):
            problems.append(f"{name} is {result.status} although {unmet} did not complete")
        if result.status == "skipped":
            cause = by_id.get((result.metadata or {}).get("skipped_because_of", ""))
            if not unmet or result.attempts:
                problems.append(f"{name} was skipped although nothing before it failed, or after an attempt")
            if cause is None or cause.status in ("completed", "skipped"):
                problems.append(f"{name} was skipped because of {cause and cause.task_id}, which is no cause")
        if (result.status == "completed") != (result.error_code is None):
            problems.append(f"{name} is {result.status} with the code {result.error_code}")
        retries = scenario.default_retries if task.retries is None else task.retries
        if len(result.attempts) > retries + 1 or result.retry_count != max(0, len(result.attempts) - 1):
            problems.append(f"{name}: {len(result.attempts)} attempts with {retries} retries")
    return problems

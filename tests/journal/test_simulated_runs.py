"""Thousands of random runs with a journal, in virtual time: they come to the same, and nothing goes out too early."""

from __future__ import annotations

import logging
import os
from dataclasses import asdict
from functools import partial
from random import Random
from typing import Any

import pytest

from altlas_runner.alt_file import AltFile
from altlas_runner.execution import Outcome
from altlas_runner.results import TaskResult
from altlas_runner.task_manager import Event, TaskFinished, TaskManager, TaskStarted
from altlas_runner.task_manager.journal import Fact, RunBegun, TasksReopened, line_of
from altlas_runner.task_manager.journal.resuming import ResumeChoice, plan_resume
from altlas_runner.testing import FakeExecutor, alt_file_of, run_in_virtual_time
from tests.journal.memory import MemoryJournal, record_of
from tests.simulation.checker import problems_of
from tests.simulation.scenario import scenario_of
from tests.simulation.world import simulate

RUNS = {"fast": 90, "daily": 240, "nightly": 20_000}[os.environ.get("ALTLAS_EXAMPLES", "daily")]


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)  # that attempts are abandoned is part of the script


def test_random_runs_with_a_journal_come_to_what_the_oracle_says() -> None:
    complaints = {}
    for seed in range(RUNS):
        journal = MemoryJournal()
        run = simulate(scenario_of(seed), recorder=journal)
        problems = problems_of(run)
        if not problems and run.results is not None:
            record = record_of(journal.lines)
            told = {task_id: asdict(result) for task_id, result in record.results.items()}
            if told != {result.task_id: asdict(result) for result in run.results} or record.ended is None:
                problems = ["the results in the journal are not those of the run"]
        if problems:
            complaints[seed] = problems
    assert complaints == {}


def _file(random: Random) -> AltFile:
    count = random.randint(1, 14)
    return alt_file_of(
        *(
            {
                "id": f"t{index}",
                "dependencies": random.sample([f"t{each}" for each in range(index)], min(index, random.randint(0, 2))),
                "retry_count": 3,
            }
            for index in range(count)
        )
    )


def _executor(seed: int, count: int) -> FakeExecutor:
    """The same seed gives the same end of every task: at once, after failures, or not at all."""
    random = Random(seed)
    ends: dict[str, list[Outcome]] = {}
    for index in range(count):
        kind = random.random()
        failed = Outcome.failed("FLAKY", "try again", retry="yes" if kind > 0.1 else "no")
        ends[f"t{index}"] = [failed] * (kind < 0.3) + [Outcome.completed({"of": index})] * (kind > 0.1)
    return FakeExecutor({f"t{index}": random.random() for index in range(count)}, ends)


def _lines_of_a_run(alt_file: AltFile, executor: FakeExecutor, **given: Any) -> tuple[list[bytes], list[TaskResult]]:
    journal = MemoryJournal()
    manager = TaskManager(alt_file, executor, 3, run_id="last_1", **given)
    results = run_in_virtual_time(lambda: manager.run(journal))
    return journal.lines, results


@pytest.mark.parametrize("kills", [1, 3])
def test_a_run_that_dies_anywhere_is_resumed_to_the_same_end_and_calls_nothing_twice(kills: int) -> None:
    for seed in range(RUNS // 3):
        random = Random(seed)
        alt_file = _file(random)
        count = len(alt_file.tasks)
        whole, expected = _lines_of_a_run(alt_file, _executor(seed, count))
        lines, given = whole, {}
        kept: list[bytes] = []
        for _ in range(kills):
            kept += lines[: random.randint(0, len(lines))]  # what was on the disk when the process died
            record = record_of(kept)
            plan = plan_resume(record, (alt_file, {}), (alt_file, {}), ResumeChoice())
            given = {"restored": plan.restored(alt_file, record)}
            executor = _executor(seed, count)
            reopened: list[Fact] = [RunBegun({}), *([TasksReopened(plan.reopened, plan.anew)] if plan.reopened else [])]
            kept.append(line_of(reopened))
            lines, results = _lines_of_a_run(alt_file, executor, **given)
            assert not set(executor.started()) & plan.kept.keys(), f"{seed}: a task with a result was called again"
        assert [(each.task_id, each.status, each.output, each.error_code) for each in results] == [
            (each.task_id, each.status, each.output, each.error_code) for each in expected
        ], seed
        record = record_of(kept + lines)
        assert record.ended is not None
        assert {task_id: asdict(result) for task_id, result in record.results.items()} == {
            result.task_id: asdict(result) for result in results
        }
        for result in results:
            assert [attempt.number for attempt in result.attempts] == list(range(1, len(result.attempts) + 1)), seed


def test_a_journal_that_fails_anywhere_lets_what_runs_end_and_starts_nothing_else() -> None:
    for seed in range(RUNS // 3):
        random = Random(seed)
        alt_file = _file(random)
        journal = MemoryJournal(fails_after=random.randint(0, 12))
        executor = _executor(seed, len(alt_file.tasks))
        events: list[Event] = []
        manager = TaskManager(alt_file, executor, 3, run_id="last_1", on_event=events.append)
        results = run_in_virtual_time(partial(manager.run, journal))
        record = record_of(journal.lines)
        began = set(record.results) | set(record.attempts)
        assert set(executor.started()) <= began, f"{seed}: an attempt began that is not in the journal"
        told = {event.task_id for event in events if isinstance(event, TaskStarted)}
        assert told == set(executor.started())
        ended = [event.task_id for event in events if isinstance(event, TaskFinished)]
        assert sorted(ended) == sorted(result.task_id for result in results)
        if record.ended is None:
            unfinished = [each for each in results if each.task_id not in record.results]
            assert {each.error_code for each in unfinished if each.status == "cancelled"} <= {"JOURNAL_IO"}
            for result in unfinished:
                assert result.status != "cancelled" or not result.output
        for result in results:
            if result.task_id in record.results:
                assert asdict(record.results[result.task_id]) == asdict(result)

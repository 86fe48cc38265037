"""What stands on the lines of a journal, and what the lines add up to."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altlas_runner.results import Artifact, Attempt, TaskResult, Usage
from altlas_runner.statuses import TaskStatus
from altlas_runner.task_manager.journal import (
    ContradictionError,
    RunBegun,
    TasksReopened,
    UnreadableFactError,
    line_of,
    read_line,
    replay,
)
from altlas_runner.task_manager.journal.facts import (
    AttemptBegan,
    AttemptEnded,
    AttemptWithdrawn,
    Fact,
    RunEnded,
    TaskCompleted,
    TaskEnded,
)
from altlas_runner.testing import json_values

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(seconds=1, microseconds=7)


def attempt(number: int = 1, code: str | None = "FLAKY") -> Attempt:
    status = TaskStatus.FAILED if code else TaskStatus.COMPLETED
    return Attempt(number, NOON, LATER, status, code, code and "why", 5, "m", "s", Usage(1, 2, 0.5))


def result(task_id: str = "a", **fields: Any) -> TaskResult:
    return TaskResult(task_id, TaskStatus.COMPLETED, **fields)


def completed(task_id: str) -> TaskCompleted:
    return TaskCompleted(task_id, 1, None, 0.0, 1.0, 1000)


EVERY_KIND: list[Fact] = [
    RunBegun({"run_id": "last_1", "deep": [{"a": None}]}),
    TasksReopened(["a"], []),
    AttemptBegan("a", 1, NOON),
    AttemptWithdrawn("a"),
    AttemptEnded("a", attempt()),
    TaskCompleted("a", {"text": "ü\U0001f600"}, Usage(3, 4), 1.0e9 + 0.123457, 1.0e9 + 1, 877),
    TaskEnded(
        result(
            artifacts=[Artifact("a/x", "text", "text/plain", 3, "0" * 64, "artifacts/a/x", metadata={"preview": {}})],
            metadata={},
            started_at=NOON,
            completed_at=LATER,
            attempts=[attempt(), attempt(2, None)],
            usage=Usage(1, 2),
        )
    ),
    RunEnded(LATER, 2, 1, "CANCELLED"),
]


def test_every_kind_of_fact_is_read_as_it_was_written() -> None:
    line = line_of(EVERY_KIND)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert read_line(line[:-1]) == EVERY_KIND


@given(output=json_values())
def test_outputs_are_kept_exactly(output: Any) -> None:
    for fact in (TaskCompleted("a", output, None, 0.0, 1.0, 1000), TaskEnded(result(output=output))):
        (read,) = read_line(line_of([fact])[:-1])
        assert isinstance(read, TaskCompleted | TaskEnded)
        assert repr(read.result.output) == repr(output)


@given(place=st.integers(0), bit=st.integers(0, 7))
def test_a_bit_that_flips_is_noticed(place: int, bit: int) -> None:
    line = bytearray(line_of(EVERY_KIND)[:-1])
    line[place % len(line)] ^= 1 << bit
    with pytest.raises(UnreadableFactError):
        read_line(bytes(line))


def test_a_fact_of_a_later_version_is_refused() -> None:
    line = line_of([AttemptWithdrawn("a")]).replace(b"withdrawn", b"postponed")
    with pytest.raises(UnreadableFactError):
        read_line(line[:-1])


def test_the_short_fact_of_a_first_attempt_tells_the_whole_result() -> None:
    told = TaskCompleted("a", [1], Usage(1, 1), NOON.timestamp(), LATER.timestamp(), 1000).result
    end = Attempt(1, NOON, LATER, TaskStatus.COMPLETED)
    assert asdict(told) == asdict(
        result(
            output=[1],
            execution_time_ms=1000,
            started_at=NOON,
            completed_at=LATER,
            attempts=[end],
            usage=Usage(1, 1),
        )
    )


def test_an_attempt_without_an_end_is_in_doubt() -> None:
    record = replay([RunBegun({}), AttemptBegan("a", 1, NOON), AttemptBegan("b", 1, NOON), completed("b")])
    assert list(record.in_doubt) == ["a"]
    assert [(each.number, each.error_code) for each in record.attempts["a"]] == [(1, "IN_DOUBT")]
    assert list(record.results) == ["b"]


def test_an_attempt_that_found_no_room_was_none() -> None:
    record = replay([RunBegun({}), AttemptBegan("a", 1, NOON), AttemptWithdrawn("a")])
    assert (record.in_doubt, record.attempts) == ({}, {})


def test_attempts_that_failed_are_known_until_the_task_has_its_result() -> None:
    facts: list[Fact] = [RunBegun({}), AttemptBegan("a", 1, NOON), AttemptEnded("a", attempt()), AttemptWithdrawn("a")]
    record = replay(facts)
    assert record.attempts == {"a": [attempt()]}
    assert record.in_doubt == {}
    assert replay([*facts, AttemptBegan("a", 2, NOON), completed("a")]).attempts == {}


def test_every_resume_leaves_one_more_attempt_in_doubt() -> None:
    record = replay([RunBegun({}), AttemptBegan("a", 1, NOON), RunBegun({}), AttemptBegan("a", 2, LATER)])
    assert [each.number for each in record.attempts["a"]] == [1, 2]
    assert record.in_doubt["a"].number == 2


def test_a_result_that_is_taken_back_leaves_its_attempts() -> None:
    ended = TaskEnded(result(attempts=[attempt(1, None)]))
    record = replay([RunBegun({}), ended, RunBegun({}), TasksReopened(["a"], ["a"])])
    assert record.results == {}
    assert record.attempts == {"a": [attempt(1, None)]}
    assert record.editions == {"a": 1}


def test_a_run_that_goes_on_has_not_ended() -> None:
    facts: list[Fact] = [RunBegun({}), RunEnded(NOON, 0, 0, None)]
    assert replay(facts).ended is not None
    assert replay([*facts, RunBegun({})]).ended is None


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ([], "empty"),
        ([completed("a")], "description"),
        ([RunBegun({}), completed("a"), completed("a")], "ended before"),
        ([RunBegun({}), completed("a"), AttemptBegan("a", 2, NOON)], "ended before"),
        ([RunBegun({}), completed("a"), AttemptEnded("a", attempt())], "ended before"),
        ([RunBegun({}), TasksReopened(["a"], [])], "taken back"),
    ],
)
def test_facts_that_contradict_each_other_are_refused(facts: list[Fact], reason: str) -> None:
    with pytest.raises(ContradictionError, match=reason):
        replay(facts)

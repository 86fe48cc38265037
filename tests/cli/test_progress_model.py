"""What is shown of a run is a pure function of its events and of the present."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altlas_runner.cli.plain_progress import PlainLines
from altlas_runner.cli.standing import Standing
from altlas_runner.event_json import EVENT_NAMES, event_to_json
from altlas_runner.execution import Outcome
from altlas_runner.results import TaskResult, Usage
from altlas_runner.statuses import TaskStatus
from altlas_runner.task_manager import (
    AttemptFailed,
    Event,
    RunFinished,
    RunPaused,
    RunResumed,
    RunStarted,
    TaskFinished,
    TaskManager,
    TaskProgress,
    TaskReady,
    TaskStarted,
    TaskWaiting,
)
from altlas_runner.testing import FakeExecutor, alt_file_of, run_in_virtual_time
from altlas_runner.testing.strategies import graphs

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
C, F, S = TaskStatus.COMPLETED, TaskStatus.FAILED, TaskStatus.SKIPPED


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def end(seconds: float, task_id: str, status: TaskStatus = C, **fields: object) -> TaskFinished:
    return TaskFinished(at(seconds), task_id, TaskResult(task_id, status, started_at=START, **fields))  # type: ignore[arg-type]


def standing_after(*events: Event, total: int = 10) -> Standing:
    standing = Standing()
    for event in (RunStarted(START, "last_1", total), *events):
        standing.apply(event)
    return standing


def view(standing: Standing, seconds: float, most: int = 24) -> list[str]:
    return [str(line) for line in standing.view(at(seconds), most)]


# -- counts ----------------------------------------------------------------------------------------------------------


def test_an_attempt_that_waits_for_room_at_its_service_is_counted_as_waiting_with_its_reason() -> None:
    starts = [TaskStarted(at(0), name, 1) for name in ("a", "b")]
    waits = TaskProgress(at(1), "b", "waits_for_room", {"reason": "IN_FLIGHT"})
    standing = standing_after(*starts, waits, total=2)
    assert "1 waiting  1 running" in standing.summary(at(2))
    assert view(standing, 2)[1:] == ["running    a  2.0 s", "waiting    b  2.0 s for room (IN_FLIGHT)"]
    standing.apply(TaskProgress(at(3), "b", "has_room", {}))
    assert "2 running" in standing.summary(at(3))
    standing.apply(waits)
    standing.apply(end(4, "b", F))
    assert "waiting" not in standing.summary(at(4))


@given(graphs(max_size=6), st.lists(st.sampled_from(["ok", "no", "retry"]), min_size=1), st.integers(1, 4), st.data())
def test_at_every_instant_every_task_is_counted_once(
    graph: dict[str, list[str]], script: list[str], concurrency: int, data: st.DataObject
) -> None:
    """Ready, running, waiting, ended and blocked add up to the total after every event of any run."""
    ends = {"ok": Outcome.completed(1), "no": Outcome.failed("X", "x"), "retry": Outcome.failed("R", "r", retry="yes")}
    outcomes = {task_id: [ends[word] for word in data.draw(st.permutations(script))] for task_id in graph}
    cancel_after = data.draw(st.none() | st.integers(0, 20))
    standing = Standing()
    heard = 0

    def check(event: Event) -> None:
        nonlocal heard
        heard += 1
        standing.apply(event)
        under_way = [*standing.ready, *standing.running, *standing.waiting]
        assert len(under_way) == len(set(under_way))
        assert sum(standing.ended.values()) == standing.done
        assert standing.blocked >= 0
        assert standing.blocked + len(under_way) + standing.done == standing.total == len(graph)
        if heard == cancel_after:
            manager.cancel()

    failures: list[Event] = []

    def checked(event: Event) -> None:
        try:
            check(event)
        except AssertionError:
            failures.append(event)
            raise

    alt = alt_file_of(*({"id": task_id, "dependencies": needs} for task_id, needs in graph.items()))
    executor = FakeExecutor(outcomes=outcomes, max_retries=2)
    manager = TaskManager(alt, executor, concurrency, on_event=checked, seed=1)
    run_in_virtual_time(manager.run)
    assert not failures  # an observer that raises is removed, not heard
    assert (standing.done, standing.blocked) == (len(graph), 0)


# -- the view --------------------------------------------------------------------------------------------------------


def test_the_view_shows_counts_waits_running_tasks_and_the_latest_failures() -> None:
    standing = standing_after(
        TaskReady(at(0), "a"),
        TaskReady(at(0), "b"),
        TaskReady(at(0), "c"),
        TaskReady(at(0), "d"),
        TaskStarted(at(0), "a", 1),
        TaskStarted(at(0), "b", 1),
        TaskStarted(at(0), "c", 1),
        TaskWaiting(at(1), "a", 2, at(4.2), "AI_RATE_LIMITED"),
        end(1, "b", F, error_code="AI_UPSTREAM", error="disk\nis full", execution_time_ms=1000),
    )
    assert view(standing, 1.5) == [
        " 10 %  1/10  1 failed  1 waiting  1 ready  1 running  1.5 s",
        "waiting    a  attempt 2 in 2.7 s (AI_RATE_LIMITED)",
        "running    c  1.5 s",
        "failed     b  1.0 s  AI_UPSTREAM: disk is full",
    ]


def test_a_thousand_running_tasks_take_a_few_lines() -> None:
    standing = standing_after(*(TaskStarted(at(0), f"t{n}", 1) for n in range(1000)), total=1000)
    lines = view(standing, 1)
    assert len(lines) == 9
    assert lines[-1] == "  +993 more running"


@given(st.integers(1, 12), st.integers(0, 20), st.integers(0, 20), st.integers(0, 5))
def test_the_view_is_never_higher_than_the_terminal(most: int, waiting: int, running: int, failed: int) -> None:
    """One line too many, and the terminal scrolls at each drawing."""
    waits = [TaskWaiting(at(0), f"w{n}", 2, at(9), "X") for n in range(waiting)]
    starts = [TaskStarted(at(0), f"r{n}", 1) for n in range(running)]
    standing = standing_after(*waits, *starts, *(end(0, f"f{n}", F) for n in range(failed)), total=99)
    assert 1 <= len(standing.view(at(1), most)) <= most


@given(st.text(max_size=200))
def test_ids_and_reasons_neither_steer_the_terminal_nor_break_the_line(text: str) -> None:
    hostile = text + "\x1b[2J\x9b\u202e\r\n"
    standing = standing_after(
        TaskStarted(at(0), hostile, 1),
        TaskWaiting(at(0), hostile + "2", 2, at(1), hostile),
        end(0, hostile + "3", F, error=hostile),
    )
    shown = "".join(view(standing, 1))
    assert not {"\x1b", "\x9b", "\u202e", "\r", "\n"} & set(shown)
    assert len(shown) < 4000


# -- the estimate ----------------------------------------------------------------------------------------------------


def test_the_estimate_is_the_pace_of_what_ran_times_what_is_left() -> None:
    standing = standing_after(*(end(n, f"t{n}") for n in range(1, 6)))
    assert standing.remaining_seconds(at(5)) == pytest.approx(5.0)


@pytest.mark.parametrize(
    ("events", "seconds", "total"),
    [
        ([end(n, f"t{n}") for n in range(4)], 60, 10),  # four tasks say too little
        ([end(1, f"t{n}") for n in range(5)], 1.5, 10),  # too early
        ([end(1, f"t{n}") for n in range(100)], 60, 10_000),  # a hundredth of all
        ([end(1, f"t{n}", S) for n in range(9)], 60, 10),  # skipped tasks have no pace
        ([end(1, f"t{n}") for n in range(10)], 60, 10),  # nothing is left
        ([*(end(1, f"t{n}") for n in range(9)), RunPaused(at(2), "r")], 60, 10),  # a pause has no end
    ],
)
def test_nothing_is_said_before_enough_is_known(events: list[Event], seconds: float, total: int) -> None:
    """A wrong number is worse than none."""
    standing = standing_after(*events, total=total)
    assert standing.remaining_seconds(at(seconds)) is None
    assert "ETA" not in standing.summary(at(seconds))


def test_the_time_of_a_pause_does_not_count() -> None:
    events: list[Event] = [end(5, f"t{n}") for n in range(5)]
    standing = standing_after(*events, RunPaused(at(5), "r"), RunResumed(at(105), "r"))
    assert standing.remaining_seconds(at(105)) == pytest.approx(5.0)


# -- plain -----------------------------------------------------------------------------------------------------------


def plain(*events: Event, total: int = 10) -> list[str]:
    lines = PlainLines()
    return [str(line) for event in (RunStarted(START, "last_1", total), *events) for line in lines.lines(event)]


def test_a_small_run_has_a_line_for_each_fact_and_a_last_summary() -> None:
    assert plain(
        TaskReady(at(0), "a"),
        TaskStarted(at(0), "a", 1),
        AttemptFailed(at(1), "a", 1, "AI_CONNECT", "refused"),
        TaskWaiting(at(1), "a", 2, at(2.5), "AI_CONNECT"),
        end(3, "a", execution_time_ms=3000),
        RunFinished(at(3), "last_1", 1, 1),
        total=1,
    ) == [
        "started    last_1  0/1",
        "waiting    a  attempt 2 in 1.5 s (AI_CONNECT)",
        "completed  a  3.0 s",
        "100 %  1/1  1 completed  3.0 s",
    ]


def test_a_flood_is_left_out_and_counted_but_every_failure_is_shown() -> None:
    ends = [end(1, f"t{n}", F if n % 100 == 0 else C) for n in range(1000)]
    lines = plain(*ends, RunFinished(at(6), "last_1", 1000, 990), total=1000)
    assert sum(line.startswith("failed") for line in lines) == 10
    assert sum(line.startswith("completed") for line in lines) == 20
    assert lines[-1] == "100 %  1,000/1,000  990 completed  10 failed  6.0 s  (970 lines left out)"


@pytest.mark.slow
def test_a_day_gives_a_readable_log() -> None:
    """One task a second, for a day: a tenth of the elapsed time is a period, at most a minute."""
    lines = plain(*(end(n, f"t{n}") for n in range(86_400)), total=86_400)
    assert len(lines) < 24 * 60 * 22
    gaps = [line for line in lines if "left out" in line]
    assert 1400 < len(gaps) < 1600


# -- JSON ------------------------------------------------------------------------------------------------------------

EVERY_KIND: list[Event] = [
    RunStarted(START, "last_1", 2),
    RunPaused(START, "last_1"),
    RunResumed(START, "last_1"),
    TaskReady(START, "a"),
    TaskStarted(START, "a", 1),
    TaskProgress(START, "a", "delta", {"text": "x\x7f\u202e", "nan": float("nan"), "odd": {1, 2}, "half": "\ud800"}),
    AttemptFailed(START, "a", 1, "X", "x"),
    TaskWaiting(START, "a", 2, at(1.5), "X"),
    TaskFinished(START, "\ud800\u202e", TaskResult("b", F, usage=Usage(1, 2, float("inf")), error="e\x7f")),
    RunFinished(START, "last_1", 2, 1),
]


def test_every_kind_of_event_is_a_line_of_json_in_ascii() -> None:
    assert {type(event) for event in EVERY_KIND} == set(EVENT_NAMES)
    for event in EVERY_KIND:
        line = event_to_json(event)
        assert line.isascii()
        assert line.isprintable()
        row = json.loads(line, parse_constant=pytest.fail)
        assert row["event"] == EVENT_NAMES[type(event)]
        assert row["at"] == "2026-03-01T12:00:00.000000Z"


def test_the_fields_of_the_events_are_those_that_are_documented() -> None:
    """Other programs read them: a change here is a change of a public format."""
    rows = [json.loads(event_to_json(event)) for event in EVERY_KIND]
    assert {row["event"]: [name for name in row if name not in ("event", "at")] for row in rows} == {
        "run_started": ["run_id", "task_count", "kept"],
        "run_paused": ["run_id"],
        "run_resumed": ["run_id"],
        "task_ready": ["task_id"],
        "task_started": ["task_id", "number"],
        "task_progress": ["task_id", "kind", "fields"],
        "attempt_failed": ["task_id", "number", "error_code", "error"],
        "task_waiting": ["task_id", "number", "until", "reason"],
        "task_finished": [
            "task_id", "status", "error_code", "error", "execution_time_ms", "retry_count", "started_at", "usage",
        ],
        "run_finished": ["run_id", "task_count", "completed", "reason"],
    }  # fmt: skip
    page = (Path(__file__).parent.parent.parent / "docs" / "progress.md").read_text()
    for row in rows:
        (documented,) = re.findall(rf"^\| [^|]*`{row['event']}`[^|]* \| (.*) \|$", page, re.MULTILINE)
        assert all(f"`{name}`" in documented for name in row if name not in ("event", "at")), row["event"]
    assert rows[7]["until"] == "2026-03-01T12:00:01.500000Z"

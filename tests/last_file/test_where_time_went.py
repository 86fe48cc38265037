"""The critical path, slack, percentiles and concurrency."""

import random

import pytest

from altlas_runner.last_file import render_report
from altlas_runner.last_file.graph import RunGraph
from altlas_runner.last_file.report.critical_path import critical_path_of
from altlas_runner.last_file.report.measures import concurrency_of, places_of, spreads_of
from altlas_runner.last_file.report.run_record import RunRecord
from altlas_runner.results import Attempt
from altlas_runner.statuses import TaskStatus
from tests.last_file.fabricate import DIAMOND, alt_file, at, completed, ended, failed, gathered
from tests.last_file.report_pages import section


def graph_of(dependencies: list[list[int]]) -> RunGraph:
    count = len(dependencies)
    return RunGraph([f"t{i}" for i in range(count)], [TaskStatus.COMPLETED] * count, dependencies, [""] * count)


def test_the_critical_path_is_told_in_words_with_its_largest_task() -> None:
    results = [
        completed("fetch", start=0, end=1),
        completed("left", start=1, end=2),
        completed("right", start=1, end=5),
        completed("join", start=6, end=7),
        completed("send", start=7, end=9),
    ]
    words = section(render_report(gathered(alt_file(DIAMOND), results, completed_at=at(9))), "time")
    assert "Critical path 8.0 s of 9.0 s; right holds 50 % of it." in words
    assert "fetch 1.0 s · 12 % right 4.0 s · 50 % join 1.0 s · 12 % send 2.0 s · 25 %" in words
    assert "left" not in words.split("Count")[0]


def test_slack_is_how_much_longer_a_task_could_have_taken() -> None:
    path = critical_path_of(graph_of([[], [0], [0], [1, 2], []]), [0, 1, 2, 3, 4], [10, 5, 20, 3, 8])
    assert path.tasks == [0, 2, 3]
    assert path.length_ms == 33
    assert path.slack == [0, 15, 0, 0, 25]


@pytest.mark.parametrize("seed", range(20))
def test_a_task_longer_by_more_than_its_slack_makes_the_path_longer_and_by_its_slack_does_not(seed: int) -> None:
    source = random.Random(seed)
    dependencies = [sorted(source.sample(range(i), min(i, source.randint(0, 3)))) for i in range(30)]
    durations = [source.randint(1, 50) for _ in dependencies]
    graph, order = graph_of(dependencies), list(range(30))
    path = critical_path_of(graph, order, durations)
    assert sum(durations[task] for task in path.tasks) == path.length_ms
    for task in range(30):
        for extra, longer in ((path.slack[task], False), (path.slack[task] + 1, True)):
            changed = [d + extra * (t == task) for t, d in enumerate(durations)]
            assert (critical_path_of(graph, order, changed).length_ms > path.length_ms) is longer


def test_a_run_in_which_nothing_ran_has_no_critical_path() -> None:
    page = render_report(gathered(alt_file({"a": ()}), [ended("a", TaskStatus.SKIPPED)]))
    assert "Where the time went" not in page


def test_percentiles_are_of_tasks_attempts_and_both_kinds_of_waits() -> None:
    ids = [f"t{i}" for i in range(100)]
    results = [*(completed(task, start=1, end=1 + (i + 1) / 1000) for i, task in enumerate(ids)), failed("x")]
    spreads = {s.name: s for s in spreads_of(RunRecord(gathered(alt_file(dict.fromkeys([*ids, "x"], ())), results)))}
    assert spreads["Task"].count == 101
    assert spreads["Task"].percentiles == [51, 91, 96, 100]
    assert spreads["Task"].longest == 4000
    assert spreads["Wait for a slot"].percentiles == [1000] * 4
    assert spreads["Wait between attempts"].count == 1
    assert spreads["Wait between attempts"].total == 2000


def test_concurrency_is_the_most_attempts_at_one_time_and_waits_do_not_count() -> None:
    results = [
        completed("a", start=0, end=2),
        completed("b", start=1, end=3),
        completed("c", start=2, end=3),
        failed("d"),
    ]
    record = RunRecord(gathered(alt_file({"a": (), "b": (), "c": (), "d": ()}), results))
    series = concurrency_of(record)
    assert max(series) == 2, "an end comes before a start at the same instant"
    per_second = len(series) / 5
    assert series[round(1.5 * per_second)] == 2, "d waits for its next attempt"
    assert series[-1] == 0


def test_attempts_are_counted_where_they_were_made() -> None:
    """Those with the most work first; what has no place is left out, and so many places become one."""
    lost = TaskStatus.FAILED
    attempts = [
        Attempt(1, at(0), at(1), lost, "WORKER_LOST", service="tcp://one"),
        Attempt(2, at(1), at(4), TaskStatus.COMPLETED, service="tcp://two"),
    ]
    results = [
        completed("a", end=4, attempts=attempts),
        completed("b", attempts=[Attempt(1, at(0), at(1), TaskStatus.COMPLETED, service="tcp://one")]),
        completed("c"),
    ]
    found = places_of(RunRecord(gathered(alt_file(dict.fromkeys("abc", ())), results)))
    assert [(place.name, place.attempts, place.failed, place.milliseconds) for place in found] == [
        ("tcp://two", 1, 0, 3000),
        ("tcp://one", 2, 1, 2000),
    ]
    ids = [str(number) for number in range(100)]
    many = [
        completed(task, attempts=[Attempt(1, at(0), at(1), TaskStatus.COMPLETED, service=f"tcp://{task}")])
        for task in ids
    ]
    found = places_of(RunRecord(gathered(alt_file(dict.fromkeys(ids, ())), many)))
    assert (len(found), found[0].name, found[0].attempts) == (25, "other places", 76)

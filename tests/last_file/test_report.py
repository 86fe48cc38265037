"""What the report says."""

import re
from html import unescape
from typing import Any

import pytest

from altlas_runner.last_file import LastFile, render_report
from altlas_runner.results import Artifact, Attempt, TaskResult, Usage
from altlas_runner.statuses import TaskStatus
from tests.last_file.fabricate import alt_file, at, broken_diamond, completed, ended, failed, gathered


def text_of(page: str) -> str:
    """The words of a page, without its head and markup."""
    body = page[page.index("<body>") :]
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())


def section(page: str, task: int) -> str:
    """The details of one task."""
    start = page.index(f'id="t{task}"')
    return page[page.rindex("<details", 0, start) : page.index("</details>", start)]


def report(last_file: LastFile) -> str:
    return render_report(last_file)


def test_the_verdict_and_the_numbers_come_first() -> None:
    page = report(gathered(*broken_diamond()))
    words = text_of(page)
    assert words.index("2 of 5 tasks completed") < words.index("Result of A flow") < words.index("Success rate")
    assert "Success rate 40 % 2 of 5 tasks" in words
    assert "Duration 5.0 s 4.0 s in left" in words
    assert "Retries 1" in words
    assert "Tokens 10 10 in, 0 out" in words
    for count in ("2 completed", "2 skipped", "1 failed"):
        assert count in words


@pytest.mark.parametrize(
    ("results", "verdict"),
    [
        ([completed("a"), completed("b")], "All 2 tasks completed"),
        ([completed("a"), failed("b")], "1 of 2 tasks completed"),
        ([failed("a"), ended("b", TaskStatus.SKIPPED)], "No task completed"),
        ([completed("a")], "1 of 2 tasks completed"),
    ],
)
def test_the_verdict_never_claims_more_than_was_done(results: list[TaskResult], verdict: str) -> None:
    page = report(gathered(alt_file({"a": (), "b": ()}), results))
    assert text_of(page).startswith(f"Skip to the tasks {verdict} ")


def test_a_file_without_tasks_says_so() -> None:
    words = text_of(report(gathered(alt_file(), [])))
    assert "The file has no tasks" in words
    assert "Nothing was to be done" in words


def test_an_unknown_cost_is_unpriced_and_never_zero() -> None:
    assert "Cost unpriced no price is known" in text_of(report(gathered(alt_file({"a": ()}), [completed("a")])))
    results = [completed("a", usage=Usage(1, 2, 0.0123)), completed("b", usage=Usage(1, 2))]
    words = text_of(report(gathered(alt_file({"a": (), "b": ()}), results)))
    assert "Cost 0.0123 1 task unpriced" in words
    assert "Cost unpriced" in words, "in the section of b"


def test_failures_come_before_the_tasks_with_code_reason_and_what_was_skipped() -> None:
    page = report(gathered(*broken_diamond()))
    wrong = page[page.index('id="failures"') : page.index('id="graph"')]
    words = text_of("<body>" + wrong)
    assert "left AI_UPSTREAM the service answered 503" in words
    assert "failed after 2 attempts · skipped because of it: join , send" in words
    assert '<a href="#t3"><bdi>join</bdi></a>' in wrong


def test_a_run_without_failures_has_no_section_for_them() -> None:
    assert "What went wrong" not in report(gathered(alt_file({"a": ()}), [completed("a")]))


def test_cancelled_tasks_are_told_apart_from_failed_ones() -> None:
    page = report(gathered(alt_file({"a": (), "b": ()}), [completed("a"), ended("b", TaskStatus.CANCELLED)]))
    words = text_of(page)
    assert "The run was cancelled before these tasks ended b" in words
    assert "1 cancelled" in words


def test_many_failures_are_listed_up_to_200() -> None:
    ids = [f"t{i}" for i in range(250)]
    page = report(gathered(alt_file(dict.fromkeys(ids, ())), [failed(task) for task in ids]))
    assert page.count('<article class="trouble failed">') == 200
    assert "and 50 more tasks that failed" in text_of(page)


def test_each_skipped_task_links_to_the_task_at_which_the_trouble_began() -> None:
    page = report(gathered(*broken_diamond()))
    assert 'Skipped because of <a href="#t1"><bdi>left</bdi></a>' in section(page, 4)


def test_every_link_inside_the_page_has_a_target() -> None:
    page = report(gathered(*broken_diamond()))
    links = set(re.findall(r'href="#([^"]+)"', page))
    targets = set(re.findall(r'\bid="([^"]+)"', page))
    assert {"t0", "t1", "t2", "t3", "t4", "tasks"} <= links
    assert links <= targets


def test_a_section_shows_what_was_asked_with_what_and_after_what() -> None:
    tasks: list[dict[str, Any]] = [
        {"id": "a", "description": "first things first"},
        {
            "id": "b",
            "description": "Sum up\nin two lines",
            "dependencies": ["a", "not in this run"],
            "tags": ["short", "final"],
            "parameters": {"max_tokens": 50, "token": "t-secret"},
        },
    ]
    page = report(gathered(alt_file(tasks), [completed("a"), completed("b")]))
    words = text_of("<body>" + section(page, 1))
    assert "Description Sum up in two lines" in words
    assert "Depends on a , not in this run" in words
    assert "Tags short final" in words
    assert '"max_tokens": 50' in words
    assert "t-secret" not in page


def test_an_output_is_shown_as_text_as_json_or_as_an_answer_with_facts() -> None:
    outputs = {
        "text": "line one\n  line two",
        "json": {"b": [1, None], "ü": True},
        "answer": {"text": "Hello", "model": "m1", "finish_reason": "stop"},
        "rich": {"text": "Hello", "choices": [{"n": 1}]},
        "nothing": None,
        "zero": 0,
    }
    results = [completed(task, output) for task, output in outputs.items()]
    page = unescape(report(gathered(alt_file(dict.fromkeys(outputs, ())), results)))
    assert 'dir="auto" tabindex="0">\nline one\n  line two</pre>' in section(page, 0)
    assert '{\n  "b": [\n    1,\n    null\n  ],\n  "ü": true\n}</pre>' in section(page, 1)
    assert "Hello</pre>" in section(page, 2)
    assert "<dt><bdi>model</bdi></dt><dd><bdi>m1</bdi></dd>" in section(page, 2)
    assert '"choices"' in section(page, 3)
    assert "null</pre>" in section(page, 4)
    assert "0</pre>" in section(page, 5)


def test_a_failed_task_is_open_and_shows_its_error_and_attempts_with_waits() -> None:
    page = report(gathered(*broken_diamond()))
    found = section(page, 1)
    assert found.startswith('<details class="task failed" open>')
    words = text_of("<body>" + found)
    assert "Error AI_UPSTREAM the service answered 503" in words
    assert "1 failed \u2013 +0 ms 1.0 s AI_UPSTREAM the service answered 503" in words
    assert "2 failed 2.0 s +3.0 s 1.0 s AI_UPSTREAM the service answered 503" in words
    assert section(page, 0).startswith('<details class="task completed">')


def test_attempts_are_boxes_on_the_time_line_and_waits_look_different() -> None:
    attempts = [
        Attempt(1, at(0), at(1), TaskStatus.FAILED, "AI_CONNECT", "refused"),
        Attempt(2, at(4), at(5), TaskStatus.COMPLETED, wait_before_ms=3000),
    ]
    page = report(gathered(alt_file({"a": ()}), [completed("a", end=5, attempts=attempts)]))
    bar = page[page.index('<svg class="bar"') : page.index("</svg>", page.index('<svg class="bar"'))]
    assert re.findall(r'class="(\w+)" x="([\d.]+)" y="\d" width="([\d.]+)"', bar) == [
        ("wait", "0.00", "100.00"),
        ("failed", "0.00", "20.00"),
        ("completed", "80.00", "20.00"),
    ]


def test_artifacts_are_listed() -> None:
    artifact = Artifact("a1", "image", "image/png", 2_500_000, "0" * 64, "artifacts/a/plot.png")
    page = report(gathered(alt_file({"a": ()}), [completed("a", artifacts=[artifact])]))
    assert "artifacts/a/plot.png image, image/png, 2.5 MB" in text_of(page)


def test_a_long_output_is_shortened_and_says_so_while_result_last_holds_all() -> None:
    file = alt_file({"text": (), "json": ()})
    last_file = gathered(file, [completed("text", "x" * 3_000_000), completed("json", [["y" * 99]] * 30_000)])
    page = report(last_file)
    assert len(page) < 100_000
    assert "Shortened: 20,000 of 3,000,000 characters. All of it is in result.last" in page
    assert "Shortened: the first 20,000 characters of JSON that takes 3.1 MB" in page
    assert len(last_file.to_json()) > 6_000_000


def test_with_many_tasks_each_excerpt_is_shorter() -> None:
    ids = [f"t{i}" for i in range(1000)]
    page = report(gathered(alt_file(dict.fromkeys(ids, ())), [completed(task, "x" * 50_000) for task in ids]))
    assert "Shortened: 4,000 of 50,000 characters" in page
    assert len(page) < 8_000_000


@pytest.mark.slow
def test_with_very_many_tasks_the_table_is_whole_and_details_go_to_failures_first() -> None:
    ids = [f"t{i}" for i in range(3000)]
    results = [*map(completed, ids[:-1]), failed(ids[-1])]
    page = report(gathered(alt_file(dict.fromkeys(ids, ())), results))
    assert page.count('<tr><th scope="row">') >= 3000
    assert page.count('<details class="task') == 2000
    assert '<details class="task failed" open>' in page
    assert "1,000 more tasks have no details here" in page
    assert "The graph has 3,000 tasks and 0 dependencies, too many to be drawn here" in page
    assert set(re.findall(r'href="#(t\d+)"', page)) <= set(re.findall(r'id="(t\d+)"', page))


def test_provenance_names_files_versions_and_selection() -> None:
    last_file = gathered(alt_file({"a": (), "b": ()}, metadata={"team": "blue"}), [completed("a")], selection=["a"])
    words = text_of(report(last_file))
    assert "LAST file last_1" in words
    assert "ALT file flow" in words
    assert 'Selected tasks ["a"]' in words
    assert "altlas_runner version" in words
    assert '"team": "blue"' in words


def test_durations_are_said_as_people_say_them() -> None:
    long_run = gathered(alt_file({"a": ()}), [completed("a", end=7384)], completed_at=at(7384))
    assert "Duration 2h 03m" in text_of(report(long_run))


def test_a_last_file_whose_metadata_nobody_sane_wrote_is_reported_all_the_same() -> None:
    for metadata in (
        {},
        {"runner": 5},
        {"runner": {"tasks": 5, "warnings": "no", "versions": [], "selection": 3}},
        {"runner": {"tasks": [5, {"id": 5}, {"id": "a", "dependencies": 5, "tags": [5], "description": None}]}},
        {"runner": {"tasks": [{"id": "a", "dependencies": ["a", "b"]}, {"id": "b", "dependencies": ["a"]}]}},
    ):
        last_file = gathered(alt_file({"a": ()}), [completed("a"), completed("b"), ended("c", TaskStatus.SKIPPED)])
        last_file.metadata = metadata
        assert "3 tasks completed" in text_of(report(last_file))

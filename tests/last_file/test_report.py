"""What the report says."""

import hashlib
import random
import re
from typing import Any

import pytest

from altlas_runner.last_file import LastFile, render_report
from altlas_runner.results import Artifact, Attempt, TaskResult, Usage
from altlas_runner.statuses import TaskStatus
from tests.last_file.fabricate import alt_file, at, broken_diamond, completed, ended, failed, gathered
from tests.last_file.report_pages import details_of, index_of, section, text_of


def report(last_file: LastFile) -> str:
    return render_report(last_file)


def details(results: list[TaskResult], tasks: Any = None) -> list[dict[str, Any]]:
    file = alt_file(tasks or dict.fromkeys([result.task_id for result in results], ()))
    return details_of(report(gathered(file, results)))


def test_the_verdict_and_the_numbers_come_first() -> None:
    words = text_of(report(gathered(*broken_diamond())))
    assert words.index("2 of 5 tasks completed") < words.index("Result of A flow") < words.index("Success rate")
    assert "Success rate 40 % 2 of 5 tasks" in words
    assert "Duration 5.0 s 4 attempts" in words
    assert "Critical path 5.0 s 2 tasks in a row" in words
    assert "Retries 1 2.0 s in failed attempts" in words
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
    assert text_of(page).startswith(f"Skip to the content {verdict} ")


def test_a_file_without_tasks_says_so() -> None:
    words = text_of(report(gathered(alt_file(), [])))
    assert "The file has no tasks" in words
    assert "Nothing was to be done" in words


def test_an_unknown_cost_is_unpriced_and_never_zero() -> None:
    assert "Cost unpriced no price is known" in text_of(report(gathered(alt_file({"a": ()}), [completed("a")])))
    results = [completed("a", usage=Usage(1, 2, 0.0123)), completed("b", usage=Usage(1, 2))]
    page = report(gathered(alt_file({"a": (), "b": ()}), results))
    assert "Cost 0.0123 1 task unpriced" in text_of(page)
    assert "0.0123 and 1 unpriced" in section(page, "cost")
    assert details_of(page)[1]["usage"] == [1, 2, None]


def test_tokens_and_cost_stand_by_model_with_what_failures_cost() -> None:
    retried = [Attempt(1, at(0), at(1), TaskStatus.FAILED), Attempt(2, at(2), at(3), TaskStatus.COMPLETED)]
    results = [
        completed("a", {"text": "x", "model": "big"}, usage=Usage(100, 50, 0.5)),
        completed("b", {"text": "x", "model": "big"}, usage=Usage(10, 5, 0.25), attempts=retried),
        TaskResult("c", TaskStatus.FAILED, error="no", usage=Usage(7, 3, 0.1)),
    ]
    words = section(report(gathered(alt_file({"a": (), "b": (), "c": ()}), results)), "cost")
    assert "big 2 110 55 0.7500" in words
    assert "model not said 1 7 3 0.1000" in words
    assert "All tasks 3 117 58 0.8500" in words
    assert "Tasks that did not complete 1 7 3 0.1000" in words
    assert "Tasks that completed after a failed attempt, all their attempts 1 10 5 0.2500" in words


def test_what_failed_attempts_cost_is_told_attempt_by_attempt() -> None:
    failure = (TaskStatus.FAILED, "AI_BAD_RESPONSE", "not JSON")
    attempts = [
        Attempt(1, at(0), at(1), *failure, usage=Usage(100, 20, 0.5)),
        Attempt(2, at(2), at(3), *failure),
        Attempt(3, at(4), at(5), TaskStatus.COMPLETED, usage=Usage(90, 30, 0.25)),
    ]
    alone = failed("b")
    alone.attempts, alone.usage = [Attempt(1, at(0), at(1), *failure)], Usage(7, 0, 0.125)
    results = [completed("a", usage=Usage(190, 50, 0.75), attempts=attempts), alone]
    page = report(gathered(alt_file({"a": (), "b": ()}), results))
    words = section(page, "cost")
    assert "3 failed attempts used 107 tokens in and 20 out and cost 0.6250; 1 of them did not say." in words
    assert "Failed attempts 2 107 20 0.6250" in words
    assert "Cost 0.8750 all tasks priced; 0.6250 in failed attempts" in text_of(page)
    assert details_of(page)[0]["usages"] == [[100, 20, 0.5], None, [90, 30, 0.25]]
    assert "usages" not in details_of(page)[1], "the usage of the task says it"


def test_the_price_of_a_failed_attempt_is_never_made_up() -> None:
    priced, unpriced = Usage(10, 1, 0.5), Usage(10, 1)

    def words(*usages: Usage | None) -> str:
        attempts = [
            *(Attempt(n, at(n), at(n + 1), TaskStatus.FAILED, usage=used) for n, used in enumerate(usages, 1)),
            Attempt(len(usages) + 1, at(9), at(10), TaskStatus.COMPLETED),
        ]
        last_file = gathered(alt_file({"a": ()}), [completed("a", usage=priced, attempts=attempts)])
        return section(report(last_file), "cost")

    assert "1 failed attempt used 10 tokens in and 1 out, unpriced." in words(unpriced)
    assert "used 20 tokens in and 2 out and cost 0.5000 and 1 unpriced." in words(priced, unpriced)
    assert "What 2 failed attempts used is unknown: they did not say." in words(None, None)
    assert "No attempt failed." in words()


def test_failures_are_told_with_code_reason_what_was_skipped_and_a_command() -> None:
    page = report(gathered(*broken_diamond()))
    words = section(page, "failures")
    assert "1 task failed AI_UPSTREAM the service answered 503" in words
    assert "left · 2 attempts · 2 skipped because of it" in words
    assert "altlas-runner show last_1 left" in words
    assert details_of(page)[1]["command"] == "altlas-runner show last_1 left"


def test_failures_of_one_cause_are_one_entry() -> None:
    ids = [f"t{i}" for i in range(900)]
    results = [failed(task, f"request {i} of 'user {i}' was refused") for i, task in enumerate(ids)]
    page = report(gathered(alt_file(dict.fromkeys([*ids, "other"], ())), [*results, failed("other", "disk full")]))
    assert page.count('<article class="trouble') == 2
    words = section(page, "failures")
    assert (
        "900 tasks failed AI_UPSTREAM request 0 of 'user 0' was refused t0 , t1 , t2 , t3 , t4 , t5 and 894 more"
        in words
    )
    assert "1,800 attempts · the words differ in numbers or names" in words
    assert words.index("900 tasks") < words.index("1 task failed"), "the largest first"
    index = index_of(page)
    assert set(index["group"].values()) == {0, 1}


def test_the_file_of_the_run_makes_a_command_to_continue() -> None:
    last_file = gathered(*broken_diamond())
    assert "--from" not in text_of(report(last_file)), "nobody knows where the file is"
    last_file.metadata["runner"]["provenance"] = {"alt_file_path": "my flows/a.alt", "alt_file_sha256": "0" * 64}
    words = text_of(report(last_file))
    assert "altlas-runner run 'my flows/a.alt' --from left" in words
    assert f"ALT file SHA-256 {'0' * 64}" in section(report(last_file), "provenance")
    last_file.metadata["runner"]["journal"] = True
    assert f"altlas-runner resume {last_file.id} --failed" in text_of(report(last_file)), "without paying twice"


def test_a_command_never_holds_what_a_terminal_would_not_take_literally() -> None:
    for task_id in ("-rf", "a\nb", "\u202ea", "a\x1bb", "x" * 300):
        last_file = gathered(alt_file({task_id: ()}), [failed(task_id)])
        assert details_of(report(last_file))[0]["command"] == "altlas-runner show last_1"
    quoted = gathered(alt_file({"a; rm -rf $HOME": ()}), [failed("a; rm -rf $HOME")])
    assert details_of(report(quoted))[0]["command"] == "altlas-runner show last_1 'a; rm -rf $HOME'"


def test_a_run_without_failures_has_no_section_for_them() -> None:
    assert "What went wrong" not in report(gathered(alt_file({"a": ()}), [completed("a")]))


def test_cancelled_tasks_are_told_apart_from_failed_ones() -> None:
    page = report(gathered(alt_file({"a": (), "b": ()}), [completed("a"), ended("b", TaskStatus.CANCELLED)]))
    assert "1 task cancelled" in section(page, "failures")
    assert "1 cancelled" in text_of(page)


def test_without_scripts_the_first_200_failures_are_there_in_full() -> None:
    ids = [f"t{i}" for i in range(1, 251)]
    results = [completed("t0"), *(failed(task) for task in ids)]
    page = report(gathered(alt_file(dict.fromkeys(["t0", *ids], ())), results))
    plain = page[page.index("<noscript>") : page.index("</noscript>")]
    assert plain.count('<details class="task failed" open') == 200
    assert "51 more tasks are shown with scripts only" in text_of("<body>" + plain)


def test_each_skipped_task_names_the_task_at_which_the_trouble_began() -> None:
    page = report(gathered(*broken_diamond()))
    assert [detail.get("cause") for detail in details_of(page)] == [None, None, None, 1, 1]
    assert 'Skipped because of <a href="#task=left"><bdi>left</bdi></a>' in page


def test_every_link_inside_the_page_has_a_target_also_without_scripts() -> None:
    file = alt_file({"fetch": (), "a b/ü#": ("fetch",), "x" * 300: ("fetch",)})
    page = report(gathered(file, [failed("fetch"), *(ended(t.id, TaskStatus.SKIPPED) for t in file.tasks[1:])]))
    links = set(re.findall(r'href="#([^"]+)"', page))
    targets = set(re.findall(r'\bid="([^"]+)"', page))
    assert {"task=fetch", "task=a%20b%2F%C3%BC%23", "task=@2", "main"} <= links
    assert links <= targets


def test_details_hold_what_was_asked_with_what_and_after_what() -> None:
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
    found = details([completed("a"), completed("b")], tasks)[1]
    assert found["description"] == {"text": "Sum up\nin two lines"}
    assert found["dependencies"] == [0]
    assert found["more_dependencies"] == 1
    assert found["tags"] == ["short", "final"]
    assert found["parameters"]["json"]
    assert '"max_tokens": 50' in found["parameters"]["text"]
    assert "t-secret" not in found["parameters"]["text"]


def test_an_output_is_shown_as_text_as_json_or_as_an_answer_with_facts() -> None:
    outputs = {
        "text": "line one\n  line two",
        "json": {"b": [1, None], "ü": True},
        "answer": {"text": "Hello", "model": "m1", "finish_reason": "stop"},
        "rich": {"text": "Hello", "choices": [{"n": 1}]},
        "nothing": None,
        "zero": 0,
    }
    text, json, answer, rich, nothing, zero = details([completed(task, output) for task, output in outputs.items()])
    assert text["output"] == {"text": "line one\n  line two"}
    assert json["output"] == {"text": '{\n  "b": [\n    1,\n    null\n  ],\n  "ü": true\n}', "json": True}
    assert answer["answer"] == {"text": "Hello"}
    assert answer["facts"] == [["model", "m1"], ["finish_reason", "stop"]]
    assert '"choices"' in rich["output"]["text"]
    assert nothing["output"]["text"] == "null"
    assert zero["output"]["text"] == "0"


def test_small_pictures_in_an_output_are_kept_to_be_shown() -> None:
    png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
    outputs = {
        "address": f"data:image/png;base64,{png}",
        "offered": {"artifacts": [{"name": "a.png", "mime_type": "image/png", "content_base64": png}]},
        "svg": "data:image/svg+xml;base64,AAAA",
        "broken": 'data:image/png;base64,"><script>',
        "large": "data:image/png;base64," + "A" * 100_000,
    }
    found = details([completed(task, output) for task, output in outputs.items()])
    assert [detail.get("images") for detail in found] == [[["image/png", png]], [["image/png", png]], None, None, None]


def test_attempts_hold_their_reasons_and_waits() -> None:
    page = report(gathered(*broken_diamond()))
    left = details_of(page)[1]
    assert left["reasons"] == [
        ["AI_UPSTREAM", "the service answered 503", 0],
        ["AI_UPSTREAM", "the service answered 503", 2000],
    ]
    index = index_of(page)
    failed_digit = index["statuses"].index("failed")
    assert index["tries"] == {"1": [[0, 1000, failed_digit], [3000, 4000, failed_digit]]}
    assert "reasons" not in details_of(page)[0], "one attempt that completed needs no words"


def test_the_columns_tell_when_each_task_was_ready_started_and_ended() -> None:
    file = alt_file({"a": (), "b": ("a",), "c": ("b",)})
    results = [completed("a", start=0.5, end=2), completed("b", start=3, end=4), ended("c", TaskStatus.SKIPPED)]
    index = index_of(report(gathered(file, results)))
    assert (index["ready"], index["start"], index["end"]) == ([0, 2000, -1], [500, 3000, -1], [2000, 4000, -1])
    assert [index["statuses"][int(digit)] for digit in index["status"]] == ["completed", "completed", "skipped"]
    assert max(index["concurrency"]) == 1


def test_artifacts_are_listed_and_linked_when_they_lie_in_the_bundle() -> None:
    paths = ["artifacts/a/plot 1.png", "/etc/passwd", "artifacts/../../x", "javascript:alert(1)", "artifacts/a\\..\\b"]
    artifacts = [Artifact(str(i), "image", "image/png", 2_500_000, "0" * 64, path) for i, path in enumerate(paths)]
    page = report(gathered(alt_file({"a": ()}), [completed("a", artifacts=artifacts)]))
    words = section(page, "artifacts")
    assert "artifacts/a/plot 1.png image, image/png · 2.5 MB" in words
    assert all(path in words for path in paths)
    assert set(re.findall(r'href="([^"#]+)"', page[page.index("<body>") :])) == {"artifacts/a/plot%201.png"}


def test_what_is_shortened_says_so_with_path_size_and_digest_of_the_full_bytes() -> None:
    last_file = gathered(
        alt_file({"text": (), "json": ()}),
        [completed("text", "x" * 3_000_000), completed("json", [["y" * 99]] * 30_000)],
    )
    page = report(last_file)
    assert len(page) < 200_000
    text, json = details_of(page)
    digest = hashlib.sha256(b"x" * 3_000_000).hexdigest()
    assert text["output"]["text"] == "x" * 20_000
    assert text["output"]["note"] == (
        f"Shortened to 20,000 characters. All 3.0 MB are in result.last at /task_results/0/output, SHA-256 {digest}."
    )
    assert "All 3.1 MB are in result.last at /task_results/1/output" in json["output"]["note"]


def test_failed_tasks_keep_their_full_output_where_others_are_shortened() -> None:
    source = random.Random(5)
    noise = {f"t{i}": source.randbytes(4_000).hex() for i in range(600)}
    results = [*(completed(task, text) for task, text in noise.items())]
    results[599] = failed("t599", "y" * 8_000)
    found = details_of(report(gathered(alt_file(dict.fromkeys(noise, ())), results)))
    assert found[599]["error"] == {"text": "y" * 8_000}
    assert "Shortened to" in found[300]["output"]["note"]
    assert found[300]["output"]["text"] == noise["t300"][: len(found[300]["output"]["text"])]


@pytest.mark.slow
def test_texts_that_do_not_compress_are_shortened_until_the_page_is_small_enough() -> None:
    source = random.Random(5)
    ids = [f"t{i}" for i in range(5_000)]
    results = [completed(task, source.randbytes(1_500).hex()) for task in ids]
    page = report(gathered(alt_file(dict.fromkeys(ids, ())), results))
    assert len(page) <= 800_000 + 188 * 5_000
    found = details_of(page)
    assert all("result.last at /task_results/" in detail["output"]["note"] for detail in found[1_000:1_010])


def test_provenance_names_files_versions_and_selection() -> None:
    last_file = gathered(alt_file({"a": (), "b": ()}, metadata={"team": "blue"}), [completed("a")], selection=["a"])
    page = report(last_file)
    words = section(page, "provenance")
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
        {"runner": {"tasks": 5, "warnings": "no", "versions": [], "selection": 3, "provenance": [1]}},
        {"runner": {"tasks": [5, {"id": 5}, {"id": "a", "dependencies": 5, "tags": [5], "description": None}]}},
        {"runner": {"tasks": [{"id": "a", "dependencies": ["a", "b"]}, {"id": "b", "dependencies": ["a"]}]}},
    ):
        last_file = gathered(alt_file({"a": ()}), [completed("a"), completed("b"), ended("c", TaskStatus.SKIPPED)])
        last_file.metadata = metadata
        assert "3 tasks completed" in text_of(report(last_file))

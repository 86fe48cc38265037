"""A LAST file in the formats of other tools: whole, in order, and harmless."""

import csv
import io
import json
from itertools import pairwise
from typing import Any

import pytest

from altlas_runner.last_file import LastFile
from altlas_runner.last_file.export import chrome_trace, csv_table, otel_traces
from altlas_runner.results import TaskResult
from tests.last_file.fabricate import alt_file, broken_diamond, completed, failed, gathered


def diamond() -> LastFile:
    return gathered(*broken_diamond())


def rows_of(*results: TaskResult) -> list[dict[str, str]]:
    text = csv_table(gathered(alt_file(), results))
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_table_has_a_row_for_each_result() -> None:
    _, results = broken_diamond()
    fetch, left, right, *_ = rows_of(*results)
    assert fetch["started_at"] == "2026-03-02T09:30:00.000000Z"
    assert (fetch["output"], json.loads(right["output"])) == ("done", {"answer": 42})
    assert (left["status"], left["attempts"], left["input_tokens"], left["cost"]) == ("failed", "2", "10", "")


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n", " =", "\uff1d"])
def test_no_cell_is_a_formula(first: str) -> None:
    text = f"{first}cmd|' /C calc'!A0"
    for row in rows_of(completed("a", text), failed(f"{first}1", text, code=text), completed("b", [text])):
        for cell in row.values():
            assert not cell.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d"))


def test_a_cell_that_is_too_long_for_spreadsheets_says_so() -> None:
    (row,) = rows_of(completed("a", "x" * 40_000))
    assert row["output"] == "x" * 32_000 + "… (40,000 characters)"


def test_a_trace_has_a_bar_for_each_attempt_and_none_covers_another() -> None:
    trace = chrome_trace(diamond())
    bars = [event for event in trace["traceEvents"] if event["ph"] == "X"]
    assert [(bar["name"], bar["dur"], bar["cat"]) for bar in bars] == [
        ("fetch", 1_000_000, "completed"), ("left (1)", 1_000_000, "failed"), ("right", 1_000_000, "completed"),
        ("left (2)", 1_000_000, "failed"),
    ]  # fmt: skip
    assert bars[3]["args"]["waited_ms"] == 2000
    assert bars[0]["ts"] == 1_772_443_800_000_000
    for lane in {bar["tid"] for bar in bars}:
        own = sorted((bar["ts"], bar["ts"] + bar["dur"]) for bar in bars if bar["tid"] == lane)
        assert all(end <= start for (_, end), (start, _) in pairwise(own))


def test_spans_form_one_tree_with_errors_and_links() -> None:
    spans: list[dict[str, Any]] = otel_traces(diamond())["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert len({span["spanId"] for span in spans}) == len(spans) == 1 + 3 + 4
    assert len({span["traceId"] for span in spans}) == 1
    names = {span["name"]: span for span in spans}
    root, fetch, left = names["Result of A flow"], names["fetch"], names["left"]
    assert root["parentSpanId"] == ""
    assert left["parentSpanId"] == root["spanId"]
    assert left["links"] == [{"traceId": root["traceId"], "spanId": fetch["spanId"]}]
    assert left["status"] == {"code": 2, "message": "the service answered 503"}
    assert {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "10"}} in left["attributes"]
    tries = [span for span in spans if span["parentSpanId"] == left["spanId"]]
    assert [span["name"] for span in tries] == ["attempt 1", "attempt 2"]
    for span in spans:
        assert len(span["spanId"]) == 16
        assert int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"])
    assert otel_traces(diamond()) == otel_traces(diamond())


def test_a_run_without_tasks_exports_as_well() -> None:
    empty = gathered(alt_file(), [])
    assert csv_table(empty).count("\r\n") == 1
    assert [event["ph"] for event in chrome_trace(empty)["traceEvents"]] == ["M"]
    assert len(otel_traces(empty)["resourceSpans"][0]["scopeSpans"][0]["spans"]) == 1

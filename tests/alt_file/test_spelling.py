"""Suggestions for misspelt names."""

from __future__ import annotations

import pytest

from altlas_runner.alt_file.spelling import Spelling


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("sumarize", "summarize"),
        ("Fetch", "fetch"),
        (" fetch ", "fetch"),
        ("etch", "fetch"),
        ("fetc", "fetch"),
        ("zebra", None),
        ("", None),
        ("f" * 10_000, None),
    ],
)
def test_the_closest_name_is_suggested_and_a_far_one_is_not(wrong: str, meant: str | None) -> None:
    assert Spelling(["fetch", "summarize", "report"]).suggestion(wrong) == meant


def test_a_name_is_found_among_many() -> None:
    many = Spelling([*(f"task_{i:06}" for i in range(50_000)), "summarize"])
    assert many.suggestion("sumarize") == "summarize"
    assert many.suggestion("task_01234") is not None


def test_after_a_hundred_names_no_more_are_searched() -> None:
    names = Spelling(["fetch"])
    answers = [names.suggestion(f"fetch{i}") for i in range(200)]
    assert answers[:100] == ["fetch"] * 100
    assert answers[100:] == [None] * 100

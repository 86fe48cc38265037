"""The .png: made by Graphviz, within limits, and never the reason why a bundle fails."""

import os
import sys
import time
from pathlib import Path

import pytest

from altlas_runner.last_file.graph import RunGraph, dot_text, dot_text_of_plan, png, render_png
from altlas_runner.last_file.graph.dot import MAX_DRAWN
from tests.last_file.fabricate import alt_file, broken_diamond, failed, gathered
from tests.needs import need_dot

DOT = "digraph { a -> b }"


def fake_dot(directory: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    command = directory / "dot"
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")


def test_a_graph_becomes_a_png() -> None:
    need_dot()
    picture, warning = render_png(dot_text(gathered(*broken_diamond())))
    assert picture is not None
    assert picture.startswith(b"\x89PNG\r\n")
    assert warning is None


def test_a_chain_of_the_largest_size_becomes_a_png_of_bearable_size() -> None:
    need_dot()
    file = alt_file({f"t{i}": (f"t{i - 1}",) if i else () for i in range(MAX_DRAWN)})
    picture, _ = render_png(dot_text(gathered(file, []), for_picture=True))
    assert picture is not None
    width, height = int.from_bytes(picture[16:20]), int.from_bytes(picture[20:24])
    assert max(width, height) < 10_000


def test_a_graph_of_more_than_300_tasks_is_drawn_collapsed_and_says_so() -> None:
    need_dot()
    file = alt_file([{"id": f"t{i}", "description": "d", "tags": ["ab"[i % 2]]} for i in range(MAX_DRAWN + 1)])
    last_file = gathered(file, [failed("t0")])
    assert dot_text(last_file).count("label=") > 300, "the .dot file is whole"
    text = dot_text(last_file, for_picture=True)
    assert "collapsed view: 301 tasks by kind and layer" in text
    assert 'label="a (151)\\n1 failed, 150 pending"' in text
    assert 'label="b (150)\\n150 pending"' in text
    picture, _ = render_png(text)
    assert picture is not None


def test_a_plan_of_more_than_300_tasks_is_drawn_collapsed_too() -> None:
    graph = RunGraph.from_alt_file(alt_file(dict.fromkeys([f"t{i}" for i in range(301)], ())))
    assert "n300" in dot_text_of_plan(graph, "A plan")
    text = dot_text_of_plan(graph, "A plan", for_picture=True)
    assert "tasks (301)" in text
    assert "A plan\\ncollapsed view" in text


def test_a_dot_that_takes_too_long_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_dot(tmp_path, f"exec '{sys.executable}' -c 'import time; time.sleep(60)'", monkeypatch)
    monkeypatch.setattr(png, "TIME_LIMIT_SECONDS", 0.2)
    before = time.monotonic()
    picture, warning = render_png(DOT)
    assert picture is None
    assert warning == "no picture of the graph: dot took longer than 0.2 s; the .dot file has it"
    assert time.monotonic() - before < 30


def test_a_dot_that_fails_gives_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    fake_dot(tmp_path, "echo 'no plugin for png' >&2; exit 3", monkeypatch)
    assert render_png(DOT) == (None, "no picture of the graph: dot ended with 3: no plugin for png")
    assert capfd.readouterr() == ("", "")


def test_a_dot_that_may_not_be_started_gives_the_systems_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dot").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path))
    picture, warning = render_png(DOT)
    assert picture is None
    assert warning is not None
    assert warning.startswith("no picture of the graph")


def test_a_dot_that_answers_without_a_picture_counts_as_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_dot(tmp_path, "exit 0", monkeypatch)
    assert render_png(DOT) == (None, "no picture of the graph: dot ended without writing one")

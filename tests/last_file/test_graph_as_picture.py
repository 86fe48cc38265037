"""The .png: made by Graphviz, within limits, and never the reason why a bundle fails."""

import os
import sys
import time
from pathlib import Path

import pytest

from altlas_runner.last_file.graph import dot_text, png, render_png
from tests.last_file.fabricate import alt_file, broken_diamond, gathered
from tests.needs import need_dot

DOT = "digraph { a -> b }"


def fake_dot(directory: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    command = directory / "dot"
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")


def test_a_graph_becomes_a_png() -> None:
    need_dot()
    picture, warning = render_png(dot_text(gathered(*broken_diamond())), task_count=5)
    assert picture is not None
    assert picture.startswith(b"\x89PNG\r\n")
    assert warning is None


def test_a_chain_of_the_largest_size_becomes_a_png_of_bearable_size() -> None:
    need_dot()
    file = alt_file({f"t{i}": (f"t{i - 1}",) if i else () for i in range(png.MAX_TASKS)})
    picture, _ = render_png(dot_text(gathered(file, [])), task_count=png.MAX_TASKS)
    assert picture is not None
    width, height = int.from_bytes(picture[16:20]), int.from_bytes(picture[20:24])
    assert max(width, height) < 10_000


def test_a_graph_of_more_than_300_tasks_is_not_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_dot(tmp_path, ": > called", monkeypatch)
    monkeypatch.chdir(tmp_path)
    picture, warning = render_png(DOT, task_count=301)
    assert picture is None
    assert warning == "no picture of the graph: it has 301 tasks, more than 300; the .dot file has all"
    assert not (tmp_path / "called").exists()


def test_a_dot_that_takes_too_long_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_dot(tmp_path, f"exec '{sys.executable}' -c 'import time; time.sleep(60)'", monkeypatch)
    monkeypatch.setattr(png, "TIME_LIMIT_SECONDS", 0.2)
    before = time.monotonic()
    picture, warning = render_png(DOT, task_count=2)
    assert picture is None
    assert warning == "no picture of the graph: dot took longer than 0.2 s; the .dot file has it"
    assert time.monotonic() - before < 30


def test_a_dot_that_fails_gives_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    fake_dot(tmp_path, "echo 'no plugin for png' >&2; exit 3", monkeypatch)
    assert render_png(DOT, task_count=2) == (None, "no picture of the graph: dot ended with 3: no plugin for png")
    assert capfd.readouterr() == ("", "")


def test_a_dot_that_may_not_be_started_gives_the_systems_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dot").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path))
    picture, warning = render_png(DOT, task_count=2)
    assert picture is None
    assert warning is not None
    assert warning.startswith("no picture of the graph")


def test_a_dot_that_answers_without_a_picture_counts_as_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_dot(tmp_path, "exit 0", monkeypatch)
    assert render_png(DOT, task_count=2) == (None, "no picture of the graph: dot ended without writing one")

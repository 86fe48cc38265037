"""The bundle on disk: complete when it has a result.last, and never half."""

import errno
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from altlas_runner.atomic_file import write_atomically
from altlas_runner.errors import BundleError
from altlas_runner.last_file import LastFile, LastFileGenerator, bundle, generator, render_report
from tests.last_file.fabricate import START, alt_file, at, broken_diamond, completed
from tests.needs import need_dot


def files_of(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.fixture
def no_dot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))


def test_a_bundle_has_result_report_and_graph(tmp_path: Path) -> None:
    need_dot()
    last_file = LastFileGenerator(tmp_path / "out").generate(*broken_diamond(), last_id="last_1")
    directory = tmp_path / "out" / "last_1"
    assert files_of(directory) == ["last_1.dot", "last_1.png", "report.html", "result.last"]
    assert last_file.execution_graph_path == "last_1.png"
    assert (directory / "last_1.png").read_bytes().startswith(b"\x89PNG\r\n")
    assert last_file.metadata["runner"]["warnings"] == []


def test_result_and_report_on_disk_are_those_of_the_last_file(tmp_path: Path, no_dot: None) -> None:
    last_file = LastFileGenerator(tmp_path).generate(*broken_diamond(), last_id="last_1")
    again = LastFile.from_path(tmp_path / "last_1")
    assert again == last_file
    assert (tmp_path / "last_1" / "report.html").read_text(encoding="utf-8") == render_report(again)


def test_without_dot_there_is_a_warning_and_everything_but_the_picture(
    tmp_path: Path, no_dot: None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="altlas_runner"):
        last_file = LastFileGenerator(tmp_path).generate(*broken_diamond(), last_id="last_1")
    reason = "no picture of the graph: Graphviz is not installed (its command `dot` is not on the PATH)"
    assert files_of(tmp_path / "last_1") == ["last_1.dot", "report.html", "result.last"]
    assert last_file.execution_graph_path is None
    assert last_file.metadata["runner"]["warnings"] == [reason]
    assert [record.getMessage() for record in caplog.records] == [reason]
    assert "Graphviz is not installed" in (tmp_path / "last_1" / "report.html").read_text(encoding="utf-8")


def test_with_graphs_off_there_are_no_graph_files_and_no_warning(tmp_path: Path, no_dot: None) -> None:
    plain = LastFileGenerator(tmp_path)
    last_file = plain.with_graphs(False).generate(*broken_diamond(), last_id="last_1")
    assert files_of(tmp_path / "last_1") == ["report.html", "result.last"]
    assert last_file.metadata["runner"]["warnings"] == []
    plain.generate(*broken_diamond(), last_id="last_2")
    assert "last_2.dot" in files_of(tmp_path / "last_2"), (
        "a builder leaves the generator that it is called on as it was"
    )


def test_without_an_id_each_bundle_gets_a_new_one(tmp_path: Path) -> None:
    quick = LastFileGenerator(tmp_path).with_graphs(False).with_compression(False)
    ids = {quick.generate(alt_file(), []).id for _ in range(3)}
    assert ids == set(files_of(tmp_path))
    assert all(last_id.startswith("last_") for last_id in ids)
    assert len(ids) == 3


def test_start_and_end_come_from_the_tasks_when_they_are_not_given(tmp_path: Path) -> None:
    results = [completed("a", start=2, end=3), completed("b", start=1, end=9)]
    last_file = LastFileGenerator(tmp_path).with_graphs(False).generate(alt_file({"a": (), "b": ()}), results)
    assert (last_file.execution_started, last_file.execution_completed) == (at(1), at(9))
    earlier = LastFileGenerator(tmp_path).with_graphs(False).generate(alt_file(), results, started_at=START)
    assert earlier.total_execution_time_ms == 9000


@pytest.mark.parametrize(
    "last_id",
    [
        "..",
        ".",
        "a/b",
        "/etc",
        "a\\b",
        ".hidden",
        "-rf",
        "last_1.",
        "a b",
        "a\nb",
        "a\x00b",
        "ü",
        "x" * 129,
        "last_1\n",
    ],
)
def test_an_id_that_is_no_safe_directory_name_is_refused(tmp_path: Path, last_id: str) -> None:
    with pytest.raises(BundleError, match="cannot name a bundle"):
        LastFileGenerator(tmp_path / "out").generate(alt_file(), [], last_id=last_id)
    assert not (tmp_path / "out").exists()


def test_an_output_directory_that_cannot_be_made_is_named_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BundleError, match="cannot be made: Not a directory") as caught:
        LastFileGenerator(tmp_path / "file").with_graphs(False).generate(alt_file(), [], last_id="last_1")
    assert caught.value.path == str(tmp_path / "file" / "last_1")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_without_permission_is_named_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(BundleError, match="cannot be written: Permission denied"):
        LastFileGenerator(tmp_path / "closed").with_graphs(False).generate(alt_file(), [], last_id="last_1")


def test_result_last_is_written_after_everything_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need_dot()
    written: list[str] = []
    monkeypatch.setattr(bundle, "write_atomically", lambda path, content, **options: written.append(path.name))
    LastFileGenerator(tmp_path).generate(*broken_diamond(), last_id="last_1")
    assert sorted(written[:-1]) == ["last_1.dot", "last_1.png", "report.html"]
    assert written[-1] == "result.last"


@pytest.mark.parametrize("fails_at", [0, 1, 2])
def test_a_full_disk_leaves_no_result_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_dot: None, fails_at: int
) -> None:
    calls = iter(range(9))

    def full(path: Path, content: bytes, **options: bool) -> None:
        if next(calls) == fails_at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write_atomically(path, content, **options)

    monkeypatch.setattr(bundle, "write_atomically", full)
    with pytest.raises(BundleError, match="cannot be written: No space left on device"):
        LastFileGenerator(tmp_path).generate(*broken_diamond(), last_id="last_1")
    left = files_of(tmp_path / "last_1")
    assert "result.last" not in left
    assert len(left) == fails_at


def test_an_error_while_rendering_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(last_file: LastFile) -> str:
        raise RuntimeError("template")

    monkeypatch.setattr(generator, "render_report", broken)
    with pytest.raises(RuntimeError, match="template"):
        LastFileGenerator(tmp_path / "out").generate(*broken_diamond(), last_id="last_1")
    assert not (tmp_path / "out").exists()


def test_a_second_bundle_of_the_same_run_replaces_the_first(tmp_path: Path) -> None:
    quick = LastFileGenerator(tmp_path).with_graphs(False)
    quick.generate(alt_file({"a": ()}), [], last_id="last_1")
    quick.generate(alt_file({"a": ()}), [completed("a")], last_id="last_1")
    assert LastFile.from_path(tmp_path / "last_1").success_rate == 1.0
    assert files_of(tmp_path / "last_1") == ["report.html", "result.last"]


def test_an_alt_file_of_another_kind_of_results_is_written_too(tmp_path: Path) -> None:
    strange: list[Any] = [{"a": "\ud800"}, {1, 2}, float("nan")]
    results = [completed(f"t{i}", output) for i, output in enumerate(strange)]
    quick = LastFileGenerator(tmp_path).with_graphs(False)
    last_file = quick.generate(alt_file({f"t{i}": () for i in range(3)}), results)
    assert LastFile.from_path(tmp_path / last_file.id) == last_file

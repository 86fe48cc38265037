"""The commands `convert` and `merge`: ALT files in, one plain ALT file out, whole or not at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from altlas_runner.alt_file import AltParser
from altlas_runner.cli.convert import convert
from altlas_runner.cli.merge import merge
from tests.alt_file.alt_documents import Document, document, task

ASKED = {
    "id": "f",
    "command": "Sortieren, bitte schön",
    "language": "de",
    "timestamp": "2025-04-28T00:28:21",
    "chaos_level": None,
    "segments": [{"id": "a", "task_type": "x", "content": "Do it", "parameters": [], "dependencies": []}],
}


def called(command: Any, *arguments: str | Path, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(command, [str(argument) for argument in arguments], input=stdin)


def written(path: Path, content: Document) -> Path:
    is_yaml = path.suffix == ".yaml"
    path.write_text(yaml.safe_dump(content) if is_yaml else json.dumps(content), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["asked.alt", "asked.alt.yaml"])
def test_a_document_of_the_segmentation_service_becomes_plain_alt(tmp_path: Path, name: str) -> None:
    done = called(convert, written(tmp_path / name, ASKED))
    assert (done.exit_code, done.stderr) == (0, "")
    assert json.loads(done.stdout)["tasks"] == [
        {"id": "a", "description": "Do it", "dependencies": [], "parameters": {"task_type": "x"}}
    ]
    assert "schön" in done.stdout


@pytest.mark.parametrize("name", ["flow.alt", "flow.yaml"])
def test_a_plain_file_is_written_as_it_is(tmp_path: Path, name: str) -> None:
    content = document(task("a", x=[1.5]), task("b", "a"), description=None)
    assert json.loads(called(convert, written(tmp_path / name, content)).stdout) == content


def test_converting_what_was_converted_changes_nothing(tmp_path: Path) -> None:
    once = called(convert, written(tmp_path / "asked.alt", ASKED), "-o", tmp_path / "plain.alt")
    assert (once.exit_code, once.stdout) == (0, "")
    assert called(convert, tmp_path / "plain.alt").stdout == (tmp_path / "plain.alt").read_text(encoding="utf-8")
    called(convert, tmp_path / "asked.alt", "-o", tmp_path / "asked.alt")
    assert (tmp_path / "asked.alt").read_bytes() == (tmp_path / "plain.alt").read_bytes()


@pytest.mark.parametrize("text", [json.dumps(ASKED), "\n" + json.dumps(ASKED), yaml.safe_dump(ASKED)])
def test_stdin_is_json_or_yaml(text: str) -> None:
    done = called(convert, "-", "-o", "-", stdin=text)
    assert done.exit_code == 0
    assert json.loads(done.stdout)["title"] == ASKED["command"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "ALT304"),
        ("{", "ALT302"),
        ("a: [", "ALT302"),
        ("[]", "ALT303"),
        (b"\xff\xfe{}", "ALT302"),
        (json.dumps({**ASKED, "segments": [{"id": "a", "content": 5}]}), "/segments/0/content"),
    ],
)
def test_what_is_no_alt_file_is_not_converted(tmp_path: Path, text: str | bytes, said: str) -> None:
    (tmp_path / "out.alt").write_text("before")
    done = called(convert, "-", "-o", tmp_path / "out.alt", stdin=text)
    assert (done.exit_code, done.stdout) == (3, "")
    assert said in done.stderr
    assert (tmp_path / "out.alt").read_text() == "before"


@pytest.mark.parametrize("command", [convert, merge])
def test_a_place_that_cannot_be_written_is_an_error_of_usage(tmp_path: Path, command: Any) -> None:
    flow = written(tmp_path / "flow.alt", document(task("a")))
    done = called(command, flow, "-o", tmp_path / "missing" / "out.alt")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "missing/out.alt cannot be written: No such file or directory" in done.stderr


def test_files_are_merged_into_one(tmp_path: Path) -> None:
    first = written(tmp_path / "a.alt", document(task("a"), id="one", title="First"))
    second = written(tmp_path / "b.yaml", document(task("c", "a"), task("a"), id="two", title="Second"))
    done = called(merge, first, second, "-o", tmp_path / "c.alt", "--title", "Both")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
    whole = AltParser().parse_from_path(tmp_path / "c.alt")
    assert [(each.id, each.dependencies) for each in whole.tasks] == [("a", None), ("c", ["1_a"]), ("1_a", None)]
    assert (whole.title, whole.metadata) == ("Both", {"source_file_0": "one", "source_file_1": "two"})


def test_without_a_title_the_titles_are_joined_and_without_a_place_it_is_printed(tmp_path: Path) -> None:
    first = written(tmp_path / "a.alt", document(task("a"), title="First"))
    done = called(merge, first, "-", first, stdin=json.dumps(document(task("b"), title="Second")))
    assert done.exit_code == 0
    printed = json.loads(done.stdout)
    assert (printed["title"], [each["id"] for each in printed["tasks"]]) == ("First + Second", ["a", "b", "2_a"])


def test_every_file_that_cannot_be_merged_is_named(tmp_path: Path) -> None:
    good = written(tmp_path / "good.alt", document(task("a")))
    bad = written(tmp_path / "bad.alt", document(task("a", "a")))
    done = called(merge, bad, good, tmp_path / "missing.alt", "-o", tmp_path / "out.alt")
    assert (done.exit_code, done.stdout) == (3, "")
    assert "ALT022" in done.stderr
    assert "bad.alt" in done.stderr
    assert "missing.alt cannot be read" in done.stderr
    assert not (tmp_path / "out.alt").exists()


@pytest.mark.parametrize("arguments", [[], ["-", "-"]])
def test_merging_no_file_or_stdin_twice_is_an_error_of_usage(arguments: list[str]) -> None:
    assert called(merge, *arguments, stdin="").exit_code == 2


@pytest.mark.parametrize(("title", "said"), [("", "is empty"), (" ", "is empty"), ("\udcff", "is not UTF-8")])
def test_a_title_that_nobody_can_read_is_an_error_of_usage(tmp_path: Path, title: str, said: str) -> None:
    flow = written(tmp_path / "flow.alt", document(task("a")))
    done = called(merge, flow, "--title", title)
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"the title {said}" in done.stderr


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    flow = written(tmp_path / "flow.alt", document(task("a")))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor() as threads:
        reading = threads.submit(pipe.read_bytes)
        assert called(convert, flow, "-o", pipe).exit_code == 0
        assert json.loads(reading.result(timeout=10)) == document(task("a"))
    assert pipe.is_fifo()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["flow.alt", "pipe"]


def test_what_is_printed_is_utf_8_whatever_the_terminal_speaks(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "altlas_runner", "convert", str(written(tmp_path / "asked.alt", ASKED))]
    done = subprocess.run(command, capture_output=True, check=True, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert json.loads(done.stdout.decode("utf-8"))["title"] == ASKED["command"]


def test_a_full_disk_behind_stdout_is_an_error_of_usage(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "altlas_runner", "convert", str(written(tmp_path / "asked.alt", ASKED))]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "error: stdout cannot be written: No space left on device\n")


def test_both_are_commands_of_altlas_runner() -> None:
    done = subprocess.run([sys.executable, "-m", "altlas_runner", "--help"], capture_output=True, text=True, check=True)
    assert "\n  convert " in done.stdout
    assert "\n  merge " in done.stdout

"""Which files a batch runs."""

import errno
import json
import os
from pathlib import Path

import pytest

from altlas_runner.batch import batch_files
from altlas_runner.errors import ConfigurationError


def names(source: Path | str, output_dir: Path = Path("out")) -> list[str]:
    return [each.path.name for each in batch_files(str(source), output_dir)]


def make(directory: Path, *paths: str) -> None:
    for path in paths:
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_text("{}")


def test_a_directory_stands_for_its_alt_files_at_any_depth(tmp_path: Path) -> None:
    make(tmp_path, "b.alt", "a.alt.json", "deep/er/c.yaml", "d.yml", "README.md", "e.txt")
    assert names(tmp_path) == ["a.alt.json", "b.alt", "d.yml", "c.yaml"]


def test_what_the_batch_itself_wrote_is_no_source(tmp_path: Path) -> None:
    make(tmp_path, "a.alt.json", "out/batch.json")
    assert names(tmp_path, tmp_path / "out") == ["a.alt.json"]


def test_the_output_directory_may_be_around_the_files_or_named_in_another_way(tmp_path: Path) -> None:
    bundle = "last_01234567-89ab-cdef-0123-456789abcdef/artifacts/a.json"
    make(tmp_path, "in/a.alt", "batch.json", f"{bundle}", f"unfinished/{bundle}", "last_minute/b.alt")
    assert names(tmp_path / "in", tmp_path) == ["a.alt"]
    assert names(tmp_path, tmp_path / "in" / ".." / "in" / "..") == ["a.alt", "b.alt"]
    assert names(tmp_path / "**" / "*.*", tmp_path) == ["a.alt", "b.alt"]


def test_a_directory_that_cannot_be_looked_into_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files would be missing, and the batch would say that all is well."""
    make(tmp_path, "a.alt", "secret/b.alt")
    scandir = os.scandir

    def refuse(path: str) -> object:
        if Path(path).name == "secret":
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(ConfigurationError, match="secret cannot be looked into: Permission denied"):
        names(tmp_path)


def test_lines_of_a_manifest_end_where_lines_end(tmp_path: Path) -> None:
    """A text may hold what other languages take for the end of a line; an editor may put a mark before the first."""
    lines = '\ufeff{"path": "a.alt", "inputs": {"t": "one\u2028two"}}\r\n"b.alt"\r\n'
    (tmp_path / "list.jsonl").write_bytes(lines.encode())
    found = batch_files(str(tmp_path / "list.jsonl"), Path("out"))
    assert [(each.path.name, each.inputs, each.line) for each in found] == [
        ("a.alt", {"t": "one\u2028two"}, 1),
        ("b.alt", {}, 2),
    ]


def test_one_path_with_other_inputs_is_another_file(tmp_path: Path) -> None:
    lines = [{"path": "a.alt", "inputs": {"n": number}} for number in (1, 2, 1)]
    (tmp_path / "list.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert [each.inputs for each in batch_files(str(tmp_path / "list.jsonl"), Path("out"))] == [{"n": 1}, {"n": 2}]


def test_a_pattern_stands_for_what_fits_it(tmp_path: Path) -> None:
    make(tmp_path, "a1.alt", "a2.alt", "b1.alt", "deep/a3.alt")
    assert names(tmp_path / "a*.alt") == ["a1.alt", "a2.alt"]
    assert names(tmp_path / "**" / "a*.alt") == ["a1.alt", "a2.alt", "a3.alt"]


def test_a_manifest_names_files_and_inputs(tmp_path: Path) -> None:
    lines = ['"a.alt"', "", json.dumps({"path": "deep/b.alt", "inputs": {"topic": "tea"}}), '"a.alt"']
    (tmp_path / "list.jsonl").write_text("\n".join(lines))
    found = batch_files(str(tmp_path / "list.jsonl"), Path("out"))
    assert [(each.path, each.inputs) for each in found] == [
        (tmp_path / "a.alt", {}),
        (tmp_path / "deep" / "b.alt", {"topic": "tea"}),
    ]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "line 1: not JSON"),
        ("7", "line 1: write a path in quotes"),
        ('{"path": ""}', "line 1: write a path in quotes"),
        ('{"path": "a", "input": {}}', "there is no field 'input'"),
        ('{"path": "a", "inputs": []}', "the inputs must be an object"),
    ],
)
def test_a_line_that_cannot_be_understood_is_told(line: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "list.jsonl").write_text(line)
    with pytest.raises(ConfigurationError, match=words):
        names(tmp_path / "list.jsonl")


@pytest.mark.parametrize("source", ["nowhere", "nowhere/*.alt", "nowhere.jsonl", "."])
def test_nothing_to_run_is_told(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match=source.split("*", maxsplit=1)[0].replace(".", r"\.")):
        names(source)

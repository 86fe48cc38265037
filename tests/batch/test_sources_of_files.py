"""Which files a batch runs."""

import json
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

"""`altlas-runner run --input` and `--input-file`: values for the references of a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from altlas_runner import ConfigurationError
from altlas_runner.cli.inputs import read_inputs
from altlas_runner.cli.run import run
from tests.loopback import LoopbackService

FLOW = {
    "id": "flow",
    "title": "A flow",
    "tasks": [
        {"id": "a", "description": "about ${{ inputs.topic }}", "parameters": {"limit": "${{ inputs.limit }}"}},
        {
            "id": "b",
            "description": "then",
            "dependencies": ["a"],
            "parameters": {"said": "${{ tasks.a.output.answer }}"},
        },
    ],
}


def called(*arguments: str | Path, stdin: str | None = None) -> Result:
    return CliRunner().invoke(run, list(map(str, arguments)), input=stdin, catch_exceptions=False)


@pytest.fixture
def alt(tmp_path: Path) -> Path:
    path = tmp_path / "flow.alt.json"
    path.write_text(json.dumps(FLOW))
    return path


@pytest.fixture(autouse=True)
def _outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_inputs_reach_the_service_with_their_types_and_the_command_line_wins(alt: Path, tmp_path: Path) -> None:
    (tmp_path / "in.yaml").write_text("topic: coffee\nlimit: 3\n")
    with LoopbackService() as service:
        done = called(
            alt, "--input-file", "in.yaml", "--input", "topic=tea=good", "--service-url", service.url, "--no-graphs"
        )
    assert done.exit_code == 0, done.stderr
    first, second = service.requests
    assert first["description"] == "about tea=good"
    assert first["parameters"] == {"limit": 3}
    assert second["parameters"] == {"said": "done: about tea=good"}


def test_a_missing_input_ends_with_exit_code_3_before_anything_runs(alt: Path, tmp_path: Path) -> None:
    with LoopbackService() as service:
        done = called(alt, "--input", "topc=tea", "--service-url", service.url)
    assert done.exit_code == 3
    assert done.stderr.count("error[ALT026]") == 2
    assert 'did you mean "topc"?' in done.stderr
    assert service.requests == []
    assert not (tmp_path / "output").exists()


def test_only_one_thing_can_be_read_from_stdin(alt: Path) -> None:
    done = called("-", "--input-file", "-", stdin=alt.read_text())
    assert done.exit_code == 2
    assert "stdin" in done.stderr


def test_values_on_the_command_line_are_text_and_the_last_one_counts() -> None:
    assert read_inputs(["n=1", "n=2", "empty=", "b=x=y"], None) == {"n": "2", "empty": "", "b": "x=y"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("in.json", '{"a": [1, null, "x"], "b": 1.5}'),
        ("in.yml", "a: [1, null, x]\nb: 1.5\n"),
        ("in", '{"a": [1, null, "x"], "b": 1.5}'),
    ],
)
def test_values_in_a_file_keep_their_types(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    expected: dict[str, Any] = {"a": [1, None, "x"], "b": 1.5}
    assert read_inputs([], tmp_path / name) == expected
    assert read_inputs(["b=z"], tmp_path / name) == {**expected, "b": "z"}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("in.json", b"[1]", "must be an object"),
        ("in.json", b'{"a": }', "line 1, column"),
        ("in.json", b'{"a": 1e999}', "too large for JSON"),
        ("in.json", b"\xff\xfe", "UTF-16"),
        ("in.json", b" ", "is empty"),
        ("in.yaml", b"a: [1", "line"),
        ("in.yaml", b"a: !!python/name:os.system x", "line 1"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigurationError, match=message):
        read_inputs([], tmp_path / name)


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        read_inputs([], tmp_path / "gone.json")


@pytest.mark.parametrize("pair", ["topic", "=x", " =x", ""])
def test_a_pair_without_name_or_equals_is_refused(pair: str) -> None:
    with pytest.raises(ConfigurationError, match="name=value"):
        read_inputs([pair], None)

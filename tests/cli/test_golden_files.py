"""Every code as users see it: a file that triggers it, and its diagnostics as they are rendered, to the letter.

ALTLAS_REGENERATE=1 writes the golden files anew; then read each of them with the eyes of somebody who is stuck.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from altlas_runner.alt_file import AltParser, Diagnostic, create_sample_alt_file, validate_execution_sequence
from altlas_runner.alt_file.diagnostics import CODES
from altlas_runner.cli.rendering import full

GOLDEN = Path(__file__).parent.parent / "golden"
FILES = sorted(path.name for kind in ("json", "yaml") for path in GOLDEN.glob(f"*.alt.{kind}"))
MADE = {
    "ALT301.missing.alt.json": None,
    "ALT306.deep.alt.json": '{"id": "f", "title": "Deep", "tasks": [], "metadata": ' + '{"a": ' * 300 + "0" + "}" * 301,
    "ALT306.digits.alt.json": '{"id": "f", "title": "Many digits", "tasks": [], "metadata": {"pi": 3'
    + "1" * 5000
    + "}}",
}
"""Inputs that no one wants in a repository: too large, or not there."""

SEQUENCES = {
    "ALT201": ["task1", "tsak2", "task2", "task3"],
    "ALT202": ["task1", "task3"],
    "ALT203": ["task1", "task2", "task3", "task2"],
    "ALT204": ["task1", "task3", "task2"],
}
"""Proposed orders of execution for the sample file."""


def compare(name: str, rendered: str) -> None:
    golden = GOLDEN / f"{name}.txt"
    if os.environ.get("ALTLAS_REGENERATE"):
        golden.write_text(rendered)
    assert rendered == golden.read_text()


def validated(source: Path | str, parser: AltParser | None = None) -> list[Diagnostic]:
    """What is found in a file or a text; the one place to change when a code needs more to be found than its file."""
    return (parser or AltParser()).validate(source, inputs={})


def parser_for(name: str) -> AltParser:
    schema = GOLDEN / f"{name[:6]}.schema.json"
    return AltParser().with_schema(json.loads(schema.read_text())) if schema.exists() else AltParser()


def assert_all_are(code: str, diagnostics: Sequence[Diagnostic]) -> None:
    assert {diagnostic.code for diagnostic in diagnostics} == {code}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_rendered_as_its_golden_file_has_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(GOLDEN)
    diagnostics = validated(Path(name), parser_for(name))
    assert_all_are(name[:6], diagnostics)
    compare(name, full(diagnostics, Path(name).read_text(), name))


@pytest.mark.parametrize("name", MADE)
def test_an_input_made_here_is_rendered_as_its_golden_file_has_it(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    text = MADE[name]
    if text is not None:
        Path(name).write_text(text)
    diagnostics = validated(Path(name))
    assert_all_are(name[:6], diagnostics)
    compare(name, full(diagnostics, text, name))


@pytest.mark.parametrize("code", SEQUENCES)
def test_a_sequence_is_rendered_as_its_golden_file_has_it(code: str) -> None:
    diagnostics = validate_execution_sequence(create_sample_alt_file(), SEQUENCES[code])
    assert code in {diagnostic.code for diagnostic in diagnostics}
    compare(code, full(diagnostics, None, "sequence"))


def test_every_code_has_a_golden_file() -> None:
    assert {path.name[:6] for path in GOLDEN.glob("*.txt")} == set(CODES)


def test_every_golden_file_belongs_to_an_input() -> None:
    assert sorted(path.stem for path in GOLDEN.glob("*.txt")) == sorted([*FILES, *MADE, *SEQUENCES])

"""YAML is the same document with the types of JSON only, and cannot do anything else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from altlas_runner.alt_file import AltFile, AltParser
from altlas_runner.alt_file.yaml_text import YamlError, read_yaml
from altlas_runner.errors import AltFormatError, AltJsonError, AltParseError
from altlas_runner.testing import documents, json_values
from tests.alt_file.alt_documents import Document

FLOW = """\
# a comment
id: flow
title: A flow
created_at: 2026-03-01T12:00:00Z
tasks:
  - id: fetch
    description: |
      Fetch it.
      All of it.
    parameters: {at: 12:30, switch: on, day: 2026-03-01, number: 1.5, yes: no}
    timeout_seconds: 60
  - {id: "2", description: Sum up, dependencies: [fetch]}
"""


@pytest.mark.parametrize("name", ["flow.yaml", "flow.yml", "flow.alt.yaml", "flow.alt.YML"])
def test_a_yaml_file_is_an_alt_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(FLOW)
    alt_file = AltParser().parse_from_path(tmp_path / name)
    assert [task.id for task in alt_file.tasks] == ["fetch", "2"]
    assert alt_file.tasks[0].description == "Fetch it.\nAll of it.\n"
    assert alt_file.tasks[0].parameters == {
        "at": "12:30",
        "switch": "on",
        "day": "2026-03-01",
        "number": 1.5,
        "yes": "no",
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("-0.5e3", -500.0),
        ("0", 0),
        ("null", None),
        ("~", None),
        ("TRUE", True),
        ("false", False),
        *[
            (text, text)
            for text in ("on", "yes", "12:30", "2026-03-01", "0x10", "007", "+1", "1_000", ".5", ".inf", ".nan")
        ],
        ("'5'", "5"),
        ('"null"', "null"),
        ("!!str 5", "5"),
        ("! 5", "5"),
    ],
)
def test_a_plain_scalar_is_what_json_would_write_or_a_string(text: str, value: Any) -> None:
    read = read_yaml(f"x: {text}")
    assert read == {"x": value}
    assert type(read["x"]) is type(value)


def test_aliases_repeat_a_value() -> None:
    assert read_yaml("a: &x [1, {b: 2}]\nc: *x") == {"a": [1, {"b": 2}], "c": [1, {"b": 2}]}


def test_keys_are_texts() -> None:
    assert read_yaml("1: a\nnull: b\ntrue: c") == {"1": "a", "null": "b", "true": "c"}


BOMB = "a: &a [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n" + "".join(
    f"{b}: &{b} [{', '.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("", "ALT304", (None, None)),
        ("# nothing", "ALT304", (None, None)),
        ("a: [", "ALT302", (1, 5)),
        ("a: [1,\nb: 2", "ALT302", (2, 5)),
        ('a: "x\u2028y\x85z"\nb: [\n', "ALT302", (3, 1)),
        ("a:\n\t- b", "ALT302", (2, 1)),
        ("a: b: c", "ALT302", (1, 5)),
        ("--- a\n--- b", "ALT302", (2, 1)),
        ("a: !!python/object/apply:os.system [echo]", "ALT302", (1, 4)),
        ("a: !custom 5", "ALT302", (1, 4)),
        ("? [a]\n: b", "ALT302", (1, 3)),
        ("&k [a]: b", "ALT302", (1, 1)),
        ("a: &a [b]\n*a : c", "ALT302", (2, 1)),
        ("a: &a [*a]", "ALT302", (1, 8)),
        ("a: *nowhere", "ALT302", (1, 4)),
        ('a: "\\ud800"', "ALT302", (1, 7)),
        ("a: \0", "ALT302", (1, 4)),
        ("é: 1\nb: é\x07", "ALT302", (2, 5)),
        ("[" * 100_000, "ALT306", (1, 201)),
        ("- " * 100_000, "ALT306", (1, 401)),
        (f"a: {'1' * 5000}", "ALT306", (1, 4)),
        (BOMB, "ALT306", (7, 20)),
    ],
)
def test_what_json_cannot_say_gives_a_diagnostic_with_its_place(
    text: str, code: str, place: tuple[int | None, int | None]
) -> None:
    with pytest.raises(YamlError) as caught:
        read_yaml(text)
    diagnostic = caught.value.diagnostic
    assert (diagnostic.code, (diagnostic.line, diagnostic.column)) == (code, place)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", AltFormatError),
        (b"id: [", AltJsonError),
        (b"\xef\xbb\xbfid: a", AltJsonError),
        (b"id: \xff", AltJsonError),
        (b"id: f\ntitle: t\ntasks: []\nmetadata: {x: 1e400}", AltJsonError),
        (b"id: 5\ntitle: t\ntasks: []", AltFormatError),
        (b"just text", AltFormatError),
        (b"{id: f, title: t, tasks: [}", AltJsonError),
    ],
)
def test_errors_of_yaml_files_are_those_of_json_files(
    tmp_path: Path, content: bytes, error: type[AltParseError]
) -> None:
    (tmp_path / "flow.yaml").write_bytes(content)
    with pytest.raises(error):
        AltParser().parse_from_path(tmp_path / "flow.yaml")


def test_a_yaml_file_may_be_written_as_json(tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text('{"id": "f", "title": "t\\/\\ud83d\\ude00",\n\t"tasks": []}')
    assert AltParser().parse_from_path(tmp_path / "flow.yaml").title == "t/😀"


class QuotingDumper(yaml.SafeDumper):
    """Puts every text in quotes: PyYAML leaves `0E0` bare, no number to YAML 1.1, but one to JSON and to us."""


QuotingDumper.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
)


def as_yaml(value: Any) -> str:
    text: str = yaml.dump(value, Dumper=QuotingDumper, sort_keys=False, allow_unicode=True)
    return text


@given(json_values())
def test_every_json_value_survives_yaml(value: Any) -> None:
    assert read_yaml(as_yaml({"x": value})) == json.loads(json.dumps({"x": value}))


@given(documents() | documents(sound=False))
def test_a_yaml_file_reads_like_the_same_json_file(content: Document) -> None:
    read = read_yaml(as_yaml(content))
    assert AltFile.model_validate_json(json.dumps(read)).model_dump(
        exclude={"created_at"}
    ) == AltFile.model_validate_json(json.dumps(content)).model_dump(exclude={"created_at"})


TWICE = """\
id: f
title: once
tasks:
  - &first {id: a, description: d, parameters: {x: 1, "x": 2, x: 3}}
  - id: b
    description: d
    dependencies: [a]
    parameters: {again: *first}
title: twice
"""


def test_keys_that_stand_twice_are_told_at_the_last_of_them_and_once_where_an_alias_repeats_them(
    tmp_path: Path,
) -> None:
    """Like in JSON the last one counts, and whoever wrote both wants to know."""
    (tmp_path / "twice.yaml").write_text(TWICE)
    for source in (TWICE, tmp_path / "twice.yaml"):
        found = [d for d in AltParser().validate(source) if d.code == "ALT111"]
        assert [(d.path, d.line, d.column, d.severity) for d in found] == [
            ("/tasks/0/parameters/x", 4, 63, "warning"),
            ("/title", 9, 1, "warning"),
        ]
    assert AltParser().parse_from_string(TWICE).title == "twice"


def test_keys_twice_inside_a_value_that_does_not_count_are_not_told() -> None:
    text = "id: f\ntitle: t\nmetadata: {a: {x: 1, x: 2}}\nmetadata: {b: 1}\ntasks: []\n"
    assert [d.path for d in AltParser().validate(text) if d.code == "ALT111"] == ["/metadata"]


def test_a_yaml_file_that_holds_json_has_its_keys_and_places_read_as_json(tmp_path: Path) -> None:
    """JSON may be indented with tabs, which YAML cannot read."""
    (tmp_path / "f.yaml").write_text('{\n\t"id": "f",\n\t"title": "",\n\t"tasks": [],\n\t"tasks": []\n}')
    found = AltParser().validate(tmp_path / "f.yaml")
    assert [(d.code, d.line, d.column) for d in found] == [
        ("ALT002", 3, 11),
        ("ALT111", 5, 2),
        ("ALT101", 5, 11),
    ]


def test_lines_are_those_of_an_editor() -> None:
    """YAML ends lines at characters that end none elsewhere; the number must lead to the line that people see."""
    text = 'id: f\ntitle: "a\u2028b\u2029c\x85d"\nversion: ""\ntasks:\r\n  - {id: "😀", description: ""}\r\n'
    found = [(d.code, d.line, d.column) for d in AltParser().validate(text)]
    assert found == [("ALT003", 3, 10), ("ALT012", 5, 28)]


def test_a_tab_in_the_indentation_is_named() -> None:
    (found,) = AltParser().validate("id: f\ntasks:\n\t- id: a\n")
    assert "tab" in found.message
    assert (found.line, found.column, found.help) == (3, 1, "indent with spaces")


characters = [*"abn:-?{}[],#&*!|>'\"%@`~ \n\t\r\\0\x07\u2028😀"]
marks = ["\n  ", "- ", ": ", "---\n", "...\n", "&a ", "*a", "!!str ", "<<", "1e999"]
fields = ["id: f\n", "title: t\n", "tasks:\n", "tasks: []\n", " - id: a\n", "   description: d\n"]
yaml_pieces = st.sampled_from([*characters, *marks, *fields])


@given(st.lists(yaml_pieces).map("".join) | st.text())
def test_any_text_read_as_yaml_gives_a_file_or_an_alt_parse_error_with_places_inside_the_text(text: str) -> None:
    try:
        AltParser().parse_from_string(text, is_yaml=True)
    except AltParseError as error:
        lines = text.split("\n")
        for found in error.diagnostics:
            if found.code != "ALT304":
                assert found.line is not None
                assert found.column is not None
                assert 1 <= found.column <= len(lines[found.line - 1]) + 1

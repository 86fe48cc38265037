"""The published JSON Schema agrees with the parser, and callers may add a schema of their own."""

from __future__ import annotations

import copy
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from altlas_runner.alt_file import AltParser, alt_file_schema
from altlas_runner.alt_file.json_schema import schema_text
from altlas_runner.errors import AltFormatError, AltIoError, AltSchemaError
from altlas_runner.testing import documents
from tests.alt_file.alt_documents import Document, document, task

SCHEMA = Draft202012Validator(alt_file_schema())
BORDER_VALUES = st.sampled_from(
    [
        *[
            None,
            True,
            False,
            0,
            -1,
            1,
            255,
            256,
            10**30,
            0.5,
            -0.5,
            "",
            "5",
            "a",
            [],
            ["a"],
            [None],
            [[]],
            {},
            {"a": 1},
        ],
        *["high", "High", "pending", "DREAM", "dream\n", "nORMAL", "normal ", "ch\u00e4os"],
        *["2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z\n", "2026-13-01T12:00:00Z", "2025-02-29T12:00:00Z"],
        *["2400-02-29T12:00:00.1", "1900-02-29T12:00:00", "0000-01-01T00:00:00Z", "2026-03-01T12:00:00+24:00"],
        *[{"id": "a", "description": "d"}, [{"id": "a", "description": "d"}], [{"id": "a"}]],
    ]
)


@st.composite
def documents_near_the_border(draw: st.DrawFn) -> Any:
    """Right files in which a few values were replaced or taken out."""
    content: Any = copy.deepcopy(draw(documents(sound=False)))
    for _ in range(draw(st.integers(0, 2))):
        owner: Any = content
        if isinstance(content.get("tasks"), list) and content["tasks"] and draw(st.booleans()):
            owner = draw(st.sampled_from(content["tasks"]))
        if not isinstance(owner, dict) or not owner:
            continue
        fields = [
            *owner,
            "mode",
            "created_at",
            "priority",
            "status",
            "tags",
            "dependencies",
            "expected_completion_time",
        ]
        field = draw(st.sampled_from(fields))
        if draw(st.booleans()):
            owner.pop(field, None)
        else:
            owner[field] = draw(BORDER_VALUES)
    return content


def test_the_published_schema_is_up_to_date() -> None:
    published = files("altlas_runner.alt_file").joinpath("alt-file.schema.json").read_text(encoding="utf-8")
    assert published == schema_text(), "write the output of altlas_runner.alt_file.json_schema.schema_text() into it"


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(alt_file_schema())
    assert alt_file_schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert alt_file_schema()["additionalProperties"] is True


@given(documents_near_the_border() | BORDER_VALUES)
def test_the_schema_accepts_what_the_parser_finds_no_wrong_type_in(content: Any) -> None:
    wrong = [d for d in AltParser().validate(json.dumps(content)) if d.code == "ALT303"]
    assert SCHEMA.is_valid(content) == (not wrong), wrong


STRICTER: Document = {
    "properties": {
        "title": {"minLength": 10},
        "tasks": {"items": {"required": ["timeout_seconds"], "properties": {"id": {"pattern": "^[a-z]+$"}}}},
    }
}


def test_every_violation_of_a_given_schema_is_reported_with_its_path() -> None:
    parser = AltParser().with_schema(STRICTER)
    text = json.dumps(document(task("A1"), task("b", "A1", timeout_seconds=5)))
    with pytest.raises(AltSchemaError) as caught:
        parser.parse_from_string(text)
    assert caught.value.kind == "schema"
    assert [(d.code, d.path) for d in caught.value.diagnostics] == [
        ("ALT305", "/title"),
        ("ALT305", "/tasks/0"),
        ("ALT305", "/tasks/0/id"),
    ]
    assert caught.value.diagnostics[0].help == "mend this, or the rule /properties/title/minLength of the schema"
    assert parser.validate(text) == caught.value.diagnostics
    without_text = parser.validate(AltParser().parse_from_string(text))
    assert [(d.path, d.line) for d in without_text] == [(d.path, None) for d in caught.value.diagnostics]
    with pytest.raises(AltSchemaError):
        parser.with_strict_validation(False).parse_from_string(text)


def test_violations_stand_beside_wrong_types_and_errors_of_meaning() -> None:
    text = json.dumps(document(task("a", "a"), title=5, id=""))
    with pytest.raises(AltFormatError) as caught:
        AltParser().with_schema(STRICTER).parse_from_string(text)
    assert [d.code for d in caught.value.diagnostics] == ["ALT001", "ALT303", "ALT305", "ALT022"]


def test_a_file_that_satisfies_the_schema_parses(tmp_path: Path) -> None:
    (tmp_path / "own.schema.json").write_text(json.dumps(STRICTER))
    parser = AltParser().with_schema(tmp_path / "own.schema.json")
    assert parser.parse_from_string(json.dumps(document(task("a", timeout_seconds=5), title="Long enough"))).id == "f"
    assert AltParser().with_schema(alt_file_schema()).parse_from_string(json.dumps(document(task("a")))).id == "f"


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nonsense"},
        {"properties": 5},
        {"properties": {"title": {"pattern": "("}}},
        {"$schema": "http://json-schema.org/draft-07/schema#", "required": "x"},
    ],
)
def test_a_broken_schema_is_refused_when_it_is_given(schema: Document) -> None:
    with pytest.raises(AltSchemaError, match="cannot be used"):
        AltParser().with_schema(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/nowhere"},
        {"$ref": "https://example.invalid/schema.json"},
        {"$ref": "#"},
    ],
)
def test_a_schema_that_cannot_be_applied_is_a_schema_error_and_fetches_nothing(schema: Document) -> None:
    parser = AltParser().with_schema(schema)
    with pytest.raises(AltSchemaError, match="cannot be used"):
        parser.parse_from_string(json.dumps(document(task("a"))))
    assert [d.code for d in parser.validate(json.dumps(document(task("a"))))] == ["ALT305"]


def test_a_schema_file_that_is_missing_or_no_json_is_named(tmp_path: Path) -> None:
    with pytest.raises(AltIoError, match=r"own\.json"):
        AltParser().with_schema(tmp_path / "own.json")
    for content in ("{", "[]", "[" * 100_000):
        (tmp_path / "own.json").write_text(content)
        with pytest.raises(AltSchemaError):
            AltParser().with_schema(tmp_path / "own.json")

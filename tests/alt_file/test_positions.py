"""Every diagnostic of a text points at the value that its path names, in JSON and in YAML."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from altlas_runner.alt_file import AltParser, Diagnostic, positions
from altlas_runner.alt_file.diagnostics import json_pointer, written_forms
from altlas_runner.alt_file.positions import with_positions
from altlas_runner.alt_file.references import escape
from altlas_runner.errors import AltParseError
from altlas_runner.testing import documents, json_values

Paths = list[tuple[tuple[str | int, ...], Any]]


def paths_of(value: Any) -> Paths:
    """Every path of a JSON value, with the value it leads to."""
    found: Paths = []
    waiting: list[tuple[tuple[str | int, ...], Any]] = [((), value)]
    while waiting:
        path, item = waiting.pop()
        found.append((path, item))
        if isinstance(item, dict):
            waiting += [((*path, key), each) for key, each in item.items()]
        elif isinstance(item, list):
            waiting += [((*path, place), each) for place, each in enumerate(item)]
    return found


def rest_of(text: str, line: int | None, column: int | None) -> str:
    """The text from a position on."""
    assert line is not None
    assert column is not None
    lines = text.split("\n")
    assert 1 <= line <= len(lines)
    assert 1 <= column <= len(lines[line - 1]) + 1
    return "\n".join([lines[line - 1][column - 1 :], *lines[line:]])


@given(json_values(), st.sampled_from([None, 1, 4]), st.booleans())
def test_in_json_the_position_is_that_of_the_value(value: Any, indent: int | None, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    paths = paths_of(value)
    diagnostics = [Diagnostic("ALT303", "x", json_pointer(path)) for path, _ in paths]
    placed = with_positions(diagnostics, text, is_yaml=False)
    for (_, expected), diagnostic in zip(paths, placed, strict=True):
        found, _ = json.JSONDecoder().raw_decode(rest_of(text, diagnostic.line, diagnostic.column))
        assert json.dumps(found) == json.dumps(expected)


@given(json_values())
def test_in_json_an_unknown_field_is_shown_at_its_key(value: Any) -> None:
    text = json.dumps({"outer": value})
    diagnostics = [Diagnostic("ALT110", "x", json_pointer(path)) for path, _ in paths_of({"outer": value}) if path]
    for diagnostic in with_positions(diagnostics, text, is_yaml=False):
        if isinstance(diagnostic.path.rsplit("/", 1)[-1], str) and not diagnostic.path.rsplit("/", 1)[-1].isdigit():
            key, _ = json.JSONDecoder().raw_decode(rest_of(text, diagnostic.line, diagnostic.column))
            assert isinstance(key, str)
            assert diagnostic.path.endswith("/" + key.replace("~", "~0").replace("/", "~1"))


names = st.sampled_from(["b", "my id", 'say "x"', "it's", "é", "😀\\n", "}}", "$"])


@given(
    st.lists(names, min_size=1, max_size=3), st.sampled_from(["json", "ascii", "yaml", "folded"]), st.text("$ \n{é😀")
)
def test_a_reference_is_shown_where_it_stands_in_its_text(found: list[str], form: str, around: str) -> None:
    """In a prompt of thousands of characters nobody would find it."""
    source = [f"${{{{ tasks[{json.dumps(name, ensure_ascii=False)}].output }}}}" for name in found]
    prompt = escape(around) + " " + " ".join("$" + each + " or " + each for each in source)
    document = {"id": "f", "title": "t", "tasks": [{"id": "a", "description": prompt}]}
    if form in ("json", "ascii"):
        text = json.dumps(document, indent=1, ensure_ascii=form == "ascii")
    else:
        text = yaml.safe_dump(document, allow_unicode=True, width=10**6 if form == "yaml" else 200)
    shown = AltParser().validate(text)
    assert {each.part for each in shown} == set(source)
    for each in shown:
        assert each.part is not None
        rest = rest_of(text, each.line, each.column)
        if rest.startswith(written_forms(each.part)):
            assert each.column is not None
            assert each.column == 1 or rest_of(text, each.line, each.column - 1)[0] != "$"
        else:  # the line is folded inside it, or it is escaped as only YAML does
            assert form == "folded" or (form == "yaml" and not each.part.isascii())


def places_of(node: Any, path: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], int]]:
    """Every path of a YAML document with the index at which its value begins, as PyYAML itself puts nodes together."""
    found = [(path, node.start_mark.index)]
    if isinstance(node, yaml.MappingNode):
        inner = [(key.value, value) for key, value in node.value]
    else:
        inner = list(enumerate(node.value)) if isinstance(node, yaml.SequenceNode) else []
    return found + [place for step, value in inner for place in places_of(value, (*path, step))]


@given(json_values(), st.sampled_from([None, True, False]), st.booleans())
def test_in_yaml_the_position_is_that_of_the_value(value: Any, flow: bool | None, unicode: bool) -> None:
    text = yaml.safe_dump({"outer": value}, default_flow_style=flow, allow_unicode=unicode, width=30)
    places = places_of(yaml.compose(text, Loader=yaml.SafeLoader))
    diagnostics = [Diagnostic("ALT303", "x", json_pointer(path)) for path, _ in places]
    for (_, index), found in zip(places, with_positions(diagnostics, text, is_yaml=True), strict=True):
        assert rest_of(text, found.line, found.column) == text[index:]


def test_a_key_of_yaml_may_be_an_alias() -> None:
    text = "id: &id title\n*id : ''\ntasks: []\n"
    assert next((d.path, d.line, d.column) for d in AltParser().validate(text)) == ("/title", 2, 7)


@given(documents(sound=False))
def test_every_diagnostic_of_a_yaml_text_has_a_position_inside_the_text(document: dict[str, Any]) -> None:
    text = yaml.safe_dump(document, allow_unicode=True)
    lines = text.split("\n")
    for diagnostic in AltParser().validate(text):
        assert diagnostic.line is not None
        assert diagnostic.column is not None
        assert diagnostic.column <= len(lines[diagnostic.line - 1]) + 1


@given(documents(sound=False))
def test_errors_that_are_raised_have_the_positions_that_validate_gives(document: dict[str, Any]) -> None:
    text = json.dumps(document, indent=1)
    validated = [diagnostic for diagnostic in AltParser().validate(text) if diagnostic.code != "ALT111"]
    if any(diagnostic.severity == "error" for diagnostic in validated):
        with pytest.raises(AltParseError) as caught:
            AltParser().parse_from_string(text)
        assert caught.value.diagnostics == validated
        assert all(diagnostic.line and diagnostic.column for diagnostic in validated)


def test_a_dependency_that_is_not_there_points_at_itself_and_at_the_similar_id() -> None:
    text = """id: f
title: Fruit
tasks:
  - id: summarize
    description: Summarize
  - {id: report, description: Report, dependencies: [sumarize]}
"""
    (found,) = [each for each in AltParser().validate(text) if each.severity == "error"]
    assert (found.code, found.line, found.column) == ("ALT021", 6, 54)
    (similar,) = found.related
    assert (similar.path, similar.line, similar.column) == ("/tasks/0/id", 4, 9)


@pytest.mark.parametrize("spaces", ["", " ", "\n\t "])
def test_the_second_of_two_equal_keys_is_shown(spaces: str) -> None:
    text = f'{{"id":"f",{spaces}"title":"a", {spaces}"title":{spaces}"b","tasks":[]}}'
    (found,) = [each for each in AltParser().validate(text) if each.code == "ALT111"]
    assert rest_of(text, found.line, found.column).startswith('"title":' + spaces + '"b"')


def test_the_position_counts_code_points() -> None:
    text = '{"id": "f", "title": "👍🏽 ü", "tasks": [], "bogus": 1}'
    (found,) = [each for each in AltParser().validate(text) if each.code == "ALT110"]
    assert (found.line, found.column) == (1, text.index('"bogus"') + 1)


def test_what_an_alias_repeats_is_shown_where_the_alias_stands() -> None:
    text = """id: f
title: t
tasks:
  - {id: a, description: d, parameters: {}}
  - &twice {id: b, description: d, dependencies: [nowhere]}
  - *twice
"""
    found = {each.path: each.line for each in AltParser().validate(text)}
    assert found["/tasks/1/dependencies/0"] == 5
    assert found["/tasks/2/dependencies/0"] == 6


def test_a_file_that_is_not_text_has_no_positions() -> None:
    alt_file = AltParser().with_strict_validation(False).parse_from_string('{"id": "f", "title": " ", "tasks": []}')
    assert {(each.line, each.column) for each in AltParser().validate(alt_file)} == {(None, None)}


def with_bad_references(count: int, *, dollar: str = "$") -> str:
    references = "\\n".join(f"{dollar}{{{{ tasks.b{number}.output }}}}" for number in range(count))
    return '{"id": "f", "title": "t",\n "tasks": [{"id": "a", "description": "' + references + '"}]}'


def test_thousands_of_references_in_one_text_have_their_places_in_little_time() -> None:
    text = with_bad_references(10_000)
    before = time.process_time()
    found = AltParser().validate(text)
    assert time.process_time() - before < 8  # each looked for from the beginning of the text: 16 s
    line = text.splitlines()[1]
    assert [each.column for each in found] == [match.start() + 1 for match in re.finditer(r"\$\{\{", line)]
    assert {each.line for each in found} == {2}


def test_a_part_behind_an_escape_is_looked_for_no_longer_than_there_is_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(positions, "_MOST_SEARCHED", 1000)
    text = with_bad_references(100, dollar="\\u0024") + " " * 10
    column = text.splitlines()[1].index('"$'.replace("$", "\\u0024")) + 1
    assert {(each.line, each.column) for each in AltParser().validate(text)} == {(2, column)}


def test_a_very_long_pointer_ends_at_a_value_around() -> None:
    """Ten thousand problems below a key of a megabyte would otherwise take ten gigabytes."""
    key = "k" * 1_000_000
    references = [f"${{{{ tasks.b{number}.output }}}}" for number in range(3)]
    tasks = [{"id": "a", "description": "d", "parameters": {"x": {key: references}}}]
    found = AltParser().validate(json.dumps({"id": "f", "title": "t", "tasks": tasks}))
    assert [each.path for each in found] == ["/tasks/0/parameters/x"] * 3
    assert all(each.column and each.column > 1_000_000 for each in found)
    assert json_pointer(["a", "~/", 3]) == "/a/~0~1/3"
    assert json_pointer(["a", "b" * 997]) == "/a/" + "b" * 997
    assert json_pointer(["a", "b" * 998, "c"]) == "/a"

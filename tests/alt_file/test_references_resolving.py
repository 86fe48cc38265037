"""Values take the place of references, with their types, and what leads nowhere says where it ends."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altlas_runner.alt_file.references import escape, step_text
from altlas_runner.alt_file.resolving import resolve, resolve_text
from altlas_runner.errors import ReferenceNotFoundError
from altlas_runner.testing import json_values

OUTPUTS = {"fetch": {"items": [{"name": "tea"}, {"name": "coffee"}], "total": 2, "": None}, "my id": "plain"}


@given(json_values())
def test_a_single_reference_takes_the_value_with_its_type(value: Any) -> None:
    found = resolve("${{ tasks.a.output }}", {"a": value}, {})
    assert found is value


@given(json_values())
def test_inside_a_text_values_stand_as_text(value: Any) -> None:
    found = resolve("<${{ inputs.a }}>", {}, {"a": value})
    assert found.startswith("<")
    assert found.endswith(">")
    inner = found[1:-1]
    assert inner == value if isinstance(value, str) else json.loads(inner) == value


def test_a_description_stays_a_text() -> None:
    assert resolve_text("${{ inputs.list }}", {}, {"list": ["ü", None, True, 1.5]}) == '["ü", null, true, 1.5]'
    assert resolve_text("${{ inputs.text }}", {}, {"text": "plain"}) == "plain"


@given(json_values())
def test_values_without_references_stay_as_they_are(value: Any) -> None:
    def escaped(item: Any) -> Any:
        if isinstance(item, dict):
            return {key: escaped(inner) for key, inner in item.items()}
        if isinstance(item, list):
            return [escaped(inner) for inner in item]
        return escape(item) if isinstance(item, str) else item

    assert resolve(escaped(value), {}, {}) == value


@given(json_values(), st.data())
def test_a_path_leads_to_the_value_behind_it(value: Any, data: st.DataObject) -> None:
    path, target = "", value
    while isinstance(target, (dict, list)) and target and data.draw(st.booleans()):
        step = data.draw(st.sampled_from(list(target) if isinstance(target, dict) else range(len(target))))
        path, target = path + step_text(step), target[step]
    assert resolve([f"${{{{ tasks.a.output{path} }}}}"], {"a": value}, {})[0] is target


def test_references_stand_anywhere_in_values_but_not_in_keys() -> None:
    parameters = {"${{ inputs.n }}": [{"deep": "${{ tasks.fetch.output.items[1] }}"}, "${{ inputs.n }} x", 7]}
    assert resolve(parameters, OUTPUTS, {"n": 3}) == {"${{ inputs.n }}": [{"deep": {"name": "coffee"}}, "3 x", 7]}


@pytest.mark.parametrize(
    ("reference", "place", "part", "found"),
    [
        ("tasks.gone.output", "tasks", ".gone", 'an object with "fetch", "my id"'),
        ('tasks["my id"].output.x', 'tasks["my id"].output', ".x", "a text"),
        ("tasks.fetch.output.rows", "tasks.fetch.output", ".rows", 'an object with "items", "total", ""'),
        ("tasks.fetch.output.items[2].name", "tasks.fetch.output.items", "[2]", "an array of 2 items"),
        ("tasks.fetch.output.items.name", "tasks.fetch.output.items", ".name", "an array of 2 items"),
        ("tasks.fetch.output[0]", "tasks.fetch.output", "[0]", 'an object with "items", "total", ""'),
        ("tasks.fetch.output.total.x", "tasks.fetch.output.total", ".x", "a number"),
        ('tasks.fetch.output[""].x', 'tasks.fetch.output[""]', ".x", "null"),
        ("inputs.none", "inputs", ".none", "empty"),
    ],
)
def test_what_leads_nowhere_says_how_far_it_came_and_what_was_there(
    reference: str, place: str, part: str, found: str
) -> None:
    with pytest.raises(ReferenceNotFoundError) as caught:
        resolve(f"see ${{{{ {reference} }}}}", OUTPUTS, {})
    error = caught.value
    assert error.code == "REFERENCE_NOT_FOUND"
    assert (error.reference, error.place, error.part, error.found) == (f"${{{{ {reference} }}}}", place, part, found)
    assert all(piece in str(error) for piece in (reference, place, part, found))


def test_the_words_never_show_a_value_and_stay_short() -> None:
    output = {"secret": "k-12345", **{f"key {i}": i for i in range(50)}}
    with pytest.raises(ReferenceNotFoundError) as caught:
        resolve(f"${{{{ tasks.a.output['{'x' * 5000}\x1b'] }}}}", {"a": output}, {})
    text = str(caught.value)
    assert "k-12345" not in text
    assert "46 more" in text
    assert len(text) < 600
    assert text.isprintable()

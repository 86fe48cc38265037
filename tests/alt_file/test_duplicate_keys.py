"""Keys that stand twice in one object are told if and only if they are there, in JSON and in YAML."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altlas_runner.alt_file import AltParser
from altlas_runner.alt_file.diagnostics import json_pointer


@dataclass(frozen=True)
class Pairs:
    """An object as it is written, key after key."""

    pairs: list[tuple[str, Any]]


values: st.SearchStrategy[Any] = st.recursive(
    st.integers(0, 3) | st.sampled_from(["x", "", None]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(st.tuples(st.sampled_from(["a", "b", "", "a/b", "~", "é"]), inner), max_size=5).map(Pairs)
    ),
    max_leaves=20,
)


def written(value: Any) -> str:
    """JSON, which YAML can read as well."""
    if isinstance(value, Pairs):
        return "{" + ", ".join(f"{json.dumps(key)}: {written(item)}" for key, item in value.pairs) + "}"
    if isinstance(value, list):
        return "[" + ",\n  ".join(map(written, value)) + "]"
    return json.dumps(value)


def repeated(value: Any, path: tuple[str | int, ...]) -> Iterator[str]:
    """The pointers to keys that stand twice, in what counts: the last of equal keys."""
    if isinstance(value, Pairs):
        keys = [key for key, _ in value.pairs]
        yield from (json_pointer((*path, key)) for key in dict.fromkeys(keys) if keys.count(key) > 1)
        for key, item in dict(value.pairs).items():
            yield from repeated(item, (*path, key))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from repeated(item, (*path, place))


@pytest.mark.parametrize(
    "around", ['{"id": "f", "title": "t", "tasks": [],\n"author": %}', "id: f\ntitle: t\ntasks: []\nauthor: %"]
)
@given(values)
def test_exactly_the_keys_that_stand_twice_are_told_at_the_last_of_them(around: str, value: Any) -> None:
    text = around.replace("%", written(value))
    found = [diagnostic for diagnostic in AltParser().validate(text) if diagnostic.code == "ALT111"]
    assert sorted(each.path for each in found) == sorted(repeated(value, ("author",)))
    lines = text.split("\n")
    for each in found:
        (first,) = each.related
        for place in (each, first):
            assert place.line is not None
            assert place.column is not None
            key, _ = json.JSONDecoder().raw_decode(lines[place.line - 1][place.column - 1 :])
            assert json_pointer((key,)) == "/" + each.path.rsplit("/", 1)[1]
        assert (first.line, first.column) < (each.line, each.column)


@pytest.mark.parametrize("head", ['{"id": "f", "title": "t", "tasks": [],\n%}', "id: f\ntitle: t\ntasks: []\n%"])
def test_the_first_of_the_equal_keys_is_shown_too(head: str) -> None:
    """An object that does not count has the key as well; what is meant is the first one in the same object."""
    text = head.replace("%", '"author": {"a": 1},\n"author": {"a": 2,\n"a": 3,\n"a": 4}')
    if not text.startswith("{"):
        text = text.replace("},\n", "}\n")
    found = [diagnostic for diagnostic in AltParser().validate(text) if diagnostic.code == "ALT111"]
    places = [(each.path, each.line, *(place.line for place in each.related)) for each in found]
    line = text[: text.index('"author"')].count("\n") + 1
    assert places == [("/author", line + 1, line), ("/author/a", line + 3, line + 1)]

"""No output, however strange, costs the LAST file of a run."""

import json
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from altlas_runner.last_file import LastFile
from altlas_runner.last_file.json_values import MAX_DEPTH, as_json_value
from altlas_runner.last_file.models import last_file_adapter
from altlas_runner.results import Artifact, Usage
from tests.last_file.fabricate import START, alt_file, completed, gathered

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@dataclass
class Point:
    x: int


class Colour(Enum):
    RED = "red"


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError("no")

    __repr__ = __str__


@given(JSON)
@settings(max_examples=60, deadline=None)
def test_json_values_come_back_unchanged(value: Any) -> None:
    last_file = gathered(alt_file({"a": ()}), [completed("a", value)])
    again = LastFile.from_json(last_file.to_json())
    assert again.task_results[0].output == value
    assert again == last_file
    assert last_file.to_json() == last_file_adapter().dump_json(last_file) + b"\n", "our writer is only quicker"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (math.nan, None),
        ([math.inf, -math.inf], [None, None]),
        ("a\ud800b", "a\ufffdb"),
        ("\ud83d\ude00", "😀"),
        ({"\udc00": 1}, {"\ufffd": 1}),
        ((1, 2), [1, 2]),
        ({3}, [3]),
        ({1: "a", None: "b"}, {"1": "a", "None": "b"}),
        (b"caf\xc3\xa9\xff", "café\\xff"),
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00Z"),
        (Point(1), {"x": 1}),
        (Colour.RED, "red"),
        (Hostile(), "[Hostile]"),
        ([10**5000], ["[integer of 16610 bits]"]),
        (10**30, 10**30),
        (True, True),
    ],
)
def test_what_json_cannot_hold_is_replaced(value: Any, expected: Any) -> None:
    last_file = gathered(alt_file({"a": ()}), [completed("a", value)])
    assert last_file.task_results[0].output == expected
    assert LastFile.from_json(last_file.to_json()) == last_file


def test_a_value_that_contains_itself_is_cut_where_it_does() -> None:
    value: dict[str, Any] = {"name": "loop"}
    value["self"] = [value, value]
    assert as_json_value(value) == {"name": "loop", "self": ["[contains itself]", "[contains itself]"]}


def test_deep_nesting_is_cut_so_that_the_file_can_be_read_again() -> None:
    value: Any = "core"
    for _ in range(50_000):
        value = [value]
    last_file = gathered(alt_file({"a": ()}, metadata={"deep": {"er": 1}}), [completed("a", value)])
    assert LastFile.from_json(last_file.to_json()) == last_file
    assert f"nested deeper than {MAX_DEPTH} levels" in json.dumps(last_file.task_results[0].output)


def test_a_shared_value_is_not_taken_for_a_loop() -> None:
    shared = [1]
    assert as_json_value([shared, shared]) == [[1], [1]]


def test_strange_values_beside_the_output_are_replaced_too() -> None:
    artifact = Artifact("a", "other", "x/y", 1, "0" * 64, "artifacts/\ud800", "\ud800", {"at": START})
    result = completed("a", usage=Usage(1, 2, math.nan), artifacts=[artifact], metadata={"set": {1}}, error="\udc00")
    last_file = gathered(alt_file({"a": ()}), [result])
    assert LastFile.from_json(last_file.to_json()) == last_file
    assert last_file.task_results[0].usage == Usage(1, 2, None)
    assert last_file.task_results[0].metadata == {"set": [1]}

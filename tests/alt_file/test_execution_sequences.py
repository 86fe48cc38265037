"""Proposed orders of execution, and the order that the file itself proposes."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altlas_runner.alt_file import AltFile, validate_execution_sequence
from altlas_runner.errors import AltValidationError
from altlas_runner.testing import documents
from tests.alt_file.alt_documents import Document, document, task

DIAMOND = AltFile.model_validate(document(task("a"), task("b", "a"), task("c", "a"), task("d", "b", "c")))


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (["a", "b", "c", "d"], []),
        (["a", "c", "b", "d"], []),
        (["a", "b", "x", "c", "d"], [("ALT201", "/2")]),
        (["a", "b", "d"], [("ALT202", "")]),
        (["a", "b", "b", "c", "d"], [("ALT203", "/2")]),
        (["a", "b", "d", "c"], [("ALT204", "/2")]),
        (["d", "a"], [("ALT202", ""), ("ALT202", "")]),
        (["b", "a", "x", "a"], [("ALT202", ""), ("ALT202", ""), ("ALT204", "/0"), ("ALT201", "/2"), ("ALT203", "/3")]),
    ],
)
def test_each_mistake_in_a_sequence_is_named(ids: Sequence[str], expected: list[tuple[str, str]]) -> None:
    assert [(d.code, d.path) for d in validate_execution_sequence(DIAMOND, ids)] == expected


def test_a_misspelt_task_comes_with_the_name_that_was_meant() -> None:
    alt_file = AltFile.model_validate(document(task("fetch")))
    (unknown, missing) = sorted(validate_execution_sequence(alt_file, ["Fetsch"]), key=lambda d: d.code)
    assert unknown.help == 'did you mean "fetch"?'
    assert missing.message == 'the sequence misses task "fetch"'


def test_the_order_is_that_of_the_file_where_it_can_be() -> None:
    assert DIAMOND.execution_order() == ["a", "b", "c", "d"]


def test_a_file_with_errors_has_no_order() -> None:
    alt_file = AltFile.model_validate(document(task("a", "b"), task("b", "a")))
    with pytest.raises(AltValidationError) as caught:
        alt_file.execution_order()
    assert [d.code for d in caught.value.diagnostics] == ["ALT023"]


@given(documents() | documents(sound=False))
def test_the_execution_order_is_a_valid_sequence(content: Document) -> None:
    alt_file = AltFile.model_validate_json(json.dumps(content))
    try:
        order = alt_file.execution_order()
    except AltValidationError:
        return
    assert validate_execution_sequence(alt_file, order) == []


@given(st.data())
def test_a_shuffled_sequence_is_valid_exactly_when_dependencies_come_first(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 6))
    rows = [
        data.draw(st.lists(st.sampled_from([f"t{j}" for j in range(i)]), unique=True) if i else st.just([]))
        for i in range(count)
    ]
    alt_file = AltFile.model_validate(document(*(task(f"t{i}", *row) for i, row in enumerate(rows))))
    order = data.draw(st.permutations(alt_file.execution_order()))
    sound = all(order.index(name) < order.index(f"t{i}") for i, row in enumerate(rows) for name in row)
    assert (validate_execution_sequence(alt_file, order) == []) == sound

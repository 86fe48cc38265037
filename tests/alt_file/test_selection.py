"""A selection is a part of a file that can run by itself."""

import pytest

from altlas_runner import create_sample_alt_file, validate_alt_file
from altlas_runner.alt_file import AltFile
from altlas_runner.alt_file.selection import Selection
from altlas_runner.errors import ConfigurationError
from altlas_runner.testing import alt_file_of

DIAMOND = alt_file_of(
    {"id": "top"},
    {"id": "left", "dependencies": ["top"]},
    {"id": "right", "dependencies": ["top"]},
    {"id": "bottom", "dependencies": ["left", "right"]},
    {"id": "beside"},
)


def ids(alt_file: AltFile) -> list[str]:
    return [task.id for task in alt_file.tasks]


@pytest.mark.parametrize(
    ("selection", "selected"),
    [
        (Selection(only=["right", "top"]), ["top", "right"]),
        (Selection(from_tasks=["left"]), ["left", "bottom"]),
        (Selection(until=["left"]), ["top", "left"]),
        (Selection(from_tasks=["left", "beside"]), ["left", "bottom", "beside"]),
        (Selection(from_tasks=["top"], until=["right"]), ["top", "right"]),
    ],
)
def test_what_is_selected_stays_in_file_order(selection: Selection, selected: list[str]) -> None:
    assert ids(selection.apply_to(DIAMOND)) == selected


def test_a_dependency_that_is_not_selected_counts_as_done() -> None:
    part = Selection(from_tasks=["left"]).apply_to(DIAMOND)
    assert [task.dependencies for task in part.tasks] == [[], ["left"]]
    assert not [each for each in validate_alt_file(part) if each.severity == "error"]


def test_the_file_itself_stays_as_it_is() -> None:
    alt = create_sample_alt_file()
    before = alt.model_dump_json()
    Selection(only=["task2"]).apply_to(alt)
    assert alt.model_dump_json() == before


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        (Selection(only=["lef"]), 'no task "lef" to select.*left'),
        (Selection(only=["left"], until=["top"]), "cannot be combined"),
        (Selection(from_tasks=["left"], until=["right"]), "no task is selected"),
    ],
)
def test_a_selection_that_makes_no_sense_says_why(selection: Selection, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        selection.apply_to(DIAMOND)


USING = alt_file_of(
    {"id": "a"},
    {"id": "b", "dependencies": ["a"]},
    {"id": "c", "dependencies": ["b"], "parameters": {"text": "${{ tasks.a.output }}"}},
)


def test_a_task_that_uses_an_output_that_is_not_selected_is_refused() -> None:
    with pytest.raises(ConfigurationError, match='"c" uses the output of "a", which is not selected; until "c"'):
        Selection(from_tasks=["b"]).apply_to(USING)


def test_a_selected_task_waits_for_the_outputs_that_it_uses() -> None:
    part = Selection(only=["a", "c"]).apply_to(USING)
    assert part.tasks[1].dependencies == ["a"]
    assert not [each for each in validate_alt_file(part) if each.severity == "error"]

"""Several files become one, and every dependency and every reference still means the task it meant."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altlas_runner.alt_file import AltFile, AltMode, AltParser, Priority, Task, TaskGraph
from altlas_runner.alt_file.merging import new_task_ids
from altlas_runner.alt_file.references import rename_tasks
from altlas_runner.errors import AltFormatError
from altlas_runner.testing import alt_file_of, alt_files
from tests.alt_file.alt_documents import Document


def merged(*files: AltFile) -> AltFile:
    return AltParser().merge_alt_files(files, "Merged")


def ids_of(alt_file: AltFile) -> list[str]:
    return [task.id for task in alt_file.tasks]


def test_a_merged_file_is_new_and_names_its_sources() -> None:
    first = alt_file_of({"id": "a"}, id="one", version="7", mode="chaos")
    second = alt_file_of({"id": "b"}, id="two")
    whole = merged(first, second)
    assert (whole.title, whole.version, whole.mode) == ("Merged", "1.0", AltMode.NORMAL)
    assert whole.id not in {"one", "two", merged(first, second).id}
    assert whole.description == "Merged from 2 files"
    assert whole.metadata is not None
    assert (whole.metadata["source_file_0"], whole.metadata["source_file_1"]) == ("one", "two")
    assert {"id", "version", "created_at", "mode"} <= whole.model_fields_set


def test_the_tasks_of_the_files_follow_each_other() -> None:
    assert ids_of(merged(alt_file_of({"id": "b"}, {"id": "a"}), alt_file_of({"id": "d"}, {"id": "c"}))) == list("badc")


def test_merging_nothing_is_a_format_error() -> None:
    with pytest.raises(AltFormatError) as caught:
        AltParser().merge_alt_files([], "Merged")
    assert [d.severity for d in caught.value.diagnostics] == ["error"]


def test_merging_one_file_keeps_its_tasks() -> None:
    alone = alt_file_of({"id": "a"}, {"id": "b", "dependencies": ["a"]})
    whole = AltParser().merge_alt_files(iter([alone]), "Merged")
    assert (whole.tasks, whole.description) == (alone.tasks, "Merged from 1 file")


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["a b", "b c"], "a b 1_b c"),
        (["b", "c", "b"], "b c 2_b"),
        (["b", "b", "b"], "b 1_b 2_b"),
        (["b 1_b", "b"], "b 1_b 1_b_2"),
        (["b", "1_b b"], "b 1_b 1_b_2"),
        (["b", "b", "1_b 1_b_2"], "b 1_b_3 1_b 1_b_2"),
        (["b 1_b", "b 1_b"], "b 1_b 1_b_2 1_1_b"),
        (["b b_2", "b b_2"], "b b_2 1_b 1_b_2"),
        (["b b_2 1_b", "b_2 b"], "b b_2 1_b 1_b_2 1_b_3"),
        (["b b_2 1_b", "b b_2"], "b b_2 1_b 1_b_2 1_b_2_2"),
        (["a", "", "a"], "a 2_a"),
    ],
)
def test_the_later_task_gets_the_number_of_its_file_in_front(files: list[str], expected: str) -> None:
    made = [alt_file_of(*({"id": name} for name in names.split())) for names in files]
    assert ids_of(merged(*made)) == expected.split()


def test_dependencies_follow_whatever_the_order_of_the_tasks() -> None:
    first = alt_file_of({"id": "a"}, {"id": "b"})
    second = alt_file_of({"id": "c", "dependencies": ["b", "x", "b"]}, {"id": "b", "dependencies": ["x"]}, {"id": "x"})
    whole = merged(first, second)
    assert [(task.id, task.dependencies) for task in whole.tasks[2:]] == [
        ("c", ["1_b", "x", "1_b"]),
        ("1_b", ["x"]),
        ("x", None),
    ]


def test_references_follow_in_descriptions_and_everywhere_in_parameters() -> None:
    text = "${{ tasks.b.output }} and ${{ tasks.x.output }}"
    second = alt_file_of(
        {"id": "c", "description": text, "dependencies": ["b"], "parameters": {"deep": [{"er": [text, 5]}], text: "k"}},
        {"id": "b"},
        {"id": "x"},
    )
    followed = "${{ tasks.1_b.output }} and ${{ tasks.x.output }}"
    changed = merged(alt_file_of({"id": "b"}), second).tasks[1]
    assert changed.description == followed
    assert changed.parameters == {"deep": [{"er": [followed, 5]}], text: "k"}
    assert second.tasks[0].description == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${{ tasks.b.output }}", "${{ tasks.1_b.output }}"),
        ("${{tasks.b.output}}", "${{tasks.1_b.output}}"),
        ('${{  tasks["b"].output.rows[0]["b"]  }}', '${{  tasks.1_b.output.rows[0]["b"]  }}'),
        ("${{ tasks['b'].output }}", "${{ tasks.1_b.output }}"),
        ('${{ tasks["my id"].output.b }}', '${{ tasks["1_my id"].output.b }}'),
        ("${{ tasks['it\\'s \"b\"'].output }}", '${{ tasks["1_it\'s \\"b\\""].output }}'),
        ('${{ tasks["\\u0062"].output }}', "${{ tasks.1_b.output }}"),
        ("${{ tasks.é.output }}", '${{ tasks["1_é"].output }}'),
        ("a ${{ tasks.b.output }}${{ tasks.c.output }} b", "a ${{ tasks.1_b.output }}${{ tasks.b.output }} b"),
        *[
            (text, text)
            for text in (
                "$${{ tasks.b.output }}",
                "$$${{ tasks.b.output }}",
                "${{ tasks.b $${{ tasks.b.output }}",
                "tasks.b.output",
                "{{ tasks.b.output }}",
                "${{ tasks.bb.output }}",
                "${{ tasks.b-b.output }}",
                "${{ tasks.b.outputs }}",
                "${{ tasks.b }}",
                "${{ tasks.b.output",
                "${{ tasks.b.output + 1 }}",
                "${{ inputs.b }}",
                "${{ x.tasks.b.output }}",
                '${{ tasks["\\q"].output }}',
                "",
            )
        ],
    ],
)
def test_only_references_to_renamed_tasks_change(text: str, expected: str) -> None:
    new_ids = {"b": "1_b", "c": "b", "my id": "1_my id", 'it\'s "b"': '1_it\'s "b"', "é": "1_é"}
    assert rename_tasks(text, new_ids) == expected


def test_the_priority_of_a_file_goes_with_its_tasks() -> None:
    first = alt_file_of(
        {"id": "a"}, {"id": "b", "priority": Priority.LOW}, {"id": "c", "priority": None}, priority="high"
    )
    second = alt_file_of({"id": "d"})
    whole = merged(first, second)
    assert [task.priority for task in whole.tasks] == ["high", "low", "high", None]
    assert whole.priority is None
    assert "priority" not in whole.tasks[3].model_fields_set


def test_what_files_say_about_the_whole_is_kept_in_the_metadata() -> None:
    first = alt_file_of({"id": "a"}, mode="dream", persona="poet", metadata={"x": 1}, tags=["p", "q"])
    second = alt_file_of({"id": "b"}, tags=["q", "r"])
    third = alt_file_of({"id": "c"}, expected_completion_time=0)
    whole = merged(first, second, third)
    assert whole.metadata is not None
    assert whole.metadata["sources"] == {
        "source_file_0": {"mode": "dream", "persona": "poet", "metadata": {"x": 1}},
        "source_file_2": {"expected_completion_time": 0},
    }
    assert (whole.tags, whole.persona) == (["p", "q", "r"], None)
    assert merged(second).metadata == {"source_file_0": "test"}


def test_of_unknown_fields_of_the_files_the_first_counts_and_those_of_tasks_stay() -> None:
    first = alt_file_of({"id": "a", "own": 1}, x=1, y=None)
    second = alt_file_of({"id": "b"}, x=2, z=[3])
    whole = merged(first, second)
    assert whole.model_extra == {"x": 1, "y": None, "z": [3]}
    assert whole.tasks[0].model_extra == {"own": 1}


def test_a_dependency_that_leads_nowhere_still_leads_nowhere() -> None:
    second = alt_file_of({"id": "a", "dependencies": ["1_a"]})
    whole = merged(alt_file_of({"id": "a"}), second)
    assert [(task.id, task.dependencies) for task in whole.tasks] == [("a", None), ("1_a_2", ["1_a"])]


def test_merged_lists_and_parameters_are_copies() -> None:
    first = alt_file_of({"id": "a", "dependencies": [], "parameters": {"deep": [1]}})
    whole = merged(first)
    assert whole.tasks[0].dependencies is not None
    assert whole.tasks[0].parameters is not None
    whole.tasks[0].dependencies.append("x")
    whole.tasks[0].parameters["deep"].append(2)
    assert (first.tasks[0].dependencies, first.tasks[0].parameters) == ([], {"deep": [1]})


FILES = st.lists(alt_files(), min_size=1, max_size=4)


@given(FILES)
def test_every_file_keeps_its_graph_under_the_new_names(files: list[AltFile]) -> None:
    whole = merged(*files)
    graph = TaskGraph.from_alt_file(whole)
    assert len(graph.index_of) == len(graph.ids) == sum(len(file.tasks) for file in files)
    start = 0
    for file in files:
        own = TaskGraph.from_alt_file(file)
        rows = graph.dependencies[start : start + len(own.ids)]
        assert rows == [tuple(start + dependency for dependency in row) for row in own.dependencies]
        for task, after in zip(file.tasks, whole.tasks[start:], strict=False):
            names = [graph.index_of[name] - start for name in names_referred_to(after)]
            assert names == [own.index_of[name] for name in names_referred_to(task)]
            assert without_references(after) == without_references(task)
            assert after.model_copy(update=changeable(task)) == task
            assert (after.priority or Priority.MEDIUM) == (task.priority or file.priority or Priority.MEDIUM)
        start += len(own.ids)


def changeable(task: Task) -> Document:
    names = ("id", "description", "dependencies", "parameters", "priority")
    return {name: getattr(task, name) for name in names}


def names_referred_to(task: Task) -> list[str]:
    """The ids in the references of a task; the strategies write no `}}` and no `]` inside a name."""
    found = []
    for text in texts_of([task.description, task.parameters]):
        for piece in re.sub(r"\$\$\{\{", "", text).split("${{")[1:]:
            inner = piece.split("}}")[0].strip().removeprefix("tasks")
            found.append(json.loads(inner[1 : inner.index("]")]) if inner[0] == "[" else inner.split(".")[1])
    return found


def without_references(task: Task) -> list[str]:
    return [
        re.sub(r'(\$\$\{\{)|(\$\{\{ *tasks)(\.[^.\[ ]+|\["[^\]]*"\])', r"\1\2", text)
        for text in texts_of([task.description, task.parameters])
    ]


def texts_of(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for item in inner for text in texts_of(item)]


@given(FILES)
def test_new_ids_are_as_short_as_the_rule_allows(files: list[AltFile]) -> None:
    everywhere = {task.id for file in files for task in file.tasks}
    given_out: set[str] = set()
    for index, (file, new_ids) in enumerate(zip(files, new_task_ids(files), strict=True)):
        before = {task.id for earlier in files[:index] for task in earlier.tasks}
        assert set(new_ids) == {task.id for task in file.tasks} & before
        for old, new in new_ids.items():
            wanted = f"{index}_{old}"
            choices = [wanted] + [f"{wanted}_{count}" for count in range(2, 50)]
            assert new == next(name for name in choices if name not in everywhere | given_out)
            given_out.add(new)


@given(FILES)
def test_a_merged_file_of_sound_files_is_sound_and_can_be_saved(files: list[AltFile]) -> None:
    whole = merged(*files)
    assert [d for d in AltParser().validate(whole) if d.severity == "error"] == []
    assert AltParser().parse_from_string(whole.model_dump_json(exclude_unset=True)) == whole

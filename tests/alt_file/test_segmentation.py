"""Documents of the Segmentation Service are read as plain ALT, and problems are told in their own paths and names."""

from __future__ import annotations

import copy
import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from altlas_runner import TaskManager, TaskStatus
from altlas_runner.alt_file import AltFile, AltMode, AltParser, TaskGraph
from altlas_runner.alt_file.segmentation import Segmentation
from altlas_runner.errors import AltFormatError, AltParseError, AltSchemaError, AltValidationError
from altlas_runner.testing import FakeExecutor, documents, json_values, run_in_virtual_time
from tests.alt_file.alt_documents import Document, codes_and_paths, document, task, validated
from tests.needs import workload_files


def segment(segment_id: str, *dependencies: str, **fields: Any) -> Document:
    return {
        "id": segment_id,
        "task_type": "execute",
        "content": "Do it",
        "parameters": [],
        "dependencies": list(dependencies),
        **fields,
    }


def asked(*segments: Any, **fields: Any) -> Document:
    return {
        "id": "f",
        "command": "Do all",
        "language": "tr",
        "timestamp": "2025-04-28T00:28:21.922739",
        "chaos_level": None,
        "segments": list(segments),
        **fields,
    }


def parameter(name: str, value: Any, **fields: Any) -> Document:
    return {"name": name, "value": value, **fields}


def parsed(content: Document) -> AltFile:
    return AltParser().parse_from_string(json.dumps(content))


def test_every_field_finds_its_place() -> None:
    alt_file = parsed(
        {
            "id": "f",
            "version": "1.0",
            "timestamp": "2025-04-28T00:28:21.922739",
            "command": "Sort the files",
            "language": "tr",
            "mode": "Chaos",
            "persona": "analyst",
            "chaos_level": 5,
            "segments": [
                {
                    "id": "a",
                    "task_type": "execute",
                    "content": "Sort",
                    "parameters": [
                        parameter("content", "Sort", type="string", required=True, description="What"),
                        parameter("limit", 10, type="integer", required=False),
                        parameter("plain", [None]),
                    ],
                    "dependencies": ["b"],
                    "metadata": {"confidence": 0.5},
                },
                {"id": "b", "content": "Find", "timeout_seconds": 5, "tags": ["x"], "priority": "high"},
            ],
            "metadata": {"source": "test"},
            "tags": ["kept"],
        }
    )
    assert json.loads(alt_file.model_dump_json(exclude_unset=True)) == {
        "id": "f",
        "version": "1.0",
        "created_at": "2025-04-28T00:28:21.922739Z",
        "title": "Sort the files",
        "mode": "chaos",
        "persona": "analyst",
        "tasks": [
            {
                "id": "a",
                "description": "Sort",
                "dependencies": ["b"],
                "parameters": {"task_type": "execute", "content": "Sort", "limit": 10, "plain": [None]},
            },
            {"id": "b", "description": "Find", "timeout_seconds": 5, "tags": ["x"], "priority": "high"},
        ],
        "metadata": {
            "source": "test",
            "segmentation": {
                "language": "tr",
                "chaos_level": 5,
                "segments": {
                    "a": {
                        "metadata": {"confidence": 0.5},
                        "parameters": {
                            "content": {"type": "string", "required": True, "description": "What"},
                            "limit": {"type": "integer", "required": False},
                        },
                    }
                },
            },
        },
        "tags": ["kept"],
    }
    assert alt_file.mode is AltMode.CHAOS


def test_a_parameter_called_task_type_wins_and_the_other_is_kept() -> None:
    alt_file = parsed(asked(segment("a", parameters=[parameter("task_type", "own")])))
    assert alt_file.tasks[0].parameters == {"task_type": "own"}
    assert alt_file.metadata is not None
    assert alt_file.metadata["segmentation"]["segments"] == {"a": {"task_type": "execute"}}


def test_a_value_of_the_metadata_called_segmentation_is_kept_inside() -> None:
    alt_file = parsed(asked(segment("a"), metadata={"segmentation": 7}))
    assert alt_file.metadata == {"segmentation": {"language": "tr", "chaos_level": None, "metadata": 7}}


def test_a_segment_without_parameters_and_type_has_none() -> None:
    bare = {"id": "a", "content": "Do it"}
    alt_file = parsed({"id": "f", "command": "c", "segments": [bare, {**bare, "id": "b", "parameters": None}]})
    assert [each.parameters for each in alt_file.tasks] == [None, None]
    assert "parameters" not in alt_file.tasks[0].model_fields_set
    assert (alt_file.metadata, "created_at" in alt_file.model_fields_set) == (None, False)


def test_fields_that_would_take_the_place_of_others_are_kept_in_the_metadata_and_told() -> None:
    content = asked(segment("a", description="other"), title="other", created_at="other")
    assert codes_and_paths(content) == [
        ("ALT110", "/segments/0/description"),
        ("ALT110", "/title"),
        ("ALT110", "/created_at"),
    ]
    alt_file = parsed(content)
    assert (alt_file.title, alt_file.tasks[0].description) == ("Do all", "Do it")
    assert alt_file.metadata is not None
    notes = alt_file.metadata["segmentation"]
    assert (notes["title"], notes["created_at"]) == ("other", "other")
    assert notes["segments"] == {"a": {"description": "other"}}


def test_unknown_fields_are_kept_and_told_with_the_name_that_was_meant() -> None:
    content = asked(segment("a", task_typ="x"), langage="tr")
    first, second = validated(content)
    assert (first.code, first.path, first.help) == ("ALT110", "/segments/0/task_typ", 'did you mean "task_type"?')
    assert (second.code, second.path, second.help) == ("ALT110", "/langage", 'did you mean "language"?')
    alt_file = parsed(content)
    assert (alt_file.model_extra, alt_file.tasks[0].model_extra) == ({"langage": "tr"}, {"task_typ": "x"})


def test_a_document_with_tasks_and_segments_is_plain_alt() -> None:
    content = document(task("a"), segments=[segment("b")])
    assert [each.id for each in parsed(content).tasks] == ["a"]
    assert codes_and_paths(content) == [("ALT110", "/segments")]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"id": "f", "command": "c", "segments": []}, [("ALT101", "/segments")]),
        ({"command": "c", "segments": [segment("a")]}, [("ALT303", "")]),
        ({"id": "f", "segments": [segment("a")]}, [("ALT303", "")]),
        ({"id": "f", "command": "c"}, [("ALT303", "")]),
        ({"id": "f", "command": "c", "segments": {}}, [("ALT303", "/segments")]),
        ({"id": "f", "command": "c", "segments": None}, [("ALT303", "/segments")]),
        (asked(segment("a"), command=5), [("ALT303", "/command")]),
        (asked(segment("a"), command=" "), [("ALT002", "/command")]),
        (asked(segment("a"), timestamp="yesterday"), [("ALT303", "/timestamp")]),
        (asked(segment("a"), timestamp=None), [("ALT303", "/timestamp")]),
        (asked(segment("a"), metadata=[]), [("ALT303", "/metadata")]),
        (asked(segment("a"), mode="wild"), [("ALT303", "/mode")]),
        (asked(segment("a", "b"), 5, segment("b")), [("ALT303", "/segments/1")]),
        (asked({"content": "Do it"}), [("ALT303", "/segments/0")]),
        (asked({"id": "a"}), [("ALT303", "/segments/0")]),
        (asked(segment("a", content=None)), [("ALT303", "/segments/0/content")]),
        (asked(segment("a", content="\t")), [("ALT012", "/segments/0/content")]),
        (asked(segment(" ")), [("ALT010", "/segments/0/id")]),
        (asked(segment("a", task_type=5)), [("ALT303", "/segments/0/task_type")]),
        (asked(segment("a", dependencies="b")), [("ALT303", "/segments/0/dependencies")]),
        (asked(segment("a", dependencies=[5])), [("ALT303", "/segments/0/dependencies/0")]),
        (asked(segment("a", timeout_seconds="5")), [("ALT303", "/segments/0/timeout_seconds")]),
        (asked(segment("a", timeout_seconds=0)), [("ALT102", "/segments/0/timeout_seconds")]),
        (asked(segment("a", parameters={"x": 1})), [("ALT303", "/segments/0/parameters")]),
        (asked(segment("a", parameters=["x"])), [("ALT303", "/segments/0/parameters/0")]),
        (asked(segment("a", parameters=[{"value": 1}])), [("ALT303", "/segments/0/parameters/0")]),
        (asked(segment("a", parameters=[{"name": "x"}])), [("ALT303", "/segments/0/parameters/0")]),
        (asked(segment("a", parameters=[parameter("x", 1, typ=1)])), [("ALT110", "/segments/0/parameters/0/typ")]),
        (
            asked(segment("a", parameters=[{"name": 5, "value": 1}])),
            [("ALT303", "/segments/0/parameters/0/name")],
        ),
        (
            asked(segment("a", parameters=[parameter("x", 1), parameter("x", 2)])),
            [("ALT111", "/segments/0/parameters/1/name")],
        ),
        (
            asked({"id": "a", "content": "Do it", "parameters": []}),
            [("ALT106", "/segments/0/parameters")],
        ),
        (
            asked({"id": "a", "content": "Do it", "parameters": [{"name": "x"}]}),
            [("ALT303", "/segments/0/parameters/0")],
        ),
        (asked(segment("a"), segment("b")), [("ALT105", "/segments/0/id"), ("ALT105", "/segments/1/id")]),
        (
            asked(segment("a"), segment("b", "a"), segment("c", "a"), segment("d", "nowhere", "a", "a", "d", "")),
            [
                ("ALT021", "/segments/3/dependencies/0"),
                ("ALT109", "/segments/3/dependencies/2"),
                ("ALT022", "/segments/3/dependencies/3"),
                ("ALT020", "/segments/3/dependencies/4"),
            ],
        ),
        (asked(segment("a", "b"), segment("b", "a")), [("ALT023", "/segments/0/dependencies/0")]),
    ],
)
def test_problems_have_the_paths_of_the_document_as_it_was_written(
    content: Document, expected: list[tuple[str, str]]
) -> None:
    assert codes_and_paths(content) == expected
    if any(not code.startswith("ALT1") for code, _ in expected):
        with pytest.raises(AltParseError) as caught:
            parsed(content)
        assert [(d.code, d.path) for d in caught.value.diagnostics] == expected
    else:
        parsed(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"id": "f", "command": "c"}, 'the file has no "segments"'),
        (asked(segment("a"), command=5), "command must be a string, not the number 5"),
        (asked(segment("a"), command=""), "the command of the file is empty"),
        (asked(5), "segments[0] must be an object, not the number 5"),
        (asked({"id": "a"}), 'task "a" has no "content"'),
        (asked({"id": "tasks[0]", "content": 5}), 'content of task "tasks[0]" must be a string, not the number 5'),
        (asked(segment("", content="")), "the content of segments[0] is empty"),
        (
            asked(segment("a"), segment("a")),
            'task id "a" is used again; the first task with it is at /segments/0/id',
        ),
        (asked(segment("tasks[0]", "b"), segment("b", "tasks[0]")), "circular dependency: tasks[0] → b → tasks[0]"),
        (
            asked(segment("a", parameters=[{"name": 5, "value": 1}])),
            'parameters[0].name of task "a" must be a string, not the number 5',
        ),
    ],
)
def test_messages_use_the_names_of_the_document(content: Document, message: str) -> None:
    assert message in [diagnostic.message for diagnostic in validated(content)]


def test_other_places_are_in_the_document_as_it_was_written() -> None:
    for diagnostic in validated(asked(segment("a"), segment("b", "a"), segment("a", "b"))):
        assert all(place.path.startswith("/segments/") for place in diagnostic.related)


def test_errors_are_of_the_same_classes_as_in_plain_files() -> None:
    for content, error in [
        (asked(segment("a"), command=5), AltFormatError),
        (asked(segment("a", "a")), AltValidationError),
    ]:
        with pytest.raises(error):
            parsed(content)
    lenient = AltParser().with_strict_validation(False)
    assert lenient.parse_from_string(json.dumps(asked(segment("a", "a")))).tasks[0].dependencies == ["a"]


def test_a_schema_is_applied_to_the_document_as_it_was_written() -> None:
    parser = AltParser().with_schema({"required": ["segments"], "properties": {"chaos_level": {"type": "integer"}}})
    with pytest.raises(AltSchemaError) as caught:
        parser.parse_from_string(json.dumps(asked(segment("a"))))
    assert [d.path for d in caught.value.diagnostics if d.code == "ALT305"] == ["/chaos_level"]


def test_yaml_reads_like_json(tmp_path: Path) -> None:
    content = asked(segment("a", parameters=[parameter("x", 1.5)]), segment("b", "a"))
    (tmp_path / "asked.alt.yaml").write_text(yaml.safe_dump(content, allow_unicode=True))
    assert AltParser().parse_from_path(tmp_path / "asked.alt.yaml") == parsed(content)


@pytest.mark.parametrize(
    "path",
    workload_files("segmentation") or [None],
    ids=lambda path: path.name if path else "none",
)
def test_documents_of_the_service_are_read_checked_saved_and_run(path: Path | None, tmp_path: Path) -> None:
    if path is None:
        pytest.skip("the workload folder is missing (Makefile variable WORKLOADS)")
    alt_file = AltParser().parse_from_path(path)
    written = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert {d.severity for d in AltParser().validate(path)} <= {"warning"}
    assert [each.description for each in alt_file.tasks] == [each["content"] for each in written["segments"]]
    assert alt_file.title == written["command"]
    AltParser().save_to_path(alt_file, tmp_path / "plain.alt")
    assert AltParser().parse_from_path(tmp_path / "plain.alt") == alt_file
    results = run_in_virtual_time(lambda: TaskManager(alt_file, FakeExecutor()).run())
    assert [result.status for result in results] == [TaskStatus.COMPLETED] * len(written["segments"])


def as_asked(content: Document) -> Document:
    """A plain document as the Segmentation Service would have written it."""
    names = {"title": "command", "created_at": "timestamp", "tasks": "segments"}
    written = {names.get(name, name): value for name, value in content.items()}
    written["segments"] = []
    for each in content["tasks"]:
        made = {"content" if name == "description" else name: value for name, value in each.items()}
        if each.get("parameters") is not None:
            made["parameters"] = [parameter(name, value) for name, value in each["parameters"].items()]
        written["segments"].append(made)
    return written


@given(documents() | documents(sound=False))
def test_a_document_means_the_same_in_both_dialects(content: Document) -> None:
    lenient = AltParser().with_strict_validation(False)
    plain = lenient.parse_from_string(json.dumps(content))
    read = lenient.parse_from_string(json.dumps(as_asked(content)))
    assert read.model_copy(update={"created_at": plain.created_at}) == plain
    assert TaskGraph.from_alt_file(read) == TaskGraph.from_alt_file(plain)
    assert [d.code for d in validated(as_asked(content))] == [d.code for d in validated(content)]


@given(documents(), st.data())
def test_a_path_leads_back_to_the_value_as_it_was_written(content: Document, data: st.DataObject) -> None:
    written = as_asked(content)
    segmentation = Segmentation(written)
    place: Any = segmentation.plain
    path: tuple[str | int, ...] = ()
    while isinstance(place, (dict, list)) and place:
        step = data.draw(st.sampled_from(list(place) if isinstance(place, dict) else range(len(place))))
        path, place = (*path, step), place[step]
        found: Any = written
        for part in segmentation.path_as_written(path):
            found = found[part]
        if path not in {("tasks",), *(("tasks", index) for index in range(len(content["tasks"])))} and (
            len(path) != 3 or path[2] != "parameters"
        ):
            assert found == place


@given(st.data())
def test_hostile_shapes_give_a_file_or_an_alt_parse_error(data: st.DataObject) -> None:
    content = copy.deepcopy(
        asked(segment("a", parameters=[parameter("x", 1, type="t")], metadata={"c": 1}), segment("b", "a"), metadata={})
    )
    for _ in range(data.draw(st.integers(1, 3))):
        owner: Any = content
        while True:
            keys = list(owner) if isinstance(owner, dict) else list(range(len(owner)))
            key = data.draw(st.sampled_from(keys))
            if not isinstance(owner[key], (dict, list)) or not owner[key] or data.draw(st.booleans()):
                break
            owner = owner[key]
        owner[key] = data.draw(json_values(max_leaves=3))
    diagnostics = validated(content)
    for diagnostic in diagnostics:
        place: Any = content
        for part in diagnostic.path.split("/")[1:]:
            place = place[int(part)] if isinstance(place, list) else place[part.replace("~1", "/").replace("~0", "~")]
    has_errors = any(diagnostic.severity == "error" for diagnostic in diagnostics)
    with pytest.raises(AltParseError) if has_errors else nullcontext():
        parsed(content)

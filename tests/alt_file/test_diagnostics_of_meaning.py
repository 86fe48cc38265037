"""Every error and warning about the meaning of a file: found where it is, and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import given

from altlas_runner.alt_file import AltFile, AltParser, Task, create_sample_alt_file, validate_alt_file
from altlas_runner.alt_file.explanation import explain
from altlas_runner.alt_file.validator import is_clean
from altlas_runner.testing import documents
from tests.alt_file.alt_documents import Document, codes_and_paths, document, task, validated

PAIR = (task("a"), task("b", "a"))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (document(*PAIR, id=""), [("ALT001", "/id")]),
        (document(*PAIR, title=" \n"), [("ALT002", "/title")]),
        (document(*PAIR, version="\u00a0"), [("ALT003", "/version")]),
        (document(task("", description="d")), [("ALT010", "/tasks/0/id")]),
        (document(*PAIR, task("a", "b")), [("ALT011", "/tasks/2/id")]),
        (document(task("a", description="\t")), [("ALT012", "/tasks/0/description")]),
        (document(task("a", " ")), [("ALT020", "/tasks/0/dependencies/0")]),
        (document(*PAIR, task("c", "a", "nowhere")), [("ALT021", "/tasks/2/dependencies/1")]),
        (document(task("a", "a")), [("ALT022", "/tasks/0/dependencies/0")]),
        (document(task("a", "b"), task("b", "a")), [("ALT023", "/tasks/0/dependencies/0")]),
        (document(), [("ALT101", "/tasks")]),
        (document(task("a", timeout_seconds=0)), [("ALT102", "/tasks/0/timeout_seconds")]),
        (document(task("a", timeout_seconds=7201)), [("ALT103", "/tasks/0/timeout_seconds")]),
        (document(task("a", retry_count=21)), [("ALT104", "/tasks/0/retry_count")]),
        (document(*PAIR, task("c")), [("ALT105", "/tasks/2/id")]),
        (document(task("a", parameters={})), [("ALT106", "/tasks/0/parameters")]),
        (document(*PAIR, expected_completion_time=0), [("ALT107", "/expected_completion_time")]),
        (document(*PAIR, metadata={}), [("ALT108", "/metadata")]),
        (document(task("a"), task("b", "a", "a")), [("ALT109", "/tasks/1/dependencies/1")]),
        (document(task("a"), task("b", "a", "b")), [("ALT022", "/tasks/1/dependencies/1")]),
        (document(*PAIR, task("a", "a")), [("ALT011", "/tasks/2/id"), ("ALT022", "/tasks/2/dependencies/0")]),
        (document(task("a"), task("b", "a", "")), [("ALT020", "/tasks/1/dependencies/1")]),
        (document(*PAIR, **{"a/b~": 1}), [("ALT110", "/a~1b~0")]),
        (document(task("a", x=None)), [("ALT110", "/tasks/0/x")]),
        (document(task("a", timeout_seconds=7200, retry_count=20, parameters={"x": 1})), []),
        (document(*PAIR), []),
    ],
)
def test_each_code_has_its_trigger(content: Document, expected: list[tuple[str, str]]) -> None:
    assert codes_and_paths(content) == expected
    alt_file = AltFile.model_validate_json(json.dumps(content))
    assert [(d.code, d.path) for d in validate_alt_file(alt_file)] == expected


def test_equal_keys_of_a_text_are_a_warning_at_each_object() -> None:
    first = '{"id": "a", "description": "d", "parameters": {"x": 1, "x": 2}}'
    text = '{"id": "f", "id": "f", "title": "t", "tasks": [' + first + "]}"
    assert [(d.code, d.path) for d in AltParser().validate(text)] == [
        ("ALT111", "/id"),
        ("ALT111", "/tasks/0/parameters/x"),
    ]
    assert AltParser().parse_from_string(text).tasks[0].parameters == {"x": 2}


def test_a_second_equal_id_names_the_place_of_the_first() -> None:
    (diagnostic,) = validated(document(*PAIR, task("a", "b")))
    assert diagnostic.message == 'task id "a" is used again; the first task with it is at /tasks/0/id'
    assert diagnostic.task_id == "a"


def test_an_unknown_dependency_comes_with_the_name_that_was_meant() -> None:
    (diagnostic,) = validated(document(task("summarize"), task("b", "summarize", "sumarize")))
    assert diagnostic.message == 'task "b" depends on "sumarize", which is not in this file'
    assert diagnostic.help == 'did you mean "summarize"?'


def test_an_unknown_field_comes_with_the_name_that_was_meant() -> None:
    (diagnostic,) = validated(document(task("a", timeout_second=5)))
    assert diagnostic.help == 'did you mean "timeout_seconds"?'


def test_a_circle_is_printed_once_in_order() -> None:
    (diagnostic,) = validated(document(task("z"), task("a", "z", "b"), task("b", "c"), task("c", "a")))
    assert diagnostic.message == "circular dependency: a → b → c → a"
    assert diagnostic.path == "/tasks/1/dependencies/1"


def test_a_long_circle_is_printed_in_short() -> None:
    ring = [task(f"t{i}", f"t{(i + 1) % 100}") for i in range(100)]
    (diagnostic,) = validated(document(*ring))
    assert diagnostic.message.startswith("circular dependency: t0 → t1 → ")
    assert diagnostic.message.endswith("t19 → (80 more) → t0")


def test_a_circle_shows_each_of_its_dependencies_but_not_many() -> None:
    for size, shown in ((2, 1), (3, 2), (5, 4), (100, 4)):
        ring = [task(f"t{i}", "a", f"t{(i + 1) % size}") for i in range(size)]
        (diagnostic,) = validated(document(task("a"), *ring))
        assert [place.path for place in diagnostic.related] == [
            f"/tasks/{i}/dependencies/1" for i in range(2, shown + 2)
        ]
        assert diagnostic.related[0].message == '"t1" depends on this'


def test_of_a_name_only_the_characters_that_do_not_show_are_escaped() -> None:
    (diagnostic,) = validated(document(task("a", "漢字\u202e👨\u200d👩 \\")))
    assert diagnostic.message == 'task "a" depends on "漢字\\u202e👨\\u200d👩 \\\\", which is not in this file'


def test_names_cannot_speak_to_the_terminal() -> None:
    (diagnostic,) = validated(document(task("a", "\x1b[2J\x9b")))
    assert diagnostic.message == 'task "a" depends on "\\u001b[2J\\u009b", which is not in this file'


def test_ten_different_mistakes_give_ten_diagnostics_in_the_order_of_the_text() -> None:
    content = {
        "title": "",
        "tasks": [
            {"id": "a", "description": "d", "dependencies": ["b", "a"]},
            {"id": "b", "description": " ", "dependencies": ["a"], "timeout_seconds": "5"},
            {"id": "b", "dependencies": ["nowhere", ""], "priority": "urgent"},
            "c",
        ],
        "id": 7,
    }
    assert codes_and_paths(content) == [
        ("ALT002", "/title"),
        ("ALT023", "/tasks/0/dependencies/0"),
        ("ALT022", "/tasks/0/dependencies/1"),
        ("ALT012", "/tasks/1/description"),
        ("ALT303", "/tasks/1/timeout_seconds"),
        ("ALT303", "/tasks/2"),
        ("ALT011", "/tasks/2/id"),
        ("ALT021", "/tasks/2/dependencies/0"),
        ("ALT020", "/tasks/2/dependencies/1"),
        ("ALT303", "/tasks/2/priority"),
        ("ALT303", "/tasks/3"),
        ("ALT303", "/id"),
    ]


def test_the_sample_is_clean_and_a_chain() -> None:
    sample = create_sample_alt_file()
    assert validate_alt_file(sample) == []
    assert [(t.id, t.dependencies) for t in sample.tasks] == [
        ("task1", None),
        ("task2", ["task1"]),
        ("task3", ["task2"]),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("closed", [False, True])
def test_a_long_chain_is_checked_without_recursion(closed: bool) -> None:
    size = 20_000
    chain = [
        Task.model_construct(
            id=f"t{i}", description="d", dependencies=[f"t{i + 1}"] if i + 1 < size or closed else None
        )
        for i in range(size)
    ]
    if closed:
        chain[-1].dependencies = ["t0"]
    alt_file = AltFile(id="f", title="t", tasks=chain)
    assert [d.code for d in validate_alt_file(alt_file)] == (["ALT023"] if closed else [])


@given(documents(sound=False))
def test_problems_are_reported_if_and_only_if_they_are_there(content: Document) -> None:
    assert sorted(codes_and_paths(content)) == sorted(obvious_problems(content))


@given(documents(sound=False))
def test_the_quick_look_and_the_explanation_agree(content: Document) -> None:
    alt_file = AltFile.model_validate_json(json.dumps(content))
    assert is_clean(alt_file) == (not explain(content))
    assert sorted(d.code for d in validate_alt_file(alt_file)) == sorted(code for code, _ in codes_and_paths(content))


def obvious_problems(content: Document) -> Iterator[tuple[str, str]]:
    """The table of codes, said again slowly."""
    tasks = content["tasks"]
    ids = [t["id"] for t in tasks]
    listed = [t.get("dependencies") or [] for t in tasks]
    for field, code in {"id": "ALT001", "title": "ALT002", "version": "ALT003"}.items():
        if content.get(field, "x").strip() == "":
            yield code, f"/{field}"
    if not tasks:
        yield "ALT101", "/tasks"
    if content.get("expected_completion_time") == 0:
        yield "ALT107", "/expected_completion_time"
    if content.get("metadata") == {}:
        yield "ALT108", "/metadata"
    if "author" in content:
        yield "ALT110", "/author"
    for i, each in enumerate(tasks):
        at = f"/tasks/{i}"
        if each["id"].strip() == "":
            yield "ALT010", f"{at}/id"
        elif each["id"] in ids[:i]:
            yield "ALT011", f"{at}/id"
        if each["description"].strip() == "":
            yield "ALT012", f"{at}/description"
        for k, name in enumerate(listed[i]):
            if name.strip() == "":
                yield "ALT020", f"{at}/dependencies/{k}"
            elif name in listed[i][:k]:
                yield "ALT109", f"{at}/dependencies/{k}"
            elif name == each["id"]:
                yield "ALT022", f"{at}/dependencies/{k}"
            elif name not in ids:
                yield "ALT021", f"{at}/dependencies/{k}"
        if each.get("timeout_seconds") == 0:
            yield "ALT102", f"{at}/timeout_seconds"
        if (each.get("timeout_seconds") or 0) > 7200:
            yield "ALT103", f"{at}/timeout_seconds"
        if (each.get("retry_count") or 0) > 20:
            yield "ALT104", f"{at}/retry_count"
        others = [name for j, row in enumerate(listed) if ids[j] != each["id"] for name in row]
        if len(tasks) > 1 and not listed[i] and each["id"] not in others:
            yield "ALT105", f"{at}/id"
        if each.get("parameters") == {}:
            yield "ALT106", f"{at}/parameters"
        if "timeout" in each:
            yield "ALT110", f"{at}/timeout"
    yield from obvious_circles(ids, listed)


def obvious_circles(ids: list[str], listed: list[list[str]]) -> Iterator[tuple[str, str]]:
    size = len(ids)
    edges = [{ids.index(name) for name in row if name in ids} - {i} for i, row in enumerate(listed)]
    reach = [set(row) for row in edges]
    for _ in range(size):
        reach = [row.union(*(reach[j] for j in row)) for row in reach]
    for i in range(size):
        knot = {j for j in reach[i] if i in reach[j]}
        if knot and i == min(knot):
            distance = {i: 0}  # of each task of the knot to i, along dependencies
            while len(distance) < len(knot):
                distance |= {
                    j: 1 + min(distance[k] for k in edges[j] & distance.keys())
                    for j in sorted(knot - distance.keys())
                    if edges[j] & set(distance)
                }
            nearest = min(distance[j] for j in edges[i] & knot)
            first = next(k for k, name in enumerate(listed[i]) if is_step(name, ids, i, knot, distance, nearest))
            yield "ALT023", f"/tasks/{i}/dependencies/{first}"


def is_step(name: str, ids: list[str], i: int, knot: set[int], distance: dict[int, int], nearest: int) -> bool:
    return name in ids and ids.index(name) != i and ids.index(name) in knot and distance[ids.index(name)] == nearest

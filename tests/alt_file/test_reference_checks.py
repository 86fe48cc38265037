"""References are checked before anything runs: ALT024, ALT025, ALT026."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altlas_runner import AltFile, AltParser, AltValidationError, Diagnostic, validate_alt_file
from altlas_runner.alt_file import TaskGraph, ancestry
from altlas_runner.alt_file.ancestry import independent_pairs
from altlas_runner.alt_file.diagnostics import Related
from altlas_runner.alt_file.reference_checks import inputs_of, referring_tasks
from tests.alt_file.alt_documents import Document, document, task, validated


def parsed(content: Document) -> AltFile:
    return AltParser().with_strict_validation(False).parse_from_string(json.dumps(content))


def about_references(diagnostics: list[Diagnostic]) -> list[tuple[str, str, str]]:
    return [(d.code, d.path, d.message) for d in diagnostics if d.code in ("ALT024", "ALT025", "ALT026")]


def only(diagnostics: list[Diagnostic]) -> Diagnostic:
    (found,) = [d for d in diagnostics if d.code in ("ALT024", "ALT025", "ALT026")]
    return found


CHAIN = (task("a"), task("b", "a"), task("c", "b"))


def test_outputs_of_direct_and_of_far_dependencies_can_be_referred_to() -> None:
    last = task("d", "c", description="${{ tasks.a.output }}", parameters={"x": ["${{ tasks.c.output.y }}"]})
    assert validated(document(*CHAIN, last)) == []


def test_a_task_that_is_no_dependency_is_named_with_what_to_add() -> None:
    problem = only(validated(document(*CHAIN, task("d", "b", parameters={"list": [1, "see ${{ tasks.c.output }}"]}))))
    assert (problem.code, problem.severity, problem.task_id) == ("ALT024", "error", "d")
    assert problem.path == "/tasks/3/parameters/list/1"
    assert problem.message == 'task "d" refers to the output of "c", but does not depend on it'
    assert problem.help == 'add "c" to the dependencies of task "d"'
    assert problem.related == (Related("/tasks/3/dependencies", '"c" is missing here', 1, 251),)


def test_a_task_that_runs_later_cannot_simply_be_added() -> None:
    problem = only(validated(document(task("a", description="${{ tasks.c.output }}"), *CHAIN[1:])))
    assert (problem.path, problem.code) == ("/tasks/0/description", "ALT024")
    assert problem.message == 'task "a" refers to the output of "c", which runs after it'
    assert problem.help == '"c" depends on task "a": one of the two cannot need the other'


def test_a_task_cannot_refer_to_its_own_output() -> None:
    problem = only(validated(document(task("a", description="${{ tasks.a.output }}"))))
    assert "its own output" in problem.message


def test_a_misspelt_task_is_suggested() -> None:
    problem = only(
        validated(document(task("summarize"), task("b", "summarize", description="${{ tasks.sumarize.output }}")))
    )
    assert problem.message == 'task "b" refers to the output of "sumarize", which is not in this file'
    assert problem.help == 'did you mean "summarize"?'
    assert problem.related == (Related("/tasks/0/id", "a task with a similar id", 1, 49),)


def test_malformed_references_are_reported_where_they_stand() -> None:
    problem = only(validated(document(task("a", parameters={"p/q": {"x": "${{ tasks.b }}"}}))))
    assert (problem.code, problem.path) == ("ALT025", "/tasks/0/parameters/p~1q/x")
    assert problem.message == 'the reference "${{ tasks.b }}" lacks .output behind the task'


def test_every_problem_of_a_text_is_reported_but_the_same_one_only_once() -> None:
    text = "${{ tasks.x.output.a }} ${{ tasks.x.output.b }} ${{ tasks.y.output }} ${{ nope }} ${{"
    codes = [code for code, _, _ in about_references(validated(document(task("a", description=text))))]
    assert sorted(codes) == ["ALT024", "ALT024", "ALT025", "ALT025"]


def test_strict_parsing_refuses_such_a_file() -> None:
    with pytest.raises(AltValidationError, match="ALT024"):
        AltParser().parse_from_string(json.dumps(document(task("a", description="${{ tasks.b.output }}"))))


def test_the_mark_may_be_written_with_escapes() -> None:
    text = json.dumps(document(task("a", description="$"))).replace('"$"', r'"\u0024\u007b{ tasks.b.output }}"')
    with pytest.raises(AltValidationError, match="ALT024"):
        AltParser().parse_from_string(text)


def test_inputs_are_looked_at_only_when_they_are_known() -> None:
    file = parsed(document(task("a", description="${{ inputs.topic }} ${{ inputs.topic }}")))
    assert validate_alt_file(file) == []
    assert validate_alt_file(file, {"topic": None}) == []
    problem = only(validate_alt_file(file, {}))
    assert (problem.code, problem.path, problem.task_id) == ("ALT026", "/tasks/0/description", "a")
    assert problem.message == 'task "a" refers to the input "topic", which was not given'
    assert problem.help is not None
    assert "--input topic=" in problem.help
    assert only(validate_alt_file(file, {"topics": 1})).help == 'did you mean "topics"?'


def test_a_path_that_an_input_does_not_have_is_found_before_the_run() -> None:
    file = parsed(document(task("a", parameters={"x": "${{ inputs.config.rows[3] }}"})))
    assert validate_alt_file(file, {"config": {"rows": [0, 1, 2, 3]}}) == []
    problem = only(validate_alt_file(file, {"config": {"rows": []}}))
    assert problem.code == "ALT026"
    assert "inputs.config.rows is an array of 0 items, so there is no [3] in it" in problem.message


def test_files_with_wrong_types_still_get_their_references_checked() -> None:
    content: Any = document(task("a"), {"description": "${{ tasks.a.output }}"}, task("c", description=5))
    content["tasks"].insert(1, 7)
    content["tasks"][3]["parameters"] = ["${{ nope }}"]
    found = about_references(validated(content))
    assert [(code, path) for code, path, _ in found] == [
        ("ALT024", "/tasks/2/description"),
        ("ALT025", "/tasks/3/parameters/0"),
    ]
    assert found[0][2].startswith("tasks[2] refers to")


def test_the_inputs_and_the_referring_tasks_of_a_file_are_known() -> None:
    file = parsed(
        document(
            task("a", description="${{ inputs.b }} ${{ inputs.a.x }}"),
            task("b", "a", parameters={"p": ["${{ inputs['c d'] }}", "${{ inputs.b }}", "${{ tasks.a.output }}"]}),
            task("c", "b", description="plain $ {{"),
            task("d", "c", description="$${{ literal"),
        )
    )
    assert inputs_of(file) == ["b", "a", "c d"]
    assert referring_tasks(file) == [0, 1, 3]


@st.composite
def referring_files(draw: st.DrawFn) -> Document:
    """Files whose tasks refer to anybody; mostly without circles, sometimes with, sometimes with an id used twice."""
    ids = [f"t{index}" for index in range(draw(st.integers(2, 8)))]
    tasks = []
    for index, task_id in enumerate(ids):
        found = draw(st.lists(st.sampled_from(ids[:index]), max_size=2)) if index else []
        named = draw(st.lists(st.sampled_from([*ids[:index], *ids, "zz"]), max_size=3))
        texts = {f"p{at}": f"x ${{{{ tasks.{name}.output }}}}" for at, name in enumerate(named)}
        tasks.append(task(task_id, dependencies=found, parameters=texts))
    for _ in range(draw(st.integers(0, 2))):
        draw(st.sampled_from(tasks))["dependencies"].append(draw(st.sampled_from([*ids, "zz"])))
    if draw(st.booleans()):
        draw(st.sampled_from(tasks))["id"] = draw(st.sampled_from(ids))
    return document(*draw(st.permutations(tasks)))


def unreachable(content: Document) -> set[str]:
    """The paths of references to what is no dependency, found the slow obvious way."""
    tasks = content["tasks"]
    first = {each["id"]: index for index, each in reversed(list(enumerate(tasks)))}
    wrong = set()
    for index, each in enumerate(tasks):
        reached: set[int] = set()
        waiting = [index]
        while waiting:
            current = waiting.pop()
            new = {first[name] for name in tasks[current]["dependencies"] if name in first} - {current} - reached
            reached |= new
            waiting += new
        for key, text in each["parameters"].items():
            name = text.split(".")[1]
            if name == each["id"] or first.get(name) not in reached:
                wrong.add(f"/tasks/{index}/parameters/{key}")
    return wrong


@given(referring_files())
def test_exactly_the_references_to_what_is_no_dependency_are_reported(content: Document) -> None:
    for diagnostics in (validated(content), validate_alt_file(parsed(content))):
        found = about_references(diagnostics)
        assert {path for _, path, _ in found} == unreachable(content)
        assert {code for code, _, _ in found} <= {"ALT024"}


def test_a_circle_depends_on_all_that_any_of_its_members_depends_on() -> None:
    graph = TaskGraph.from_names(
        ["m1", "m2", "m3", "for m1", "for m2", "for m3", "behind m1", "behind m3"],
        [["m2", "for m1"], ["m3", "for m2"], ["m1", "for m3"], None, None, None, ["m1"], ["m3"]],
    )
    everything = {(task, other) for task in range(8) for other in range(8) if task != other}
    below, dependents = range(6), {0, 1, 2, 6, 7}
    dependent = {(task, other) for task in dependents for other in below if task != other}
    assert independent_pairs(graph, everything) == everything - dependent


@given(referring_files(), st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6))))
def test_many_targets_take_several_walks_and_give_the_same(content: Document, pairs: list[tuple[int, int]]) -> None:
    graph = TaskGraph.from_alt_file(parsed(content))
    size = len(graph.ids)
    pairs = [(task, other) for task, other in pairs if task < size and other < size and task != other]
    whole = independent_pairs(graph, pairs)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ancestry, "_TARGETS_A_WALK", 1)
        assert independent_pairs(graph, pairs) == whole


@pytest.mark.slow
@pytest.mark.parametrize("far", ["before", "half", "first"])
def test_a_hundred_thousand_references_are_checked_without_a_walk_each(far: str) -> None:
    count = 100_000
    targets = {"before": range(count - 2), "half": [i // 2 for i in range(2, count)], "first": [0] * (count - 2)}[far]
    tasks = [task("t0"), task("t1", "t0")]
    for index, target in enumerate(targets, start=2):
        tasks.append(task(f"t{index}", f"t{index - 1}", description=f"${{{{ tasks.t{target}.output }}}}"))
    tasks.append(task("last", "t5", description=f"${{{{ tasks.t{count - 1}.output }}}}"))
    with pytest.raises(AltValidationError) as caught:
        AltParser().parse_from_string(json.dumps(document(*tasks)))
    assert [d.task_id for d in caught.value.diagnostics if d.severity == "error"] == ["last"]

"""Texts with references are read once, from left to right; nothing is evaluated, and nothing is lost."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from altlas_runner.alt_file.references import (
    Reference,
    escape,
    holds_references,
    may_hold_references,
    parse_template,
    rename_tasks,
    step_text,
)
from altlas_runner.alt_file.resolving import resolve

pieces = [
    "$",
    "{",
    "}",
    "${{",
    "}}",
    "$${{",
    "${{ tasks.a.output",
    "inputs.b }}",
    "tasks",
    ".",
    "[",
    "'",
    '"',
    "\\",
    " ",
    "é",
]
anything = st.lists(st.sampled_from(pieces)).map("".join)
names = st.text(min_size=1).filter(str.strip)
steps = st.lists(names | st.integers(0, 999), max_size=3)


@st.composite
def sources(draw: st.DrawFn) -> str:
    """A sound reference."""
    path = "".join(map(step_text, draw(steps)))
    gap = st.sampled_from(["", " ", "\n\t"])
    name = step_text(draw(names))
    target = draw(st.sampled_from([f"tasks{name}.output", f"inputs{name}"]))
    return f"${{{{{draw(gap)}{target}{path}{draw(gap)}}}}}"


def only_reference(text: str) -> Reference:
    template = parse_template(text)
    (reference,) = template.references
    assert not template.problems
    return reference


@pytest.mark.parametrize(
    ("text", "root", "name", "path"),
    [
        ("${{ tasks.fetch.output }}", "tasks", "fetch", ()),
        ("${{tasks.fetch.output}}", "tasks", "fetch", ()),
        ("${{ tasks.fetch.output.items[0].name }}", "tasks", "fetch", ("items", 0, "name")),
        ("${{ tasks.1_b-c.output[12][3] }}", "tasks", "1_b-c", (12, 3)),
        ('${{ tasks["my id"].output }}', "tasks", "my id", ()),
        ("${{ tasks['my id'].output['a \"b\"'] }}", "tasks", "my id", ('a "b"',)),
        (r'${{ tasks["a\"b\\c\u00e9"].output }}', "tasks", 'a"b\\cé', ()),
        (r"${{ tasks['it\'s'].output }}", "tasks", "it's", ()),
        ('${{ tasks["}}"].output["${{"] }}', "tasks", "}}", ("${{",)),
        ("${{ tasks.übersicht.output.größe }}", "tasks", "übersicht", ("größe",)),
        ("${{ tasks.output.output.output }}", "tasks", "output", ("output",)),
        ("${{ inputs.topic }}", "inputs", "topic", ()),
        ('${{ inputs["a b"].list[0] }}', "inputs", "a b", ("list", 0)),
    ],
)
def test_a_reference_has_a_root_a_name_and_a_path(text: str, root: str, name: str, path: tuple[str | int, ...]) -> None:
    reference = only_reference(text)
    assert (reference.root, reference.name, reference.path) == (root, name, path)


@pytest.mark.parametrize(
    ("text", "reason", "help_text"),
    [
        ("${{ }}", "is empty", "write ${{ tasks.<id>.output }}"),
        ("${{ tasks.a.output", "is not closed", "write $${{"),
        ("price: ${{ 5", "is not closed", "write $${{"),
        ("${{ task.a.output }}", 'begins with "task"', 'did you mean "tasks"?'),
        ("${{ Input.a }}", 'begins with "Input"', 'did you mean "inputs"?'),
        ("${{ env.HOME }}", 'begins with "env"', "write ${{ tasks.<id>.output }}"),
        ("${{ toJSON(tasks.a.output) }}", "calls", "no function calls"),
        ("${{ tasks }}", "names no task", "write ${{ tasks.<id>.output }}"),
        ("${{ tasks[0].output }}", "names no task", "write ${{ tasks.<id>.output }}"),
        ('${{ tasks[" "].output }}', "names no task", "write ${{ tasks.<id>.output }}"),
        ("${{ inputs }}", "names no input", "inputs.<name>"),
        ("${{ tasks.a }}", "lacks .output", "only .output"),
        ("${{ tasks.a.status }}", "asks for .status", "only .output"),
        ("${{ tasks.a.output + 1 }}", 'has "+"', "no expressions"),
        ("${{ tasks.a.output || 'x' }}", 'has "|"', "no expressions"),
        ("${{ 1 }}", 'begins with "1"', "write ${{ tasks.<id>.output }}"),
        ("${{ 'x' }}", 'has "\'"', "no expressions"),
        ("${{ tasks.a.output. }}", "lacks a name behind a dot", '["my name"]'),
        ("${{ tasks.a.output[-1] }}", "something else in brackets", "[0]"),
        ("${{ tasks.a.output[x] }}", "something else in brackets", '["my name"]'),
        ("${{ tasks.a.output[9999999999999999] }}", "something else in brackets", "[0]"),
        ("${{ tasks['a].output }}", "something else in brackets", '["my name"]'),
        (r"${{ inputs['\q'] }}", "unknown escape", "backslash"),
    ],
)
def test_what_is_no_reference_says_why_and_how_to_mend_it(text: str, reason: str, help_text: str) -> None:
    (problem,) = parse_template(text).problems
    assert reason in problem.reason
    assert help_text in problem.help
    assert text[problem.start : problem.end] == problem.source


def test_reading_goes_on_behind_what_is_malformed() -> None:
    template = parse_template("${{ a }} and ${{ tasks.a.output }} and ${{ b ${{ inputs.c }} ${{")
    assert [reference.name for reference in template.references] == ["a", "c"]
    assert [problem.source for problem in template.problems] == ["${{ a }}", "${{ b ", "${{"]


def test_two_dollars_make_it_literal_behind_what_is_malformed_too() -> None:
    template = parse_template("${{ a $${{ tasks.b.output }}")
    assert [problem.source for problem in template.problems] == ["${{ a "]
    assert template.parts == ("${{ a ${{ tasks.b.output }}",)


def test_two_dollars_make_it_literal() -> None:
    assert parse_template("$${{ tasks.a.output }}").parts == ("${{ tasks.a.output }}",)
    assert parse_template("$$${{").parts == ("$${{",)
    assert parse_template("${{ inputs.a }}$${{").parts[1] == "${{"


@given(anything.filter(lambda text: "${{" not in text))
def test_a_text_without_the_mark_is_itself(text: str) -> None:
    assert "".join(map(str, parse_template(text).parts)) == text
    assert not holds_references(text)
    assert resolve(text, {}, {}) == text


@given(anything | st.text())
def test_an_escaped_text_comes_back(text: str) -> None:
    assert resolve(escape(text), {}, {}) == text


@given(anything)
def test_every_text_can_be_read_and_loses_nothing(text: str) -> None:
    template = parse_template(text)
    assert all(text[each.start : each.end] == each.source for each in template.references)
    assert all(text[each.start : each.end] == each.source for each in template.problems)
    if not template.problems:
        assert "".join(part.source if isinstance(part, Reference) else escape(part) for part in template.parts) == text


@given(st.lists(st.tuples(anything, sources())), anything)
def test_literals_and_references_are_told_apart(pairs: list[tuple[str, str]], end: str) -> None:
    assume(not any(literal.endswith("$") for literal, _ in pairs))  # a dollar before a reference makes it literal
    text = "".join(escape(literal) + source for literal, source in pairs) + escape(end)
    template = parse_template(text)
    assert not template.problems
    shown = [part if isinstance(part, str) else part.source for part in template.parts]
    assert shown == [part for pair in pairs for part in pair if part] + [end] * bool(end)


@given(st.lists(st.tuples(anything, sources())), st.dictionaries(names, names))
def test_renaming_tasks_changes_their_references_and_nothing_else(
    pairs: list[tuple[str, str]], new_ids: dict[str, str]
) -> None:
    text = "".join(literal + source for literal, source in pairs)
    before = parse_template(text)
    new_ids = {**new_ids, **{reference.name: reference.name + "'2" for reference in before.references[:2]}}
    after = parse_template(rename_tasks(text, new_ids))
    assert len(after.parts) == len(before.parts)
    for old, new in zip(before.parts, after.parts, strict=True):
        if isinstance(old, Reference):
            assert isinstance(new, Reference)
            name = new_ids.get(old.name, old.name) if old.root == "tasks" else old.name
            assert (new.root, new.name, new.path) == (old.root, name, old.path)
        else:
            assert new == old


def test_keys_are_no_place_for_references() -> None:
    assert not holds_references({"${{ inputs.a }}": ["x"]})
    assert holds_references({"x": [{"y": "${{ inputs.a }}"}]})


def test_a_value_that_contains_itself_can_be_looked_through() -> None:
    circle: list[object] = ["x"]
    circle.append({"again": circle})
    assert not holds_references(circle)


@pytest.mark.parametrize("text", [b"${{", rb"\u0024{{", rb"$\u007b{", rb"${\u007B"])
def test_the_quick_look_at_a_file_sees_every_way_to_write_the_mark(text: bytes) -> None:
    assert may_hold_references(b'{"id": "' + text + b'"}')
    assert not may_hold_references(b'{"id": "$ {{ \\n"}')


@pytest.mark.parametrize(
    "text",
    [
        "${{ a " * 200_000,
        '${{ tasks["' * 200_000,
        "${{ tasks['" * 100_000 + '${{ tasks["' * 100_000,
        '${{ tasks["' + "\\" * 2_000_000,
        "${{" + " " * 2_000_000,
        "${{ " + "a" * 2_000_000,
        "${{ tasks.a.output" + ".a" * 200_000 + "}}",
        "$" * 2_000_000,
        "$${{" * 200_000,
        "${{ tasks[" * 200_000 + "}}",
    ],
    ids=range(10),
)
def test_no_long_text_takes_forever(text: str) -> None:
    template = parse_template(text)  # with one step back for each character this would take hours
    assert len(template.problems) <= 20
    assert "".join(part for part in template.parts if isinstance(part, str)) or template.references

"""Diagnostics as text: the line, the caret under the span, the second place, the help. Whatever the source holds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from altlas_runner.alt_file import Diagnostic, Related
from altlas_runner.cli.rendering import concise, full

LRM = "\u200e"
PERSIAN = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"  # "I want"; a joiner in it takes no column


def unknown(line: int | None = 1, column: int | None = 1, **fields: Any) -> Diagnostic:
    fields = {"message": "it is wrong", "path": "/tasks/0/x", **fields}
    return Diagnostic("ALT110", line=line, column=column, **fields)


def excerpt_of(text: str, column: int, line: int = 1) -> tuple[str, str]:
    """The row with the source and the row with the carets, without gutter and label."""
    rows = full([unknown(line, column)], text, "f").splitlines()
    at = next(index for index, row in enumerate(rows) if "^" in row)
    return rows[at - 1][6:], rows[at][6:].removesuffix(" no field has this name")


def test_a_diagnostic_looks_as_the_best_compilers_show_theirs() -> None:
    text = "\n" * 87 + '      "id": "summarize",\n' + "\n" * 53 + '      "dependencies": ["fetch", "sumarize"]\n'
    diagnostic = Diagnostic(
        "ALT021",
        'task "report" depends on "sumarize", which is not in this file',
        "/tasks/7/dependencies/1",
        142,
        33,
        help='did you mean "summarize"?',
        related=(Related("/tasks/3/id", "a task with a similar id", 88, 13),),
    )
    assert full([diagnostic], text, "flow.alt") == (
        'error[ALT021]: task "report" depends on "sumarize", which is not in this file\n'
        "  --> flow.alt:142:33   /tasks/7/dependencies/1\n"
        "    |\n"
        '142 |       "dependencies": ["fetch", "sumarize"]\n'
        "    |                                 ^^^^^^^^^^ no task has this id\n"
        ' 88 |       "id": "summarize",\n'
        "    |             ----------- a task with a similar id\n"
        '    = help: did you mean "summarize"?\n'
        "    = more: altlas-runner explain ALT021\n"
    )


def test_the_gutter_grows_with_the_line_number() -> None:
    rows = full([unknown(12345, 1)], "\n" * 12344 + '"a"', "f").splitlines()
    assert rows[1:4] == ["    --> f:12345:1   /tasks/0/x", "      |", '12345 | "a"']


def test_two_spans_on_one_line_share_it() -> None:
    text = '{"tasks": [{"id": "a"}, {"id": "a"}]}'
    diagnostic = Diagnostic("ALT011", "again", "", 1, 32, related=(Related("", "the first one", 1, 19),))
    assert full([diagnostic], text, "f").splitlines()[2:6] == [
        "    |",
        "  1 | " + text,
        "    | " + " " * 31 + "^^^ used again here",
        "    | " + " " * 18 + "--- the first one",
    ]


def test_what_has_no_place_in_a_text_is_told_without_one() -> None:
    diagnostic = unknown(None, None, help="mend it", related=(Related("/tasks/3/id", "a similar id"),))
    assert full([diagnostic], None, "sequence") == (
        "warning[ALT110]: it is wrong\n"
        "  --> sequence   /tasks/0/x\n"
        "    = note: a similar id: /tasks/3/id\n"
        "    = help: mend it\n"
        "    = more: altlas-runner explain ALT110\n"
    )


@pytest.mark.parametrize(("line", "column"), [(1, 99), (7, 1), (3, 2)])
def test_a_place_that_the_text_no_longer_has_is_named_but_not_shown(line: int, column: int) -> None:
    rendered = full([unknown(line, column)], '{"a":\n 1}\n', "f")
    assert f"f:{line}:{column}" in rendered
    assert "^" not in rendered


def test_how_to_learn_more_is_said_once_for_each_code() -> None:
    rendered = full([unknown(), Diagnostic("ALT001", "no id"), unknown()], None, "f")
    assert rendered.count("explain ALT110") == 1
    assert rendered.count("explain ALT001") == 1
    assert rendered.count("\n\n") == 2


@pytest.mark.parametrize(
    ("text", "column", "carets"),
    [
        ('{"id": "a b"}', 8, "       ^^^^^"),
        (r'{"id": "a \" b", "x": 1}', 8, "       ^^^^^^^^"),
        ('{"retries": 3}', 2, " ^^^^^^^^^"),
        ('{"retry_count": -1.5e3}', 17, "                ^^^^^^"),
        ('{"x": null, "y": 1}', 7, "      ^^^^"),
        ('{"x": {"a": ["}"]}, "y": 1}', 7, "      ^^^^^^^^^^^^"),
        ('{"x": {', 7, "      ^"),
        ('{"x": }', 7, "      ^"),
        ('{"x": "never closed', 7, "      ^^^^^^^^^^^^^"),
        ("", 1, "^"),
        ('{"x":', 6, "     ^"),
        ("id: a flow, or not  # one", 5, "    ^^^^^^^^^^^^^^"),
        ("dependencies: [fetch it, sumarize]", 26, "                         ^^^^^^^^"),
        ("  retries: 3", 3, "  ^^^^^^^"),
        ("id: 'it''s' # x", 5, "    ^^^^^^^"),
        ("- id: a:b", 7, "      ^^^"),
    ],
)
def test_the_carets_stand_under_the_whole_value_or_key(text: str, column: int, carets: str) -> None:
    assert excerpt_of(text, column) == (text, carets)


def test_a_syntax_error_is_marked_at_one_character() -> None:
    diagnostic = Diagnostic("ALT302", "not JSON", "", 1, 8)
    assert "       ^ here\n" in full([diagnostic], '{"id": "a" "b"}', "f")


@pytest.mark.parametrize(
    ("before", "shown"),
    [
        ("\t", "    "),
        ("\t \t", "         "),
        ("é", "é"),
        ("e\u0301", "e\u0301"),  # a combining accent takes no column
        ("漢字", "漢字"),
        ("ＡＢ", "ＡＢ"),  # noqa: RUF001 # full width
        ("한", "한"),
        ("\u1112\u1161\u11ab", "\u1112\u1161\u11ab"),  # the same syllable from three parts
        ("กำ", "กำ"),
        (PERSIAN, f"{LRM}{PERSIAN}{LRM}"),
        ("😀", "😀"),
        ("❤\ufe0f", "❤"),  # terminals disagree about how wide the red heart is
        ("👍🏽", "👍⟨U+1F3FD⟩"),
        ("👩\u200d👧", "👩⟨U+200D⟩👧"),
        ("\x1b[2J\x07", "⟨U+001B⟩[2J⟨U+0007⟩"),
        ("\u202e\u2066", "⟨U+202E⟩⟨U+2066⟩"),
        ("a\u200bb\ufeff", "a⟨U+200B⟩b⟨U+FEFF⟩"),
        ("\x00\x7f\x85\xa0", "⟨U+0000⟩⟨U+007F⟩⟨U+0085⟩⟨U+00A0⟩"),
        ("a\rb", "a⟨U+000D⟩b"),
        ("\u2028", "⟨U+2028⟩"),
        ("שלום", f"{LRM}שלום{LRM}"),
    ],
)
def test_the_carets_keep_their_place_behind_any_character(before: str, shown: str) -> None:
    from rich.cells import cell_len

    line, carets = excerpt_of(f'{before}"x"', len(before) + 1)
    begin = LRM if shown.startswith(LRM) else ""
    assert line == f'{shown}"x"'
    columns = len(carets) - 3
    assert carets == " " * columns + "^^^"
    assert columns == sum(cell_len(char) for char in shown.removeprefix(begin) if not "\u1160" <= char <= "\u11ff")


def test_names_in_right_to_left_scripts_keep_their_order() -> None:
    line, carets = excerpt_of('["שלום", "עולם"]', 10)
    assert line == f'{LRM}["שלום{LRM}", "עולם{LRM}"]'
    assert carets == "         ^^^^^^"


def test_a_carriage_return_before_the_line_feed_is_not_shown() -> None:
    assert excerpt_of('{\r\n"x": 1\r\n}', 1, line=2) == ('"x": 1', "^^^")


@pytest.mark.parametrize(
    ("column", "shown", "carets"),
    [
        (1, "x" * 120 + "…", "^" * 121),
        (5_000_000, "…" + "x" * 120 + "…", " " * 61 + "^" * 61),
        (10_000_001, "…" + "x" * 60, " " * 61 + "^"),
    ],
)
def test_of_a_line_of_megabytes_the_part_around_the_span_is_shown(column: int, shown: str, carets: str) -> None:
    assert excerpt_of("x" * 10_000_000, column) == (shown, carets)


def test_long_lines_are_measured_in_columns_not_in_characters() -> None:
    line, carets = excerpt_of("漢" * 70 + '"x"' + "字" * 70, 71)
    assert line == "…" + "漢" * 30 + '"x"' + "字" * 28 + "…"
    assert carets == " " * 61 + "^^^"


def test_endless_names_and_messages_are_shortened() -> None:
    rendered = full([unknown(None, path="/" + "x" * 10_000_000, message="m" * 10_000_000)], None, "n" * 10_000_000)
    assert len(rendered) < 1500
    assert len(concise([unknown(None, path="/" + "x" * 10_000_000)], "f")) < 500


def test_colours_only_when_asked_for_and_nothing_else_differs() -> None:
    import click

    diagnostics = [Diagnostic("ALT001", "empty", "/id", 1, 8, help="h"), unknown()]
    coloured = full(diagnostics, '{"id": ""}', "f", colour=True)
    assert "\x1b[31m\x1b[1merror[ALT001]\x1b[0m" in coloured
    assert "\x1b[33m\x1b[1mwarning[ALT110]\x1b[0m" in coloured
    assert click.unstyle(coloured) == full(diagnostics, '{"id": ""}', "f")
    assert click.unstyle(concise(diagnostics, "f", colour=True)) == concise(diagnostics, "f")


def test_concise_is_a_line_for_each() -> None:
    diagnostics = [Diagnostic("ALT001", "empty\nid", "/id", 1, 8), unknown(None), Diagnostic("ALT304", "empty")]
    assert concise(diagnostics, "a\x1bb") == (
        "a⟨U+001B⟩b:1:8: error[ALT001] empty⟨U+000A⟩id\n"
        "a⟨U+001B⟩b: warning[ALT110] it is wrong (at /tasks/0/x)\n"
        "a⟨U+001B⟩b: error[ALT304] empty\n"
    )


anything = st.text(st.characters(codec=None), max_size=300)


@given(anything, st.integers(1, 5), st.integers(1, 300), anything, st.sampled_from(["ALT110", "ALT302", "ALT021"]))
@example('"\u0301' * 130, 1, 70, "", "ALT110")
@example("\u0301" * 300, 1, 150, "", "ALT110")
@example("\ud800\udfff", 1, 1, "\x9b31m", "ALT302")
def test_no_text_can_steer_the_terminal_or_break_the_rendering(
    text: str, line: int, column: int, words: str, code: str
) -> None:
    place = Related(words, words, line, column + 1)
    diagnostic = Diagnostic(code, words, words, line, column, help=words, related=(place,))
    for rendered in (full([diagnostic], text, words), concise([diagnostic], words)):
        assert all(char.isprintable() or char in "\n\u200c\u200d\u200e" for char in rendered)
        assert max(map(len, rendered.splitlines())) < 10_000

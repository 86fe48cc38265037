"""Whatever the bytes are: a file, or an AltParseError that says why not. Never a traceback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from altlas_runner.alt_file import AltFile, AltParser
from altlas_runner.errors import AltFormatError, AltJsonError, AltParseError
from tests.alt_file.alt_documents import document, task


def around(value: str) -> str:
    """A sound file with this text as the value of a parameter."""
    return '{"id": "f", "title": "t", "tasks": [{"id": "a", "description": "d", "parameters": {"x": ' + value + "}}]}"


START = around("%").index("%") + 1  # the column of the value


@pytest.mark.parametrize(
    ("text", "error", "code", "place"),
    [
        (b"", AltFormatError, "ALT304", (None, None)),
        (" \n\t ", AltFormatError, "ALT304", (None, None)),
        ("{}x", AltJsonError, "ALT302", (1, 3)),
        ('{"é":\n  "ü", tru}', AltJsonError, "ALT302", (2, 8)),
        ("{'id': 1}", AltJsonError, "ALT302", (1, 2)),
        (b"\xef\xbb\xbf{}", AltJsonError, "ALT302", (1, 1)),
        ("{}".encode("utf-16"), AltJsonError, "ALT302", (1, 1)),
        ("{}".encode("utf-16-le"), AltJsonError, "ALT302", (1, 2)),
        ("{}".encode("utf-32"), AltJsonError, "ALT302", (1, 1)),
        (b'{"id":\n "\xc3\xa9\xff"}', AltJsonError, "ALT302", (2, 4)),
        (b'{"id": "\x00"}', AltJsonError, "ALT302", (1, 9)),
        ('{"id": "\ud800"}', AltJsonError, "ALT302", (1, 9)),
        (around('"\\ud800"'), AltJsonError, "ALT302", (1, START + 7)),
        (around("01"), AltJsonError, "ALT302", (1, START + 1)),
        ("[" * 100_000, AltFormatError, "ALT306", (1, 202)),
        ('{"a":' * 100_000, AltFormatError, "ALT306", (1, 1006)),
        (around("[" * 300 + "]" * 300), AltFormatError, "ALT306", (1, START + 197)),
        (around("1" * 5000), AltFormatError, "ALT306", (1, START + 4301)),
        ("null", AltFormatError, "ALT303", (1, 1)),
        ("[]", AltFormatError, "ALT303", (1, 1)),
        (" 5", AltFormatError, "ALT303", (1, 2)),
    ],
)
def test_a_text_that_cannot_be_read_gives_one_diagnostic_with_its_place(
    text: str | bytes, error: type[AltParseError], code: str, place: tuple[int | None, int | None]
) -> None:
    with pytest.raises(AltParseError) as caught:
        AltParser().parse_from_string(text)
    (diagnostic,) = caught.value.diagnostics
    assert (type(caught.value), diagnostic.code, (diagnostic.line, diagnostic.column)) == (error, code, place)
    assert AltParser().validate(text) == [diagnostic]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("title: t", "YAML"),
        ("# c\n- id: f", "YAML"),
        ("hello", "YAML"),
        ('{"a": # c\n 1}', "no comments"),
        ('{\n  // c\n  "a": 1}', "no comments"),
        ('{"a": True}', "small letters"),
        ("{\"a\": 'x'}", "double quotes"),
        ('{"a": 1 "b": 2}', "comma"),
    ],
)
def test_the_help_for_a_syntax_error_fits_what_stands_there(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "f.alt").write_text(text)
    (diagnostic,) = AltParser().validate(tmp_path / "f.alt")
    assert diagnostic.help is not None
    assert words in diagnostic.help


@pytest.mark.parametrize(
    "number",
    ["NaN", "Infinity", "-Infinity", "1e400", "-1E+0400", "1" * 250 + "e99", '[1, {"y": 1e999}]', "1" * 310 + ".0"],
)
def test_numbers_that_json_cannot_say_are_refused_with_their_path(number: str) -> None:
    with pytest.raises(AltJsonError) as caught:
        AltParser().with_strict_validation(False).parse_from_string(around(number))
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "ALT302"
    assert diagnostic.path == "/tasks/0/parameters/x" + ("/1/y" if "[" in number else "")


def test_each_such_number_in_a_large_file_is_found() -> None:
    tasks = [task(f"t{i}") for i in range(2_500)]
    for index in (0, 999, 1_000, 2_499):
        tasks[index]["parameters"] = {"x": [1.5, float("inf")]}
    metadata = {f"k{i}": 0.5 for i in range(1_001)} | {"last": float("nan")}
    diagnostics = AltParser().validate(json.dumps({**document(*tasks), "metadata": metadata}))
    paths = {diagnostic.path for diagnostic in diagnostics if diagnostic.code == "ALT302"}
    assert paths == {"/metadata/last"} | {f"/tasks/{i}/parameters/x/1" for i in (0, 999, 1_000, 2_499)}


@pytest.mark.parametrize("value", ['"NaN"', '"1e400"', "1e308", "0.1e-400", "9" * 310, '"550e8400-e29b-41d4"'])
def test_what_only_looks_like_such_a_number_is_read(value: str) -> None:
    parsed = AltParser().parse_from_string(around(value))
    assert parsed.tasks[0].parameters == {"x": json.loads(value)}


def test_values_may_be_nested_nearly_two_hundred_levels_deep(tmp_path: Path) -> None:
    text = around("[" * 190 + "]" * 190)
    parsed = AltParser().parse_from_string(text)
    AltParser().save_to_path(parsed, tmp_path / "deep.alt")
    assert AltParser().parse_from_path(tmp_path / "deep.alt").tasks == parsed.tasks


@pytest.mark.slow
def test_many_wrong_names_do_not_take_quadratic_time() -> None:
    wrong = [task(f"task_{i:06}", f"tsak_{i:06}") for i in range(20_000)]
    diagnostics = AltParser().validate(json.dumps(document(*wrong)))
    assert len(diagnostics) == 20_000
    assert diagnostics[0].help is not None


@given(st.binary() | st.text().map(str.encode) | st.text(st.characters()).map(lambda t: json.dumps(t).encode()))
@example(b'{"id": "f", "title": "t", "tasks": [], "mode": "\\u0130"}')
def test_any_bytes_give_a_file_or_an_alt_parse_error(content: bytes) -> None:
    errors = [d for d in AltParser().validate(content) if d.severity == "error"]
    assert (parsed_or_refused(AltParser(), content) is None) == bool(errors)
    basic = [d for d in errors if d.code.startswith("ALT3")]
    assert (parsed_or_refused(AltParser().with_strict_validation(False), content) is None) == bool(basic)


def parsed_or_refused(parser: AltParser, content: bytes) -> AltFile | None:
    try:
        return parser.parse_from_string(content)
    except AltParseError:
        return None


@given(st.data())
def test_any_damage_to_a_file_gives_a_file_or_an_alt_parse_error(data: st.DataObject) -> None:
    content = json.dumps(
        document(task("a", parameters={"x": [1.5e10, "é"]}), task("b", "a"), mode="dream"), ensure_ascii=False
    )
    damaged = bytearray(content.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(damaged) - 1))
        damaged[place : place + data.draw(st.integers(0, 3))] = data.draw(
            st.binary(max_size=2) | st.sampled_from([b"null", b"[", b"{", b"1e999", b'"', b"\\", b"-"])
        )
    errors = [d for d in AltParser().validate(bytes(damaged)) if d.severity == "error"]
    assert (parsed_or_refused(AltParser(), bytes(damaged)) is None) == bool(errors)
    for diagnostic in AltParser().validate(bytes(damaged)):
        if diagnostic.code != "ALT304":
            assert diagnostic.line is not None
            assert diagnostic.column is not None
            line = bytes(damaged).decode(errors="replace").split("\n")[diagnostic.line - 1]
            assert 1 <= diagnostic.column <= len(line) + 1

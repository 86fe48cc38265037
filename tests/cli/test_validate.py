"""`altlas-runner validate`: several files and stdin at once, for people and for other programs."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pytest
from click.testing import CliRunner, Result

from altlas_runner.alt_file import AltParser, Diagnostic, Related
from altlas_runner.alt_file.diagnostics import CODES
from altlas_runner.cli.diagnostics import Checked
from altlas_runner.cli.machine_formats import as_github, as_json, as_sarif
from altlas_runner.cli.validate import validate

GOOD = '{"id": "f", "title": "t", "tasks": [{"id": "a", "description": "d"}]}'
BAD = '{"id": "f", "title": " ", "tasks": [{"id": "a", "description": "d", "retries": 1}]}'
DOUBTFUL = '{"id": "f", "title": "t", "tasks": []}'
BROKEN = '{"id": "f"\n "title"}'


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in (("good", GOOD), ("bad", BAD), ("doubtful", DOUBTFUL), ("broken", BROKEN)):
        (tmp_path / f"{name}.alt").write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def validated(*arguments: str, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(validate, arguments, input=stdin, catch_exceptions=False)


def test_a_file_without_problems_is_said_to_have_none() -> None:
    done = validated("good.alt")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "good.alt: 0 errors, 0 warnings\n")


def test_the_name_of_a_file_cannot_speak_to_the_terminal(workplace: Path) -> None:
    (workplace / "a\x1b[31m.alt").write_text(BAD)
    done = validated("a\x1b[31m.alt")
    assert done.stderr.endswith("\na⟨U+001B⟩[31m.alt: 1 error, 1 warning\n")
    assert "\x1b" not in done.stderr


def test_every_problem_is_told_with_its_file_and_code() -> None:
    done = validated("bad.alt")
    assert (done.exit_code, done.stdout) == (3, "")
    assert "error[ALT002]" in done.stderr
    assert "warning[ALT110]" in done.stderr
    assert "--> bad.alt" in done.stderr
    assert done.stderr.endswith("\nbad.alt: 1 error, 1 warning\n")


def test_a_syntax_error_shows_its_line() -> None:
    done = validated("broken.alt")
    assert done.exit_code == 3
    assert '--> broken.alt:2:2\n    |\n  2 |  "title"}\n    |  ^ here\n' in done.stderr


def test_warnings_alone_are_no_failure_unless_asked_for() -> None:
    assert validated("doubtful.alt").exit_code == 0
    assert validated("doubtful.alt", "--strict").exit_code == 3
    assert validated("good.alt", "--strict").exit_code == 0


def test_several_files_and_stdin_are_checked_in_one_go() -> None:
    done = validated("good.alt", "-", "missing.alt", "bad.alt", "--output-format", "concise", stdin=BROKEN)
    assert done.exit_code == 3
    lines = done.stderr.splitlines()
    assert lines[0].startswith("<stdin>:2:2: error[ALT302] ")
    assert lines[1].startswith("missing.alt: error[ALT301] ")
    assert [line.partition(":")[0] for line in lines[2:]] == ["bad.alt", "bad.alt", "4 files"]
    assert lines[-1] == "4 files: 3 errors, 1 warning"


def test_stdin_is_shown_although_it_cannot_be_read_again() -> None:
    assert '  2 |  "title"}\n' in validated("-", stdin=BROKEN).stderr


def test_a_pipe_is_not_waited_for_a_second_time(workplace: Path) -> None:
    os.mkfifo(workplace / "pipe.alt")
    process = subprocess.Popen(
        [sys.executable, "-m", "altlas_runner", "validate", "pipe.alt"], stderr=subprocess.PIPE, text=True
    )
    (workplace / "pipe.alt").write_text(BROKEN)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 3
    assert "--> pipe.alt:2:2\n" in errors


def test_at_most_a_hundred_are_printed_errors_first_and_the_rest_counted(workplace: Path) -> None:
    tasks: list[dict[str, Any]] = [{"id": f"t{i}", "description": "d"} for i in range(150)]
    tasks[149]["dependencies"] = ["nowhere"]
    (workplace / "many.alt").write_text(json.dumps({"id": "m", "title": "t", "tasks": tasks}))
    done = validated("many.alt", "--output-format", "concise")
    lines = done.stderr.splitlines()
    assert sum("[ALT" in line for line in lines) == 100
    assert "error[ALT021]" in lines[99]
    assert lines[100:] == ["… and 50 more", "many.alt: 1 error, 149 warnings"]
    assert len(json.loads(validated("many.alt", "--json").stdout)) == 150


def test_json_is_one_flat_array_whatever_the_number_of_files() -> None:
    done = validated("good.alt", "bad.alt", "-", "--json", stdin=DOUBTFUL)
    assert (done.exit_code, done.stderr) == (3, "")
    rows = json.loads(done.stdout)
    assert [(row["file"], row["code"], row["severity"]) for row in rows] == [
        ("bad.alt", "ALT002", "error"),
        ("bad.alt", "ALT110", "warning"),
        ("<stdin>", "ALT101", "warning"),
    ]
    assert {"message", "path", "line", "column", "task_id", "help", "related"} <= set(rows[0])
    assert validated("good.alt", "--output-format", "json").stdout == "[]\n"


def test_a_schema_is_applied_and_one_that_is_none_is_a_usage_error(workplace: Path) -> None:
    (workplace / "s.json").write_text('{"required": ["persona"]}')
    assert "ALT305" in validated("good.alt", "--schema", "s.json").stderr
    (workplace / "s.json").write_text('{"type": "nonsense"}')
    done = validated("good.alt", "--schema", "s.json")
    assert done.exit_code == 2
    assert "s.json" in done.stderr


FILES = [
    Checked(
        "dir/ä b,c:%.alt",
        [
            Diagnostic("ALT011", "again,\r\n100 % sure: it is", "/tasks/1/id", 2, 3, "x", "mend it")
            if i == 0
            else Diagnostic("ALT101", "no tasks", "/tasks")
            for i in range(2)
        ],
        '{\n  "漢字": 1\n}',
    ),
    Checked(
        "/tmp/flow.alt",
        [Diagnostic("ALT021", "no", "/tasks/0", 9, 9, related=(Related("/a", "it", 1, 2), Related("", "that")))],
        "{}",
    ),
]


def test_github_gets_workflow_commands_with_everything_escaped() -> None:
    assert as_github(FILES) == (
        "::error file=dir/ä b%2Cc%3A%25.alt,line=2,col=3,endColumn=6,title=ALT011::"
        "again,%0D%0A100 %25 sure: it is%0Amend it\n"
        "::warning file=dir/ä b%2Cc%3A%25.alt,title=ALT101::no tasks\n"
        "::error file=/tmp/flow.alt,line=9,col=9,title=ALT021::no\n"
    )
    assert as_github([Checked("f", [])]) == ""


def test_sarif_names_rules_results_and_regions() -> None:
    log = json.loads(as_sarif(FILES))
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert (log["version"], driver["name"], run["columnKind"]) == ("2.1.0", "altlas-runner", "unicodeCodePoints")
    assert [rule["id"] for rule in driver["rules"]] == ["ALT011", "ALT021", "ALT101"]
    for result in run["results"]:
        rule = driver["rules"][result["ruleIndex"]]
        assert rule["id"] == result["ruleId"]
        assert rule["shortDescription"]["text"] == CODES[rule["id"]]
        assert rule["defaultConfiguration"]["level"] == result["level"]
        assert "How to mend it" in rule["help"]["markdown"]
    first, second, third = run["results"]
    (place,) = first["locations"]
    assert place["physicalLocation"]["region"] == {"startLine": 2, "startColumn": 3, "endColumn": 7}
    assert place["logicalLocations"] == [{"fullyQualifiedName": "/tasks/1/id"}]
    assert unquote(place["physicalLocation"]["artifactLocation"]["uri"]) == "dir/ä b,c:%.alt"
    assert "region" not in second["locations"][0]["physicalLocation"]
    uri = third["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert urlparse(uri)[:3] == ("file", "", "/tmp/flow.alt")
    assert [(place["id"], place["message"]["text"]) for place in third["relatedLocations"]] == [(1, "it"), (2, "that")]


@pytest.mark.parametrize("write", [as_json, as_sarif])
def test_what_programs_read_is_ascii_and_holds_whatever_a_file_holds(write: Any) -> None:
    strange = Checked("\udcff\x1b\n.alt", AltParser().validate('{"\\ud83d\\ude00\\u0000": 1}'), "")
    assert json.loads(write([strange]))
    assert write([strange]).isascii()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("environment", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_colours_are_for_terminals_that_want_them(environment: dict[str, str], coloured: bool) -> None:
    ours, theirs = pty.openpty()
    clean = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "altlas_runner", "validate", "bad.alt"],
            stderr=theirs,
            timeout=30,
            check=False,
            env={**clean, "TERM": "xterm", **environment},
        )
        shown = os.read(ours, 100_000)
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.returncode == 3
    assert (b"\x1b[31m" in shown) == coloured
    assert (b"\x1b" in shown) == coloured

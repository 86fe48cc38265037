"""show, report, diff, export and open: bundles read back, by people and by programs."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from altlas_runner import LastFileGenerator, TaskResult
from altlas_runner.cli.diff import diff
from altlas_runner.cli.export import export
from altlas_runner.cli.open import open_report
from altlas_runner.cli.report import report
from altlas_runner.cli.show import show
from tests.last_file.bundles import assert_whole
from tests.last_file.fabricate import alt_file, broken_diamond, completed, failed

LARGE = {"rows": ["x" * 1000] * 1100}
HOSTILE = "evil \x1b]0;title\x07 \u202e <script>alert(1)</script>"


def called(command: click.Command, *arguments: str | Path, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(command, list(map(str, arguments)), input=stdin, catch_exceptions=False)


def bundle_of(directory: Path, results: list[TaskResult], last_id: str = "last_1") -> Path:
    alt = alt_file({result.task_id: () for result in results})
    LastFileGenerator(directory).with_graphs(False).generate(alt, results, last_id=last_id)
    return directory / last_id


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    alt, results = broken_diamond()
    results[0].output = {"artifacts": [{"name": "a.txt", "content": "hello"}], "n": 1}
    LastFileGenerator(tmp_path).with_graphs(False).generate(alt, results, last_id="last_1")
    return tmp_path / "last_1"


@pytest.fixture
def later(tmp_path: Path) -> Path:
    """The same flow, run again: one task mended, one slower, one with another output, one gone, one new."""
    alt, results = broken_diamond()
    results[0].output = {"artifacts": [], "n": 2, "m": None}
    results[1] = completed("left", "ok", end=9)
    results[2].execution_time_ms = 4000
    results[4] = completed("new")
    LastFileGenerator(tmp_path).with_graphs(False).generate(alt, results, last_id="last_2")
    return tmp_path / "last_2"


# -- show ------------------------------------------------------------------------------------------------------------


def test_show_says_how_the_run_ended_with_what_failed_first(bundle: Path) -> None:
    done = called(show, bundle)
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0] == "Result of A flow: 2 of 5 tasks completed (40 %), 1 failed, 2 skipped, in 4.0 s."
    assert f"bundle  {bundle}" in lines
    tasks = lines[lines.index("") + 4 :]
    assert tasks == [
        "failed        4.0 s  left   2 attempts  AI_UPSTREAM the service answered 503",
        'skipped        0 ms  join   dependency "left" failed',
        'skipped        0 ms  send   dependency "join" was skipped',
        "completed     1.0 s  fetch  1 artifact",
        "completed     1.0 s  right",
    ]


def test_show_of_a_task_says_all_of_it(bundle: Path) -> None:
    lines = called(show, bundle, "left").stdout.splitlines()
    assert lines[0] == "failed  left  4.0 s"
    assert "  waits for  fetch" in lines
    assert "  attempt 2  failed, 1.0 s, after a wait of 2.0 s: AI_UPSTREAM the service answered 503" in lines
    assert "  usage      10 tokens in, 0 out, unpriced" in lines
    lines = called(show, bundle, "fetch").stdout.splitlines()
    assert "  artifact   artifacts/fetch/a.txt  text/plain, 5 bytes" in lines
    assert json.loads("\n".join(lines[lines.index("output") + 1 :])) == {
        "artifacts": [{"name": "a.txt", "content": "hello"}],
        "n": 1,
    }


def test_show_as_json_is_for_programs(bundle: Path) -> None:
    found = json.loads(called(show, bundle, "--json").stdout)
    assert (found["last_file_id"], found["status"], len(found["tasks"])) == ("last_1", "partial_success", 5)
    assert found["tasks"][0]["artifacts"] == ["artifacts/fetch/a.txt"]
    assert found["tasks"][1] == {
        "task_id": "left", "status": "failed", "execution_time_ms": 4000, "attempts": 2, "error_code": "AI_UPSTREAM",
        "error": "the service answered 503", "artifacts": [],
    }  # fmt: skip
    one = json.loads(called(show, bundle, "right", "--json").stdout)
    assert (one["task_id"], one["output"], one["started_at"]) == ("right", {"answer": 42}, "2026-03-02T09:30:00Z")


def test_show_reads_an_output_that_is_an_artifact(tmp_path: Path) -> None:
    bundle = bundle_of(tmp_path, [completed("a", LARGE)])
    assert json.loads(called(show, bundle, "a", "--json").stdout)["output"] == LARGE
    text = called(show, bundle, "a").stdout
    assert len(text) < 30_000
    assert "characters; --json has all" in text
    (bundle / "artifacts" / "a" / "output.json.gz").write_bytes(b"broken")
    done = called(show, bundle, "a")
    assert (done.exit_code, "output.json.gz" in done.stderr) == (4, True)


def test_show_of_stdin_says_when_it_needs_the_bundle(tmp_path: Path, bundle: Path) -> None:
    content = (bundle / "result.last").read_bytes()
    assert called(show, "-", stdin=content).stdout.startswith("Result of A flow")
    assert json.loads(called(show, "-", "right", "--json", stdin=content).stdout)["output"] == {"answer": 42}
    large = bundle_of(tmp_path, [completed("a", LARGE)], "last_3")
    done = called(show, "-", "a", stdin=(large / "result.last").read_bytes())
    assert done.exit_code == 4
    assert "name the bundle" in done.stderr


def test_show_of_many_tasks_stays_short(tmp_path: Path) -> None:
    bundle = bundle_of(tmp_path, [*(completed(f"t{i}") for i in range(60)), failed("last")])
    lines = called(show, bundle).stdout.splitlines()
    assert lines[-1] == "and 11 more; --json has all, and the report"
    assert any(line.startswith("failed") for line in lines)


def test_show_of_a_task_that_is_not_there_names_the_way_to_the_others(bundle: Path) -> None:
    done = called(show, bundle, "nobody")
    assert done.exit_code == 2
    assert "there is no task 'nobody' in this run; without a task, show lists them" in done.stderr


def test_nothing_in_a_bundle_steers_the_terminal(tmp_path: Path) -> None:
    results = [completed(HOSTILE, {HOSTILE: HOSTILE}), failed("b", HOSTILE, code=HOSTILE)]
    one = bundle_of(tmp_path, results)
    other = bundle_of(tmp_path, [completed(HOSTILE, HOSTILE), completed("b")], "last_2")
    calls = [called(show, one), called(show, one, HOSTILE), called(show, one, "b"), called(diff, one, other)]
    for done in [*calls, called(show, one, HOSTILE + "x")]:
        for acting in ("\x1b", "\x07", "\u202e"):
            assert acting not in done.output


# -- report ----------------------------------------------------------------------------------------------------------


def test_a_report_is_rebuilt_byte_for_byte(bundle: Path, tmp_path: Path) -> None:
    before = (bundle / "report.html").read_bytes()
    (bundle / "report.html").unlink()
    done = called(report, bundle)
    assert (done.exit_code, done.stdout) == (0, f"{bundle / 'report.html'}\n")
    assert (bundle / "report.html").read_bytes() == before
    assert called(report, bundle / "result.last", "-o", tmp_path / "other.html").exit_code == 0
    assert (tmp_path / "other.html").read_bytes() == before
    assert called(report, bundle, "-o", "-").stdout_bytes == before
    assert called(report, "-", stdin=(bundle / "result.last").read_bytes()).stdout_bytes == before
    assert_whole(bundle)


# -- diff ------------------------------------------------------------------------------------------------------------


def test_a_difference_is_told_by_status_output_and_duration(bundle: Path, later: Path) -> None:
    done = called(diff, bundle, later)
    assert done.exit_code == 0
    assert done.stdout.splitlines()[3:] == [
        "3 of 6 tasks ended otherwise",
        "  left                  failed → completed",
        "  send                  skipped → not part of it",
        "  new                   not part of it → completed",
        "",
        "1 of 6 tasks came out differently",
        '  fetch                 /artifacts/0  {"name":"a.txt","content":"hello"} → (absent)',
        "                        /n  1 → 2",
        "                        /m  (absent) → null",
        "",
        "1 of 6 tasks took longer or shorter",
        "  right                 1.0 s → 4.0 s",
    ]


def test_a_difference_as_json_is_whole(bundle: Path, later: Path) -> None:
    found = json.loads(called(diff, bundle, later, "--json").stdout)
    assert (found["before"]["last_file_id"], found["after"]["last_file_id"]) == ("last_1", "last_2")
    changes = {change["task_id"]: change for change in found["changes"]}
    assert list(changes) == ["fetch", "left", "right", "send", "new"]
    assert changes["left"]["status_changed"]
    assert changes["right"]["duration_changed"]
    assert changes["fetch"]["output_differences"][1] == {"path": "/n", "before": "1", "after": "2"}


def test_a_run_does_not_differ_from_itself(bundle: Path) -> None:
    assert called(diff, bundle, bundle).stdout.splitlines()[-1] == "no difference in 5 tasks"
    assert json.loads(called(diff, bundle, "-", "--json", stdin=(bundle / "result.last").read_bytes()).stdout)[
        "changes"
    ] == []  # fmt: skip


def test_outputs_that_are_artifacts_are_compared_too(tmp_path: Path) -> None:
    one = bundle_of(tmp_path, [completed("a", LARGE)])
    same = bundle_of(tmp_path, [completed("a", LARGE)], "last_2")
    other = bundle_of(tmp_path, [completed("a", {"rows": [*LARGE["rows"][:-1], "y"]})], "last_3")
    small = bundle_of(tmp_path, [completed("a", {"rows": []})], "last_4")
    assert "no difference" in called(diff, one, same).stdout
    assert "/rows/1099  " in called(diff, one, other).stdout
    assert "and more places" in called(diff, one, small).stdout


def test_a_difference_as_a_page_needs_nothing_else_and_runs_nothing(tmp_path: Path, bundle: Path, later: Path) -> None:
    page = tmp_path / "diff.html"
    assert called(diff, bundle, later, "--html", page).stdout == f"{page}\n"
    text = page.read_text(encoding="utf-8")
    assert "default-src 'none'; style-src 'sha256-" in text
    assert "<script" not in text
    for said in ("left", "not part of it", "/artifacts/0", "4.0 s"):
        assert said in text
    assert called(diff, bundle, later, "--html", "-").stdout_bytes == page.read_bytes()
    hostile = bundle_of(tmp_path, [completed(HOSTILE, HOSTILE)], "last_3")
    plain = bundle_of(tmp_path, [completed(HOSTILE, "b")], "last_4")
    text = called(diff, hostile, plain, "--html", "-").stdout
    assert "<script" not in text
    assert "\u202e" not in text
    assert "&lt;script&gt;" in text


def test_stdin_is_one_of_the_two(bundle: Path) -> None:
    assert called(diff, "-", "-").exit_code == 2
    assert called(diff, bundle, bundle, "--json", "--html", "-").exit_code == 2


# -- export ----------------------------------------------------------------------------------------------------------


def test_an_export_goes_to_a_file_or_comes_from_stdin(bundle: Path, tmp_path: Path) -> None:
    assert called(export, bundle, "-o", tmp_path / "x.csv").stdout == ""
    content = (bundle / "result.last").read_bytes()
    assert called(export, "-", stdin=content).stdout_bytes == (tmp_path / "x.csv").read_bytes()
    for export_format, first in (("csv", "task_id,"), ("chrome-trace", "{"), ("otel", "{")):
        assert called(export, bundle, "--format", export_format).stdout.startswith(first)
    done = called(export, bundle, "-o", tmp_path / "no" / "x.csv")
    assert (done.exit_code, "cannot be written" in done.stderr) == (4, True)


# -- open ------------------------------------------------------------------------------------------------------------


def opened(bundle: Path, directory: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    env = {key: value for key, value in os.environ.items() if key not in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")}
    command = [sys.executable, "-m", "altlas_runner", "open", str(bundle)]
    return subprocess.run(command, capture_output=True, text=True, env=env | variables, cwd=directory)


@pytest.mark.slow
def test_open_hands_the_report_to_the_browser(bundle: Path, tmp_path: Path) -> None:
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {tmp_path}/asked\n')
    browser.chmod(browser.stat().st_mode | stat.S_IXUSR)
    done = opened(bundle, tmp_path, BROWSER=f"{browser} %s")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{bundle / 'report.html'}\n", "")
    assert (tmp_path / "asked").read_text() == (bundle / "report.html").as_uri()


@pytest.mark.slow
def test_open_says_where_the_report_is_when_there_is_no_browser(bundle: Path, tmp_path: Path) -> None:
    done = opened(bundle, tmp_path)
    assert (done.returncode, done.stdout) == (0, f"{bundle / 'report.html'}\n")
    assert "no browser" in done.stderr


def test_open_says_how_to_make_a_report_that_is_missing(bundle: Path) -> None:
    (bundle / "report.html").unlink()
    done = called(open_report, bundle)
    assert done.exit_code == 4
    assert f"there is no report; make it with: altlas-runner report {bundle}" in done.stderr
    assert called(open_report, "-", stdin=(bundle / "result.last").read_bytes()).exit_code == 4


# -- what cannot be read ---------------------------------------------------------------------------------------------

BROKEN: dict[str, Any] = {
    "of another version": ({"version": "2.0"}, "this altlas_runner reads 1.x: use the one that wrote it"),
    "of no version": ({"version": ""}, "LAST format version"),
    "spoiled": ({"task_results": 3}, "not a LAST file: /task_results"),
}


@pytest.mark.parametrize("command", [show, report, export, open_report, diff], ids=lambda command: str(command.name))
@pytest.mark.parametrize("kind", [*BROKEN, "no JSON", "missing", "an empty directory"])
def test_a_bundle_that_cannot_be_read_ends_with_4_and_the_reason(
    bundle: Path, tmp_path: Path, command: click.Command, kind: str
) -> None:
    result, arguments = bundle / "result.last", [bundle, bundle] if command is diff else [bundle]
    reason = ""
    if kind in BROKEN:
        changes, reason = BROKEN[kind]
        result.write_text(json.dumps({**json.loads(result.read_bytes()), **changes}))
    elif kind == "no JSON":
        result.write_text("{")
        reason = "not JSON"
    else:
        place = tmp_path / "other"
        if kind == "an empty directory":
            place.mkdir()
        arguments = [place for _ in arguments]
        reason = "cannot be read" if kind == "missing" else "no result.last in it"
    done = called(command, *arguments)
    assert done.exit_code == 4
    assert done.stdout == ""
    assert reason in done.stderr


def test_a_bundle_of_a_later_1_x_is_read(bundle: Path) -> None:
    result = bundle / "result.last"
    result.write_text(json.dumps({**json.loads(result.read_bytes()), "version": "1.9", "new": True}))
    assert called(show, bundle).exit_code == 0

"""The options of `run` that choose, limit and end, with tasks that are real programs."""

import json
from pathlib import Path

import pytest

from tests.durability.command_line import command_line

FLOW = {
    "id": "flow",
    "title": "programs",
    "tasks": [
        {"id": "first", "description": "d", "parameters": {"task_type": "command", "argv": ["true"]}},
        {
            "id": "second",
            "description": "d",
            "dependencies": ["first"],
            "parameters": {"task_type": "command", "argv": ["true"], "concurrency_group": "disk"},
        },
        {"id": "bad", "description": "d", "parameters": {"task_type": "command", "argv": ["false"]}},
        {
            "id": "slow",
            "description": "d",
            "dependencies": ["first"],
            "parameters": {"task_type": "command", "argv": ["sleep", "60"]},
        },
    ],
}

pytestmark = pytest.mark.slow


ALWAYS = ("--allow-commands", "--no-graphs", "--json", "--progress", "none")


def run(folder: Path, *options: str, **env: str) -> tuple[int, dict[str, str], str]:
    """Exit code, the error code or status of each task in the LAST file, and stderr."""
    (folder / "flow.alt").write_text(json.dumps(FLOW))
    code, process = command_line().end_of(["run", "flow.alt", *ALWAYS, *options], env, cwd=folder)
    if not process.stdout:
        return code, {}, process.stderr
    last_file = json.loads((folder / json.loads(process.stdout)["last_file_path"]).read_text())
    ends = {each["task_id"]: each["error_code"] or each["status"] for each in last_file["task_results"]}
    return code, ends, process.stderr


@pytest.mark.parametrize(
    ("options", "ends"),
    [
        (["--until", "second", "--group", "disk=1"], {"first": "completed", "second": "completed"}),
        (["--only", "second", "--schedule", "critical-path"], {"second": "completed"}),
        (["--from", "first", "--until", "second"], {"first": "completed", "second": "completed"}),
    ],
)
def test_a_part_of_a_file_runs_and_succeeds_by_itself(tmp_path: Path, options: list[str], ends: dict[str, str]) -> None:
    assert run(tmp_path, *options)[:2] == (0, ends)


def test_a_group_is_added_to_settings_that_only_make_sense_together(tmp_path: Path) -> None:
    (tmp_path / "prices.toml").write_text('"*" = { input = 1, output = 1 }')
    options = ("--only", "first", "--prices", "prices.toml", "--group", "disk=1")
    assert run(tmp_path, *options, RUNNER_MAX_COST="1")[0] == 0


def test_the_deadline_of_a_run_gives_exit_code_5_and_a_bundle(tmp_path: Path) -> None:
    """Long enough for the quick tasks on a busy machine, and far less than the slow one takes."""
    code, ends, _ = run(tmp_path, "--from", "first", "--deadline", "3")
    assert (code, ends) == (5, {"first": "completed", "second": "completed", "slow": "RUN_DEADLINE"})


def test_failing_fast_cancels_what_runs(tmp_path: Path) -> None:
    code, ends, _ = run(tmp_path, "--fail-fast", "--only", "bad", "--only", "slow", "-j", "2")
    assert (code, ends) == (1, {"bad": "COMMAND_FAILED", "slow": "FAIL_FAST"})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--only", "frist"], 'there is no task "frist" to select'),
        (["--group", "disk"], "write NAME=LIMIT"),
        (["--group", "disk=0"], "write NAME=LIMIT"),
        (["--deadline", "0"], "--deadline"),
    ],
)
def test_an_option_that_makes_no_sense_is_a_usage_error_before_anything_runs(
    tmp_path: Path, options: list[str], message: str
) -> None:
    code, _, errors = run(tmp_path, *options)
    assert code == 2
    assert message in errors
    assert not (tmp_path / "output").exists()

"""`altlas-runner plan` and `graph`: what a run would look like, without running, asking or writing anything."""

from __future__ import annotations

import json
import subprocess
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from altlas_runner import LastFileGenerator, TaskResult, TaskStatus
from altlas_runner.cli.graph import graph
from altlas_runner.cli.plan import plan
from altlas_runner.testing import alt_file_of
from tests.needs import need_dot

HOSTILE_IDS = [
    '"]; click t0 call alert()', "<script>alert(1)</script>", "end", "1. list", "`md`", "a --> b", "#quot;", "%% no",
    "two\nlines", "\x1b[31mred", "übersicht 概要", "graph TD", "{{x}}", "\u202eright to left", "-- x", "&amp;",
]  # fmt: skip

TASKS: list[dict[str, Any]] = [
    {"id": "fetch", "description": "fetch ${{ inputs.topic }}", "parameters": {"runtime_seconds": 30}},
    {"id": "left", "description": "l", "dependencies": ["fetch"], "parameters": {"runtime_seconds": 5}},
    {"id": "right", "description": "r", "dependencies": ["fetch"], "priority": "high"},
    {"id": "join", "description": "j", "dependencies": ["left", "right"], "parameters": {"runtime_seconds": 2}},
]


def write(directory: Path, *tasks: dict[str, Any], title: str = "A flow") -> Path:
    path = directory / "flow.alt.json"
    path.write_text(json.dumps({"id": "flow", "title": title, "tasks": list(tasks)}))
    return path


def called(command: click.Command, *arguments: str | Path, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(command, list(map(str, arguments)), input=stdin, catch_exceptions=False)


def bundle_with_times(directory: Path, times: dict[str, int], failed: str = "") -> Path:
    """An earlier run in which these tasks took so many milliseconds."""
    results = [
        TaskResult(task, TaskStatus.FAILED if task == failed else TaskStatus.COMPLETED, execution_time_ms=took)
        for task, took in times.items()
    ]
    generator = LastFileGenerator(directory).with_graphs(False)
    now = datetime.now(UTC)
    last_file = generator.generate(alt_file_of({"id": "x"}), results, started_at=now, completed_at=now)
    return directory / last_file.id


def test_a_plan_says_what_would_run_in_which_order(tmp_path: Path) -> None:
    alt = write(tmp_path, *TASKS)
    done = called(plan, alt)
    assert (done.exit_code, done.stderr) == (0, "")
    for line in (
        "A flow: 4 tasks, 4 dependencies, 3 waves",
        "inputs: topic",
        "order, one at a time: fetch → right → left → join",
        "     2       2 tasks  right, left",
        "longest chain  3 tasks: fetch → left → join",
        "largest wave   2 tasks: the most at once when all take the same time",
        "estimates      3 of 4 tasks, 0 of them from the earlier run; the others count as 0 s",
        "critical path  37.0 s: fetch (30.0 s) → left (5.0 s) → join (2.0 s)",
        "one by one     37.0 s",
        "most at once   1 task, by these estimates and without a limit",
    ):
        assert line in done.stdout.splitlines()
    assert list(tmp_path.iterdir()) == [alt]


def test_a_plan_as_json_is_whole(tmp_path: Path) -> None:
    done = called(plan, write(tmp_path, *TASKS), "--json")
    assert json.loads(done.stdout) == {
        "alt_file_id": "flow",
        "title": "A flow",
        "task_count": 4,
        "dependency_count": 4,
        "inputs": ["topic"],
        "order": ["fetch", "right", "left", "join"],
        "waves": [["fetch"], ["right", "left"], ["join"]],
        "largest_wave": 2,
        "longest_chain": ["fetch", "left", "join"],
        "estimate": {
            "known_tasks": 3,
            "known_from_last": 0,
            "critical_path": [
                {"id": "fetch", "seconds": 30.0},
                {"id": "left", "seconds": 5.0},
                {"id": "join", "seconds": 2.0},
            ],
            "critical_path_seconds": 37.0,
            "one_by_one_seconds": 37.0,
            "most_at_once": 1,
        },
    }


def test_times_of_an_earlier_run_go_first_but_those_of_failed_tasks_say_nothing(tmp_path: Path) -> None:
    bundle = bundle_with_times(tmp_path / "out", {"right": 9000, "fetch": 1000, "left": 77, "gone": 5}, failed="left")
    estimate = json.loads(called(plan, write(tmp_path, *TASKS), "--last", bundle, "--json").stdout)["estimate"]
    assert (estimate["known_tasks"], estimate["known_from_last"]) == (4, 2)
    assert [each["seconds"] for each in estimate["critical_path"]] == [1.0, 9.0, 2.0]
    assert (estimate["most_at_once"], estimate["one_by_one_seconds"]) == (2, 17.0)


def test_an_earlier_run_that_cannot_be_read_ends_with_exit_code_4(tmp_path: Path) -> None:
    done = CliRunner().invoke(plan, [str(write(tmp_path, *TASKS)), "--last", str(tmp_path)])
    assert done.exit_code == 4
    assert "result.last" in done.stderr


def test_without_any_time_a_plan_says_so(tmp_path: Path) -> None:
    alt = write(tmp_path, {"id": "a", "description": "d"})
    assert "estimates      none" in called(plan, alt).stdout
    assert json.loads(called(plan, alt, "--json").stdout)["estimate"] is None


def test_a_large_plan_is_shortened_and_says_so(tmp_path: Path) -> None:
    tasks = [{"id": f"t{i}", "description": "d", "dependencies": [f"t{i - 1}"] if i else []} for i in range(50)]
    lines = called(plan, write(tmp_path, *tasks)).stdout.splitlines()
    assert len(lines) < 45
    assert any("and 20 more waves; --json has all" in line for line in lines)
    assert any(line.endswith("t11 → (38 more)") for line in lines)


@pytest.mark.parametrize("command", [plan, graph])
def test_an_invalid_file_ends_with_exit_code_3(command: click.Command, tmp_path: Path) -> None:
    done = called(command, write(tmp_path, {"id": "a", "description": "d", "dependencies": ["b"]}))
    assert (done.exit_code, done.stdout) == (3, "")
    assert "ALT021" in done.stderr


@pytest.mark.parametrize("command", [plan, graph])
def test_stdin_is_a_file_too(command: click.Command, tmp_path: Path) -> None:
    done = called(command, "-", stdin=write(tmp_path, *TASKS).read_bytes())
    assert done.exit_code == 0
    assert "fetch" in done.stdout


def test_nothing_in_a_file_steers_the_terminal(tmp_path: Path) -> None:
    tasks = [{"id": each, "description": "d"} for each in HOSTILE_IDS]
    done = called(plan, write(tmp_path, *tasks, title="\x1b[2Jgone"))
    assert "\x1b" not in done.stdout
    assert "\u202e" not in done.stdout


def test_a_graph_as_json_has_tasks_waves_and_dependencies(tmp_path: Path) -> None:
    drawn = json.loads(called(graph, write(tmp_path, *TASKS), "--format", "json").stdout)
    assert drawn["tasks"] == [
        {"id": "fetch", "wave": 1}, {"id": "left", "wave": 2}, {"id": "right", "wave": 2}, {"id": "join", "wave": 3}
    ]  # fmt: skip
    assert drawn["dependencies"] == [
        {"dependency": "fetch", "dependent": "left"},
        {"dependency": "fetch", "dependent": "right"},
        {"dependency": "left", "dependent": "join"},
        {"dependency": "right", "dependent": "join"},
    ]


def test_a_graph_as_dot_speaks_of_no_statuses(tmp_path: Path) -> None:
    drawn = called(graph, write(tmp_path, *TASKS), "--format", "dot").stdout
    assert '  n0 [label="fetch", tooltip="fetch"];' in drawn
    assert drawn.count(" -> ") == 4
    assert "pending" not in drawn
    assert "legend" not in drawn


def test_dot_understands_it(tmp_path: Path) -> None:
    need_dot()
    tasks = [{"id": each, "description": "d"} for each in HOSTILE_IDS]
    drawn = called(graph, write(tmp_path, *tasks), "--format", "dot").stdout_bytes
    svg = subprocess.run(["dot", "-Tsvg"], input=drawn, capture_output=True, check=True, timeout=30).stdout
    shown = ["".join(each.itertext()) for each in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")]
    assert "<script>alert(1)</script>" in shown


def test_a_graph_as_mermaid_has_every_task_and_edge(tmp_path: Path) -> None:
    assert called(graph, write(tmp_path, *TASKS), "--format", "mermaid").stdout.splitlines() == [
        "flowchart TD",
        '  t0["fetch"]',
        '  t1["left"]',
        '  t2["right"]',
        '  t3["join"]',
        "  t0 --> t1",
        "  t0 --> t2",
        "  t1 --> t3",
        "  t2 --> t3",
    ]


def test_hostile_ids_mean_nothing_to_mermaid(tmp_path: Path) -> None:
    tasks = [{"id": each, "description": "d"} for each in HOSTILE_IDS]
    lines = called(graph, write(tmp_path, *tasks), "--format", "mermaid").stdout.splitlines()[1:]
    assert len(lines) == len(HOSTILE_IDS)
    for number, line in enumerate(lines):
        start, end = f'  t{number}["', '"]'
        assert line.startswith(start)
        assert line.endswith(end)
        label = line[len(start) : -len(end)]
        assert all(char.isalnum() or char in " #;" for char in label)
    assert lines[6] == '  t6["#35;quot#59;"]'


def test_a_graph_as_svg_stands_alone(tmp_path: Path) -> None:
    tasks = [{"id": each, "description": "d", "dependencies": []} for each in HOSTILE_IDS]
    out = tmp_path / "graph.svg"
    assert called(graph, write(tmp_path, *tasks, *TASKS), "-o", out).exit_code == 0
    root = ET.fromstring(out.read_bytes())
    svg = "{http://www.w3.org/2000/svg}"
    assert root.tag == f"{svg}svg"
    texts = [each.text for each in root.iter(f"{svg}text")]
    assert "fetch" in texts
    assert "wave 2 · high" in texts
    assert root.find(f"{svg}style") is not None
    assert {each.get("href") for each in root.iter(f"{svg}use")} == {
        f"#{each.get('id')}" for each in root.iter(f"{svg}symbol")
    }


def test_a_graph_as_png_needs_graphviz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alt = write(tmp_path, *TASKS)
    monkeypatch.setenv("PATH", str(tmp_path))
    done = called(graph, alt, "--format", "png")
    assert (done.exit_code, done.stdout_bytes) == (2, b"")
    assert "Graphviz is not installed" in done.stderr


def test_a_graph_becomes_a_png(tmp_path: Path) -> None:
    need_dot()
    alt, out = write(tmp_path, *TASKS), tmp_path / "graph.PNG"
    assert called(graph, alt, "-o", out).exit_code == 0
    assert out.read_bytes().startswith(b"\x89PNG")
    assert called(graph, alt, "--format", "png").stdout_bytes.startswith(b"\x89PNG")


def test_what_nobody_could_read_is_drawn_collapsed_or_not_at_all(tmp_path: Path) -> None:
    need_dot()
    alt = write(tmp_path, *({"id": f"t{i}", "description": "d"} for i in range(1501)))
    done = called(graph, alt, "--format", "svg")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "mermaid and json" in done.stderr
    assert called(graph, alt, "--format", "png").stdout_bytes.startswith(b"\x89PNG")


def test_an_output_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    done = called(graph, write(tmp_path, *TASKS), "-o", tmp_path / "none" / "graph.dot")
    assert done.exit_code == 2
    assert "cannot be written" in done.stderr


def test_a_device_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    done = called(graph, write(tmp_path, *TASKS), "-o", "/dev/null")
    assert done.exit_code == 0
    assert Path("/dev/null").is_char_device()

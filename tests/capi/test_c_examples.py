"""The examples compile without a warning, as C and as C++, and run as a reader would run them."""

import json
import re
import sys
from pathlib import Path

import pytest

from altlas_runner import LastFile
from tests.capi.building import EXAMPLES, NIGHTLY, ROOT, WITH_PATH, Library, need_compiler, run
from tests.loopback import LoopbackService

pytestmark = pytest.mark.slow

SOURCES = sorted(EXAMPLES.glob("*.c"))
CHAIN = {
    "id": "flow",
    "title": "Three",
    "tasks": [
        {"id": "a", "description": "first"},
        {"id": "b", "description": "second", "dependencies": ["a"]},
        {"id": "c", "description": "third", "dependencies": ["b"]},
    ],
}


@pytest.mark.parametrize("language", ["c", "c++"])
@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_an_example_compiles_strictly(source: Path, language: str, library: Library) -> None:
    assert library.compile(source, language=language).exists()


@pytest.mark.parametrize("language", ["c", "c++"])
def test_parse_and_report_runs_from_an_empty_environment_in_another_directory(
    language: str, library: Library, tmp_path: Path
) -> None:
    done = run(library.compile(EXAMPLES / "parse_and_report.c", language=language), cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "ALT021" in done.stdout
    assert done.stdout.endswith("0 strings left\n")
    (bundle,) = (tmp_path / "output").iterdir()
    assert LastFile.from_path(bundle).success_rate == 0.5


def test_host_executor_does_the_tasks_in_c(library: Library, tmp_path: Path) -> None:
    done = run(library.compile(EXAMPLES / "host_executor.c"), "out", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    last_file, counts = done.stdout.splitlines()
    assert counts == "5 attempts, 5 outcomes freed"
    results = {result["task_id"]: result for result in json.loads(last_file)["task_results"]}
    assert {name: result["status"] for name, result in results.items()} == {
        "left": "completed",
        "right": "completed",
        "join": "completed",
        "lost": "failed",
    }
    assert results["right"]["retry_count"] == 1
    assert results["lost"]["error_code"] == "LOST"
    assert results["join"]["usage"] == {"input_tokens": 3, "output_tokens": 1, "cost": None}


@pytest.mark.parametrize("enough", [0, 1])
def test_run_with_progress_tells_everything_and_can_end_the_run(enough: int, library: Library, tmp_path: Path) -> None:
    (tmp_path / "flow.alt").write_text(json.dumps(CHAIN))
    program = library.compile(EXAMPLES / "run_with_progress.c")
    with LoopbackService(delay=0.3) as service:
        done = run(program, "flow.alt", service.url, "out", str(enough), cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    *lines, last = done.stdout.splitlines()
    events = [json.loads(line) for line in lines]
    assert events[0]["event"] == "run_started"
    assert events[-1]["event"] == "run_finished"
    assert last.startswith("3 tasks finished, bundle out/last_")
    statuses = [result.status for result in LastFile.from_path(tmp_path / last.split()[-1]).task_results]
    assert statuses == (["completed"] * 3 if not enough else ["completed", "cancelled", "cancelled"])


def test_many_threads_share_the_library(library: Library, tmp_path: Path) -> None:
    """16 threads with 10,000 calls each, 2,000 by day; every error must be that of its own thread."""
    calls = 10_000 if NIGHTLY else 2_000
    done = run(library.compile(EXAMPLES / "many_threads.c"), "16", str(calls), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"{16 * calls} calls, 0 wrong, 0 strings left\n"), done.stderr


def test_the_program_of_the_page_works_as_it_stands(library: Library, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "c-library.md").read_text()
    (program,) = re.findall(r"```c\n(.*?)```", page, re.DOTALL)
    (tmp_path / "page.c").write_text(program)
    done = run(library.compile(tmp_path / "page.c"), cwd=tmp_path, env={"RUNNER_AI_SERVICE_URL": "http://127.0.0.1:9"})
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / done.stdout.strip()).exists()


def test_the_makefile_builds_and_runs_them(library: Library, tmp_path: Path) -> None:
    """With a Python that says where the library is, as `make ffi` or a wheel leaves it."""
    make = need_compiler("make", "make")
    python = tmp_path / "python"  # the environment of the tests, but with the library of the tests
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@" --prefix "{library.prefix}"\n')
    python.chmod(0o755)
    done = run(
        *(make, "-C", EXAMPLES, "run", f"PYTHON={python}", f"OUT={tmp_path}"),
        env=WITH_PATH,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "5 attempts, 5 outcomes freed" in done.stdout


def test_the_makefile_says_when_there_is_no_library(tmp_path: Path) -> None:
    make = need_compiler("make", "make")
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@" --prefix "{tmp_path}"\n')
    python.chmod(0o755)
    done = run(make, "-C", EXAMPLES, f"PYTHON={python}", env=WITH_PATH)
    assert done.returncode != 0
    assert "is not there; build it: " in done.stderr


def test_the_ctypes_client_runs_inside_python(library: Library, tmp_path: Path) -> None:
    program = ROOT / "examples" / "python" / "ctypes_client.py"
    done = run(sys.executable, "-W", "error", program, library.path, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "partial_success, 50% completed\n0 strings left" in done.stdout

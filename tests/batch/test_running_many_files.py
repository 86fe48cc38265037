"""Many files, one index: every file is a line of it, whatever it holds."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from altlas_runner import LastFile, Runner, RunnerConfig, TaskAttempt
from altlas_runner.batch import BatchFile, BatchRow, BatchSummary
from altlas_runner.errors import BundleError, ConfigurationError
from altlas_runner.execution import Outcome
from tests.batch.many_files import alt_text, rows_in, run_batch, runner_into, word, write_files
from tests.handlers.running import gone

NIGHTLY = os.environ.get("ALTLAS_EXAMPLES") == "nightly"


def test_every_file_gets_a_line_and_a_bundle(tmp_path: Path) -> None:
    files = write_files(tmp_path / "in", 20)
    told: list[str] = []
    summary = run_batch(files, tmp_path / "out", on_row=lambda row, so_far: told.append(row.path))
    rows = rows_in(tmp_path / "out")
    assert sorted(row.path for row in rows) == sorted(told) == [str(file) for file in files]
    assert {row.status for row in rows} == {"success"}
    assert {(row.tasks, row.completed) for row in rows} == {(2, 2)}
    for row in rows:
        last_file = LastFile.from_path(tmp_path / "out" / str(row.last_file_id))
        assert last_file.alt_file_id in row.path
        assert last_file.metadata["runner"]["provenance"]["alt_file_sha256"] == row.sha256
    assert summary.is_success
    assert (summary.files, summary.rows, summary.tasks, summary.completed) == (20, 20, 40, 40)


def test_a_file_that_is_not_valid_is_a_line_with_its_diagnostics(tmp_path: Path) -> None:
    files = write_files(tmp_path, 3)
    files[0].write_text("{")
    files[1].write_text(json.dumps({"id": "", "title": "t", "tasks": []}))
    files.append(tmp_path / "missing.alt")
    summary = run_batch(files, tmp_path / "out")
    by_path = {row.path: row for row in rows_in(tmp_path / "out")}
    codes = [[each["code"] for each in by_path[str(file)].diagnostics] for file in files]
    assert codes == [["ALT302"], ["ALT001", "ALT101"], [], ["ALT301"]]
    assert by_path[str(files[2])].status == "success"
    assert summary.statuses == {"invalid": 3, "success": 1}


def test_a_task_that_fails_is_counted_by_its_code(tmp_path: Path) -> None:
    (file,) = write_files(tmp_path / "in", 1, fails=True)
    summary = run_batch([file], tmp_path / "out")
    (row,) = rows_in(tmp_path / "out")
    assert (row.status, row.error_codes) == ("failure", {"NO_WORD": 1, "DEPENDENCY_NOT_COMPLETED": 1})
    assert not summary.is_success


def test_a_file_that_cannot_be_run_as_configured_is_refused_alone(tmp_path: Path) -> None:
    files = write_files(tmp_path / "in", 2)
    files[0].write_text(alt_text("odd", concurrency_group=7))
    run_batch(files, tmp_path / "out")
    statuses = {row.path: (row.status, row.error) for row in rows_in(tmp_path / "out")}
    assert statuses[str(files[0])][0] == "refused"
    assert "concurrency" in str(statuses[str(files[0])][1])
    assert statuses[str(files[1])][0] == "success"


def test_files_share_the_processes_of_their_handlers(tmp_path: Path) -> None:
    files = write_files(tmp_path / "in", 6, 1, task_type="pid")
    assert run_batch(files, tmp_path / "out", files_at_once=1).is_success
    bundles = [LastFile.from_path(tmp_path / "out" / str(row.last_file_id)) for row in rows_in(tmp_path / "out")]
    (process,) = {last_file.task_results[0].output for last_file in bundles}
    assert process != os.getpid()
    assert gone(process)


def test_inputs_of_the_batch_and_of_a_file_are_given(tmp_path: Path) -> None:
    files = write_files(tmp_path / "in", 2, 1, word="${{ inputs.word }}")
    given: list[Path | str | BatchFile] = [files[0], BatchFile(files[1], {"word": "own"})]
    asyncio.run(runner_into(tmp_path / "out").execute_many(given, inputs={"word": "common"}))
    words = {}
    for row in rows_in(tmp_path / "out"):
        (task,) = LastFile.from_path(tmp_path / "out" / str(row.last_file_id)).metadata["runner"]["tasks"]
        words[row.path] = task["parameters"]["word"]
    assert words == {str(files[0]): "common", str(files[1]): "own"}


def test_only_so_many_files_are_in_flight(tmp_path: Path) -> None:
    running = most = 0

    class Counting:
        async def attempt(self, attempt: TaskAttempt) -> Outcome:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.01)
            running -= 1
            return Outcome.completed("x")

    files = write_files(tmp_path / "in", 12, 1)
    for file in files:
        file.write_text(file.read_text().replace('"task_type"', '"kind"'))
    config = RunnerConfig(output_dir=tmp_path / "out", generate_graphs=False)
    asyncio.run(Runner(config, executor=Counting()).execute_many(files, files_at_once=3))
    assert most == 3


def test_a_resume_passes_over_what_has_finished_and_is_unchanged(tmp_path: Path) -> None:
    log = tmp_path / "log"
    files = write_files(tmp_path / "in", 6, 1, log=str(log))
    run_batch(files[:4], tmp_path / "out")
    files[1].write_text(files[1].read_text().replace("say a word", "say two words"))
    files[2].unlink()
    log.unlink()
    summary = run_batch(files, tmp_path / "out")
    assert sorted(log.read_text().split()) == ["f00001", "f00004", "f00005"]
    rows = rows_in(tmp_path / "out")
    assert sorted(row.path for row in rows) == [str(file) for file in files]
    assert {row.status for row in rows if row.path == str(files[2])} == {"invalid"}
    assert (summary.rows, summary.skipped) == (6, 2)


def test_a_resume_may_run_what_failed_again(tmp_path: Path) -> None:
    log = tmp_path / "log"
    files = [*write_files(tmp_path / "good", 1, 1, log=str(log)), *write_files(tmp_path / "bad", 1, 1, fails=True)]
    run_batch(files, tmp_path / "out")
    assert run_batch(files, tmp_path / "out").skipped == 2
    assert run_batch(files, tmp_path / "out", retry_failed=True).skipped == 1
    assert len(rows_in(tmp_path / "out")) == 2
    assert log.read_text().split() == ["f00000"]


def test_a_line_that_a_crash_cut_is_dropped(tmp_path: Path) -> None:
    files = write_files(tmp_path / "in", 3)
    run_batch(files, tmp_path / "out")
    index = tmp_path / "out" / "index.jsonl"
    index.write_bytes(index.read_bytes()[:-30])
    assert run_batch(files, tmp_path / "out").skipped == 2
    assert len(rows_in(tmp_path / "out")) == 3
    assert all(line.startswith(b"{") and line.endswith(b"}\n") for line in index.read_bytes().splitlines(keepends=True))


@pytest.mark.slow
def test_cancelling_leaves_an_index_that_a_resume_goes_on_with(tmp_path: Path) -> None:
    log = tmp_path / "log"
    files = write_files(tmp_path / "in", 30, 1, log=str(log), seconds=0.05)
    runner = runner_into(tmp_path / "out")

    def cancel(row: BatchRow, summary: BatchSummary) -> None:
        if summary.rows == 5:
            runner.cancel("enough")

    summary = asyncio.run(runner.execute_many(files, files_at_once=4, on_row=cancel))
    assert summary.interrupted
    assert summary.rows < 30
    finished = [row.path for row in rows_in(tmp_path / "out") if row.is_finished]
    assert len(finished) >= 5
    log.unlink()
    again = run_batch(files, tmp_path / "out")
    assert again.is_success
    assert again.skipped == len(finished)
    assert len(log.read_text().split()) == 30 - len(finished)


@pytest.mark.slow
def test_a_batch_that_is_killed_goes_on_without_the_rows_that_were_written(tmp_path: Path) -> None:
    """A row is on the disk soon after its file has ended, whole."""
    files = write_files(tmp_path / "in", 300, 1, seconds=0.01)
    out = tmp_path / "out"
    command = [sys.executable, "-m", "altlas_runner", "batch", str(tmp_path / "in"), "-o", str(out)]
    program = subprocess.Popen([*command, "--handlers", "tests.batch.many_files:word", "--quiet"])
    end = time.monotonic() + 60
    while len(rows_in(out)) < 20:
        assert time.monotonic() < end
        time.sleep(0.01)
    program.send_signal(signal.SIGKILL)
    program.wait()
    written = len([row for row in rows_in(out) if row.status == "success"])
    summary = run_batch(files, out)
    assert summary.is_success
    assert summary.skipped == written >= 20
    assert all((out / str(row.last_file_id) / "result.last").exists() for row in rows_in(out))


def test_an_index_that_cannot_be_written_ends_the_batch(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(BundleError, match="index cannot be"):
        run_batch(write_files(tmp_path / "in", 1), tmp_path / "out")


@pytest.mark.parametrize("files_at_once", [0, -1])
def test_files_in_flight_are_one_or_more(tmp_path: Path, files_at_once: int) -> None:
    with pytest.raises(ConfigurationError, match=f"files_at_once must be 1 or more, not {files_at_once}"):
        run_batch([], tmp_path, files_at_once=files_at_once)


def test_single_tasks_need_a_cluster(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="use the engine dask"):
        run_batch(write_files(tmp_path / "in", 1), tmp_path / "out", unit="task")


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_files(tmp_path: Path) -> None:
    """Measured in a process of its own, by tasks of the files themselves."""
    count = 10_000 if NIGHTLY else 250
    files = write_files(tmp_path / "in", count, 5)
    for number in (count // 6, count - 20):
        text = alt_text(f"memory{number}", 1).replace('"word"', '"memory"')
        files[number].write_text(text)
    program = Path(__file__).parent.parent.parent
    command = [
        sys.executable,
        "-m",
        "altlas_runner",
        "batch",
        str(tmp_path / "in"),
        "-o",
        str(tmp_path / "out"),
        "--json",
    ]
    handlers = ["--handlers", "tests.batch.many_files:word", "--handlers", "tests.batch.many_files:memory"]
    done = subprocess.run([*command, *handlers, "--quiet"], cwd=program, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    rows = {row.path: row for row in rows_in(tmp_path / "out")}
    used = []
    for number in (count // 6, count - 20):
        bundle = tmp_path / "out" / str(rows[str(files[number])].last_file_id)
        used.append(LastFile.from_path(bundle).task_results[0].output / 1024)
    print(f"{count:,} files at {found['files_per_second']:.0f} files/s; {used[0]:.0f} MiB, later {used[1]:.0f} MiB")
    assert used[1] < used[0] + 15 + 0.001 * count


def test_the_handlers_of_these_tests_can_be_named() -> None:
    assert word.__module__ == "tests.batch.many_files"

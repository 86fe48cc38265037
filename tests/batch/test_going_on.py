"""A batch goes on where it was ended, whatever was left there; what it did not write it leaves alone."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from altlas_runner import LastFile
from altlas_runner.batch import BatchSummary, batch_files
from altlas_runner.errors import BundleError
from tests.batch.many_files import alt_text, bundles_in, rows_in, run_batch, runner_into, write_files


def test_two_batches_into_one_directory_at_one_time_are_refused(tmp_path: Path) -> None:
    """Both would rewrite the index, and one would remove what the other runs."""
    files = write_files(tmp_path / "in", 2, 1, seconds=0.3)

    async def both() -> list[BatchSummary | BaseException]:
        batches = [runner_into(tmp_path / "out").execute_many(files) for _ in range(2)]
        return await asyncio.gather(*batches, return_exceptions=True)

    ends = asyncio.run(both())
    assert [end.is_success for end in ends if isinstance(end, BatchSummary)] == [True]
    (refused,) = [end for end in ends if isinstance(end, BundleError)]
    assert f"a batch into this directory is going on: process {os.getpid()} has it" in str(refused)
    assert not (tmp_path / "out" / "batch.lock").exists()


def test_one_file_is_run_with_each_of_its_inputs(tmp_path: Path) -> None:
    (tmp_path / "a.alt").write_text(alt_text("a", 1, word="${{ inputs.word }}"))
    manifest = tmp_path / "list.jsonl"
    lines = [{"path": "a.alt", "inputs": {"word": word}} for word in ("tea", "mate", "tea")]
    manifest.write_text("\n".join(map(json.dumps, lines)))
    files = batch_files(str(manifest), tmp_path / "out")
    summary = asyncio.run(runner_into(tmp_path / "out").execute_many(files))
    assert (summary.files, summary.is_success) == (2, True)
    given = {}
    for row in rows_in(tmp_path / "out"):
        last_file = LastFile.from_path(tmp_path / "out" / str(row.last_file_id))
        given[row.line] = last_file.metadata["runner"]["tasks"][0]["parameters"]["word"]
        assert last_file.metadata["runner"]["provenance"]["inputs_sha256"] == row.inputs_sha256
    assert sorted(given.values()) == ["mate", "tea"]
    assert "line 2" in (tmp_path / "out" / "batch.html").read_text()
    manifest.write_text("\n".join(map(json.dumps, reversed(lines[:2]))))
    files = batch_files(str(manifest), tmp_path / "out")
    assert asyncio.run(runner_into(tmp_path / "out").execute_many(files)).skipped == 2
    assert {row.line: given[3 - (row.line or 0)] for row in rows_in(tmp_path / "out")} == {1: "mate", 2: "tea"}


def test_a_file_with_other_inputs_than_before_runs_again(tmp_path: Path) -> None:
    (file,) = write_files(tmp_path / "in", 1, 1, word="${{ inputs.word }}")
    out = tmp_path / "out"
    for word, skipped in (("tea", 0), ("tea", 1), ("mate", 0)):
        summary = run_batch([file], out, inputs={"word": word})
        assert (summary.is_success, summary.files, summary.skipped) == (True, 1, skipped)


def test_what_could_not_be_run_is_looked_at_again(tmp_path: Path) -> None:
    """Nothing was run of it, and what was missing may be there now."""
    (file,) = write_files(tmp_path / "in", 1, 1, word="${{ inputs.word }}")
    odd = tmp_path / "odd.alt"
    odd.write_text(alt_text("odd", 1).replace('"word"', '"memory"'))
    assert run_batch([file], tmp_path / "out").statuses == {"invalid": 1}
    assert run_batch([file], tmp_path / "out").skipped == 0
    assert run_batch([file], tmp_path / "out", inputs={"word": "tea"}).is_success


def test_rows_of_files_that_are_not_in_the_batch_stay(tmp_path: Path) -> None:
    """Else a batch of one file would forget ten thousand, and the next one run them all again."""
    files = write_files(tmp_path / "in", 4)
    run_batch(files[:3], tmp_path / "out")
    summary = run_batch(files[3:], tmp_path / "out")
    assert (summary.files, summary.rows, summary.tasks) == (1, 1, 2)
    assert len(rows_in(tmp_path / "out")) == 4
    page = (tmp_path / "out" / "batch.html").read_text()
    assert "1 of 1 files completed" in page
    assert str(files[0]) not in page
    assert run_batch(files, tmp_path / "out").skipped == 4


def test_lines_that_are_no_rows_are_dropped(tmp_path: Path) -> None:
    files = write_files(tmp_path / "in", 2)
    run_batch(files, tmp_path / "out")
    (tmp_path / "last_precious").mkdir()
    row = json.loads(rows_in(tmp_path / "out")[0].to_line())
    index = tmp_path / "out" / "index.jsonl"
    spoilt = [
        {**row, "path": 7},
        {**row, "tasks": "many"},
        {**row, "error_codes": {"A": "b"}},
        {**row, "status": "cancelled", "last_file_id": "../last_precious"},
        7,
        "[" * 100_000,
    ]
    with index.open("a") as file:
        file.writelines(line if isinstance(line, str) else json.dumps(line) + "\n" for line in spoilt)
    assert run_batch(files, tmp_path / "out").skipped == 2
    assert len(index.read_text().splitlines()) == 2
    assert (tmp_path / "last_precious").exists()


def test_a_bundle_whose_row_was_written_is_moved_beside_the_index(tmp_path: Path) -> None:
    """A kill between the two costs no second run."""
    files = write_files(tmp_path / "in", 2)
    out = tmp_path / "out"
    run_batch(files, out)
    (out / "unfinished").mkdir()
    moved = str(rows_in(out)[0].last_file_id)
    (out / moved).rename(out / "unfinished" / moved)
    assert run_batch(files, out).skipped == 2
    assert bundles_in(out) == {row.last_file_id for row in rows_in(out)}


def test_what_somebody_else_put_there_stays(tmp_path: Path) -> None:
    files = write_files(tmp_path / "in", 2)
    out = tmp_path / "out"
    kept = [out / "unfinished" / "symphony", out / "last_00000000-0000-0000-0000-000000000000", out / "mine"]
    for each in kept:
        each.mkdir(parents=True)
    run_batch(files, out)
    assert all(each.is_dir() for each in kept)


def killed_batch(tmp_path: Path, *, journal: bool) -> list[Path]:
    """A batch of three files of two tasks, killed when the second of each has begun; now they would end at once."""
    log, gate = tmp_path / "log", tmp_path / "gate"
    files = write_files(tmp_path / "in", 3, 2, log=str(log))
    for file in files:
        alt_file = json.loads(file.read_text())
        alt_file["tasks"][1]["parameters"]["until"] = str(gate)
        file.write_text(json.dumps(alt_file))
    command = [sys.executable, "-m", "altlas_runner", "batch", str(tmp_path / "in"), "-o", str(tmp_path / "out")]
    program = subprocess.Popen(
        [*command, "--handlers", "tests.batch.many_files:word", "--quiet"],
        cwd=Path(__file__).parent.parent.parent,
        env={**os.environ, "RUNNER_JOURNAL": str(journal).lower()},
    )
    end = time.monotonic() + 60
    while not log.exists() or len(log.read_text().split()) < 6:
        assert time.monotonic() < end
        time.sleep(0.02)
    program.send_signal(signal.SIGKILL)
    program.wait()
    log.unlink()
    gate.touch()
    return files


@pytest.mark.slow
def test_nothing_half_written_stays_of_a_batch_that_was_killed(tmp_path: Path) -> None:
    files = killed_batch(tmp_path, journal=False)
    out = tmp_path / "out"
    assert bundles_in(out) == {"unfinished"}
    assert len(bundles_in(out / "unfinished")) == 3
    assert run_batch(files, out).is_success
    assert bundles_in(out) == {row.last_file_id for row in rows_in(out)}
    assert sorted(each.name for each in out.iterdir() if each.is_file()) == ["batch.html", "batch.json", "index.jsonl"]
    assert len((tmp_path / "log").read_text().split()) == 6


@pytest.mark.slow
def test_runs_with_a_journal_go_on_in_a_batch_that_was_killed(tmp_path: Path) -> None:
    files = killed_batch(tmp_path, journal=True)
    out = tmp_path / "out"
    interrupted = bundles_in(out / "unfinished")
    files[2].write_text(files[2].read_text().replace("say a word", "say two words"))  # another file than was run
    assert run_batch(files, out).is_success
    ids = {row.path: row.last_file_id for row in rows_in(out)}
    assert {ids[str(file)] for file in files[:2]} < interrupted
    assert ids[str(files[2])] not in interrupted
    assert bundles_in(out) == set(ids.values())
    assert sorted((tmp_path / "log").read_text().split()) == ["f00000", "f00001", "f00002", "f00002"]


def test_a_run_that_was_cancelled_goes_on_when_it_has_a_journal(tmp_path: Path) -> None:
    log, gate = tmp_path / "log", tmp_path / "gate"
    (file,) = write_files(tmp_path / "in", 1, 1, log=str(log), until=str(gate))
    out = tmp_path / "out"

    async def cancelled() -> BatchSummary:
        runner = runner_into(out, journal=True)
        running = asyncio.create_task(runner.execute_many([file]))
        while not log.exists():
            await asyncio.sleep(0.02)
        runner.cancel()
        return await running

    assert asyncio.run(cancelled()).statuses == {"cancelled": 1}
    (before,) = rows_in(out)
    assert bundles_in(out) == {before.last_file_id}
    gate.touch()
    assert run_batch([file], out).is_success
    (after,) = rows_in(out)
    assert bundles_in(out) == {after.last_file_id} == {before.last_file_id}

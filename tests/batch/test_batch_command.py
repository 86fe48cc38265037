"""`altlas-runner batch`: exit codes, progress, the page."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.batch.many_files import alt_text, rows_in, run_batch, write_files
from tests.durability.command_line import command_line

ROOT = Path(__file__).parent.parent.parent
HANDLERS = ("--handlers", "tests.batch.many_files:word")


def command(*words: object) -> list[str]:
    return [sys.executable, "-W", "error", "-m", "altlas_runner", "batch", *map(str, words), *HANDLERS]


def batch(*words: str | Path) -> subprocess.CompletedProcess[str]:
    status, process = command_line().end_of(["batch", *words, *HANDLERS], cwd=ROOT)
    return subprocess.CompletedProcess(words, status, process.stdout, process.stderr)


@pytest.mark.slow
def test_a_batch_that_is_fine(tmp_path: Path) -> None:
    write_files(tmp_path / "in", 5)
    done = batch(tmp_path / "in", "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("5 of 5 files completed; 10 of 10 tasks, in ")
    assert "100 %  5/5 files" in done.stderr
    again = batch(tmp_path / "in", "-o", tmp_path / "out", "--json")
    assert json.loads(again.stdout)["skipped"] == 5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [
        ("{", 3, "invalid "),
        (alt_text("bad", fails=True), 1, "failure "),
        (alt_text("slow", seconds=60), 5, "failure "),
    ],
    ids=["not valid", "a task that fails", "a deadline"],
)
def test_the_exit_code_says_how_it_went(spoil: str, code: int, words: str, tmp_path: Path) -> None:
    files = write_files(tmp_path / "in", 3)
    files[1].write_text(spoil)
    done = batch(tmp_path / "in", "-o", tmp_path / "out", "--deadline", "2")
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "2 of 3 files completed" in done.stdout


@pytest.mark.slow
def test_nothing_to_run_is_a_matter_of_usage(tmp_path: Path) -> None:
    done = batch(tmp_path / "nowhere", "-o", tmp_path / "out")
    assert done.returncode == 2
    assert "there is no such directory" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_ctrl_c_leaves_a_batch_that_the_same_command_goes_on_with(tmp_path: Path) -> None:
    write_files(tmp_path / "in", 100, 1, seconds=0.05)
    words = command(tmp_path / "in", "-o", tmp_path / "out", "--files-at-once", 4)
    program = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 60
    while len(rows_in(tmp_path / "out")) < 8:
        assert time.monotonic() < end
        time.sleep(0.02)
    program.send_signal(signal.SIGINT)
    _, stderr = program.communicate(timeout=60)
    assert program.returncode == 130, stderr
    assert "the same command goes on later" in stderr
    assert (tmp_path / "out" / "batch.html").exists()
    finished = sum(row.is_finished for row in rows_in(tmp_path / "out"))
    assert 8 <= finished < 100
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert f", {finished:,} of them earlier" in done.stdout


def test_the_page_shows_what_needs_a_look_and_is_safe(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    nasty = tmp_path / "in" / "<img src=x onerror=alert(1)>\u202e.alt"
    nasty.write_text(alt_text("nasty", fails=True))
    bad = tmp_path / "in" / "bad.alt"
    bad.write_text("{")
    good = write_files(tmp_path / "in", 2)
    run_batch([nasty, bad, *good], tmp_path / "out")
    page = (tmp_path / "out" / "batch.html").read_text()
    assert "2 of 4 files completed" in page
    assert "<img" not in page
    assert "\u202e" not in page
    assert "ALT302: the text is not JSON" in page
    assert "NO_WORD" in page
    assert "<script" not in page
    (row,) = [row for row in rows_in(tmp_path / "out") if row.path == str(good[0])]
    assert f'href="{row.last_file_id}/report.html"' in page


def test_the_page_of_a_large_batch_stays_small(tmp_path: Path) -> None:
    from altlas_runner.batch.page import write_pages
    from altlas_runner.batch.rows import BatchRow, BatchSummary
    from altlas_runner.last_file.table_page import MOST_ROWS

    summary = BatchSummary(3000)
    rows = [BatchRow(f"f{number}.alt", "0" * 64, "success", f"last_{number}", 5, 5) for number in range(3000)]
    for row in rows:
        summary.add(row)
    (tmp_path / "index.jsonl").write_bytes(b"".join(row.to_line() for row in rows))
    write_pages(tmp_path, summary)
    page = (tmp_path / "batch.html").read_text()
    assert page.count("<tr>") == MOST_ROWS + 1
    assert "The first 1,000 are shown" in page
    assert (tmp_path / "batch.html").stat().st_size < 500_000

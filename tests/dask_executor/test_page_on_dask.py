"""The examples of docs/dask.md and docs/batches.md work as they stand."""

import re
import shlex
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.batch.many_files import rows_in
from tests.dask_executor.clusters import dask_program, free_port, supervised

DOCS = Path(__file__).parent.parent.parent / "docs"


def blocks_of(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


def run(*command: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    words = [str(word) for word in command]
    return subprocess.run([sys.executable, *words], cwd=cwd, capture_output=True, text=True, timeout=120)


@pytest.mark.slow
def test_the_page_on_dask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (DOCS / "dask.md").read_text()
    module, program = blocks_of(page, "python")
    (flow,), (commands,) = blocks_of(page, "json"), blocks_of(page, "console")
    (tmp_path / "tools.py").write_text(module)
    (tmp_path / "program.py").write_text(program)
    (tmp_path / "tea.alt.json").write_text(flow)
    done = run("program.py", cwd=tmp_path)
    assert f"It prints `{done.stdout.strip()}`" in page, done.stderr
    monkeypatch.chdir(tmp_path)
    port = free_port()
    scheduler, workers, command = (
        shlex.split(line.removeprefix("$ ").replace("8786", str(port))) for line in commands.splitlines()
    )
    with ExitStack() as stack:
        stack.enter_context(supervised(*dask_program(*scheduler[1:], "--port", str(port), "--no-dashboard")))
        name, _, value = workers.pop(0).partition("=")
        with monkeypatch.context() as environment:
            environment.setenv(name, value)
            stack.enter_context(supervised(*dask_program(*workers[1:], "--no-dashboard")))
        done = run("-m", "altlas_runner", *command[1:], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "2 of 2 tasks completed" in done.stdout


@pytest.mark.slow
def test_the_page_on_batches(tmp_path: Path) -> None:
    page = (DOCS / "batches.md").read_text()
    module, program = blocks_of(page, "python")
    (flow,), (manifest,), (command,) = (blocks_of(page, language) for language in ("json", "text", "console"))
    for name, content in {
        "words.py": module, "program.py": program, "count.alt.json": flow, "files.jsonl": manifest,
    }.items():  # fmt: skip
        (tmp_path / name).write_text(content)
    done = run("-m", "altlas_runner", *shlex.split(command.removeprefix("$ altlas-runner ")), cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert sorted(row.status for row in rows_in(tmp_path / "out")) == ["invalid", "success"]
    done = run("program.py", cwd=tmp_path)
    assert f"It prints `{done.stdout.strip()}`" in page, done.stderr

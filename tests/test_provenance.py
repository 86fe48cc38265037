"""A LAST file says where it comes from: the file, its digest, the command, the kind of host, and no secret."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import altlas_runner
from altlas_runner import LastFile, Outcome, TaskAttempt
from altlas_runner.provenance import facts_about
from tests.last_file.fabricate import alt_file

CONTENT = json.dumps({"id": "f", "title": "F", "tasks": [{"id": "a", "description": "d"}]}).encode()


class Done:
    async def attempt(self, attempt: TaskAttempt) -> Outcome:
        return Outcome.completed("done")


def test_a_run_of_a_file_notes_its_path_its_digest_and_the_kind_of_host(tmp_path: Path) -> None:
    file = tmp_path / "f.alt"
    file.write_bytes(CONTENT)
    last_file = altlas_runner.run(file, executor=Done(), output_dir=tmp_path / "out")
    facts = last_file.metadata["runner"]["provenance"]
    assert facts["alt_file_path"] == str(file)
    assert facts["alt_file_sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert facts["host"].endswith(" CPUs")
    assert os.uname().nodename not in facts["host"]


def test_a_file_made_in_memory_has_no_path() -> None:
    assert facts_about(alt_file({"a": ()})).keys() == {"host"}


def test_a_pipe_is_not_read_a_second_time(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    asked = threading.Thread(target=facts_about, args=(pipe,), daemon=True)
    asked.start()
    asked.join(10)
    assert not asked.is_alive()


def test_the_command_is_noted_without_the_secrets_in_it(tmp_path: Path) -> None:
    file = tmp_path / "f.alt"
    task = {"id": "a", "description": "d", "parameters": {"task_type": "t", "token": "${{ inputs.api_key }}"}}
    file.write_text(json.dumps({"id": "f", "title": "F", "tasks": [task]}))
    (tmp_path / "mine.py").write_text("def t(context):\n    return 1\n\nt = {'t': t}\n")
    command = ["-m", "altlas_runner", "run", "f.alt", "--input", "api_key=s3cret-key", "--handlers", "mine:t"]
    done = subprocess.run(
        [sys.executable, *command, "--output-dir", "out"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    bundle = next((tmp_path / "out").iterdir())
    facts = LastFile.from_path(bundle).metadata["runner"]["provenance"]
    assert facts["command"].startswith("altlas-runner run f.alt --input")
    assert "s3cret" not in (bundle / "result.last").read_text()

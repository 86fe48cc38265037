"""What `/openapi.json` promises is what the service does: schemathesis asks it everything, the wrong things too."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.loopback import LoopbackService
from tests.server.running import running_server

HERE = Path(__file__).parent
TOKEN = "a-token-for-the-tests-0123456789"
EXAMPLES = "150" if os.environ.get("ALTLAS_EXAMPLES") == "nightly" else "8"
ALT = {"id": "f", "title": "t", "tasks": [{"id": "a", "description": "d"}]}


@pytest.mark.slow
def test_no_answer_is_one_that_the_description_does_not_have(tmp_path: Path) -> None:
    """All checks in all phases, also the stateful one, where runs are started, followed and cancelled."""
    (tmp_path / "alt").mkdir()
    (tmp_path / "alt" / "a.alt.json").write_text(json.dumps(ALT))
    environment = {
        **os.environ,
        "SCHEMATHESIS_HOOKS": "tests.server.schemathesis_hooks",
        "PYTHONPATH": str(HERE.parent.parent),
    }
    with (
        LoopbackService() as ai,
        running_server(
            tmp_path / "output", ai.url, "--alt-root", str(tmp_path / "alt"), "--no-journal", token=TOKEN
        ) as server,
    ):
        command = [
            str(Path(sys.executable).with_name("schemathesis")),
            f"--config-file={HERE / 'schemathesis.toml'}",
            "run",
            f"{server.url}/openapi.json",
            f"--header=Authorization: Bearer {TOKEN}",
            "--checks=all",
            "--exclude-checks=use_after_free",  # DELETE cancels a run; what is to be known of it stays
            f"--max-examples={EXAMPLES}",
            "--seed=8",
            "--no-color",
            "--generation-database=none",
        ]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=580)
        assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
        for phase in ("Coverage", "Fuzzing", "Stateful"):
            assert f"✅ {phase}" in done.stdout
        runs = server.ask("GET", "/api/v1/runs?limit=200").json["runs"]
        assert "success" in {run["status"] for run in runs}, "it has started runs"
    assert "Traceback" not in server.log.read_text()

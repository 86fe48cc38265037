"""Every public workload file runs to its end."""

import asyncio
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from altlas_runner import AltParser, LastFile, Outcome, Runner, RunnerConfig, TaskAttempt, TaskStatus
from altlas_runner.cli.main import cli
from altlas_runner.cli.run import run
from tests.loopback import LoopbackService
from tests.needs import workload_files

pytestmark = pytest.mark.slow

NIGHTLY = os.environ.get("ALTLAS_EXAMPLES") == "nightly"


class Sleeper:
    """Sleeps a thousandth of what the task took in production, by day a ten-thousandth."""

    async def attempt(self, attempt: TaskAttempt) -> Outcome:
        seconds = (attempt.task.parameters or {})["runtime_seconds"] / (1_000 if NIGHTLY else 10_000)
        await asyncio.sleep(seconds)
        return Outcome.completed({"slept": seconds})


@pytest.mark.parametrize("folder", ["agent-plans", "runner"])
def test_every_plan_is_answered_by_a_service_on_loopback(folder: str, tmp_path: Path) -> None:
    files = workload_files(folder)
    if not files:
        pytest.skip("the workload folder is missing (Makefile variable WORKLOADS)")
    if "run" not in cli.commands:
        cli.add_command(run)
    with LoopbackService() as service:
        for file in files:
            out = tmp_path / file.name
            arguments = ["run", str(file), "--service-url", service.url, "-o", str(out), "--no-graphs"]
            done = CliRunner().invoke(cli, [*arguments, "--progress", "none"])
            assert done.exit_code == 0, f"{file.name}: {done.output}"
            (bundle,) = out.iterdir()
            last_file = LastFile.from_path(bundle)
            assert {result.status for result in last_file.task_results} == {TaskStatus.COMPLETED}, file.name
            report = (bundle / "report.html").read_text()
            assert all(f"done: {result.output['answer'][6:26]}" for result in last_file.task_results)
            assert "success" in report.lower()


@pytest.mark.parametrize(
    "file", workload_files("wfinstances") or [None], ids=lambda file: file.stem if file else "none"
)
def test_every_production_workflow_runs_with_an_executor_that_sleeps(file: Path | None, tmp_path: Path) -> None:
    if file is None:
        pytest.skip("the workload folder is missing (Makefile variable WORKLOADS)")
    config = RunnerConfig(output_dir=tmp_path, max_concurrent_tasks=64, generate_graphs=False)
    runner = Runner(config, executor=Sleeper())
    last_file = asyncio.run(runner.execute(file))
    assert last_file.status == "success"
    ended = {result.task_id: result.completed_at for result in last_file.task_results}
    began = {result.task_id: result.started_at for result in last_file.task_results}
    for task in AltParser().parse_from_path(file).tasks:
        for dependency in task.dependencies or []:
            end, start = ended[dependency], began[task.id]
            assert end is not None
            assert start is not None
            assert end <= start

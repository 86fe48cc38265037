"""Artifacts are kept the moment their task completes, and nothing is lost without a word."""

import asyncio
import logging
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import altlas_runner
from altlas_runner import HandlerContext, LastFileGenerator, Outcome, TaskManager, TaskStatus
from altlas_runner.execution import ArtifactStore, Executor
from altlas_runner.last_file import LastFile, read_artifact, read_output
from altlas_runner.results import KeptArtifacts, TaskResult
from altlas_runner.task_manager import Event, TaskFinished
from altlas_runner.testing import FakeExecutor, alt_file_of
from tests.handlers.running import run_tasks, task
from tests.last_file.bundles import assert_whole

NOTE = {"name": "note.txt", "content": "remember"}


def make_file(context: HandlerContext) -> dict[str, Any]:
    context.artifacts.write("deep/plot.csv", "a,b\n" * 1000, description="the plot")
    return {"artifacts": [NOTE], "rows": 1000}


def run_with(
    store: ArtifactStore | None, executor: Executor, *tasks: Mapping[str, Any], **options: Any
) -> list[TaskResult]:
    manager = TaskManager(alt_file_of(*tasks), executor, artifact_store=store, **options)
    return asyncio.run(manager.run())


def answers(**outputs: Any) -> FakeExecutor:
    outcomes = {name: [Outcome.completed(output)] for name, output in outputs.items()}
    return FakeExecutor(outcomes=outcomes, default_duration=0.0)


def test_results_of_a_task_manager_with_a_store_have_their_artifacts(tmp_path: Path) -> None:
    store = LastFileGenerator(tmp_path).artifact_store("last_1")
    (result,) = run_tasks({"make": make_file}, task("make"), artifact_store=store)
    assert result.artifacts is not None
    assert {artifact.path for artifact in result.artifacts} == {"artifacts/a/plot.csv.gz", "artifacts/a/note.txt"}
    assert [read_artifact(tmp_path / "last_1", artifact) for artifact in result.artifacts] == [
        b"a,b\n" * 1000,
        b"remember",
    ]
    assert result.output == {"artifacts": [NOTE], "rows": 1000}
    assert result.metadata is None


def test_a_generator_of_the_same_bundle_takes_them_as_they_are(tmp_path: Path) -> None:
    alt = alt_file_of({"id": "a", "parameters": {"task_type": "make"}})
    generator = LastFileGenerator(tmp_path).with_graphs(False)
    store = generator.artifact_store("last_1")
    manager = TaskManager(alt, None, handlers={"make": make_file}, run_id="last_1", artifact_store=store)
    results = asyncio.run(manager.run())
    generator.generate(alt, results, last_id=manager.run_id)
    assert len(assert_whole(tmp_path / "last_1").get_all_artifacts()) == 2


@pytest.mark.parametrize("process", [False, True])
def test_a_whole_run_keeps_files_of_handlers_in_threads_and_processes(tmp_path: Path, process: bool) -> None:
    made = altlas_runner.handler("make", process=process)(make_file)
    alt = alt_file_of({"id": "a", "parameters": {"task_type": "make"}})
    last_file = altlas_runner.run(alt, handlers=[made], output_dir=tmp_path, generate_graphs=False)
    whole = assert_whole(tmp_path / last_file.id)
    assert [artifact.description for artifact in whole.get_all_artifacts()] == ["the plot", None]


def test_artifacts_are_on_disk_before_the_result_is_told(tmp_path: Path) -> None:
    seen: list[bytes] = []

    def watch(event: Event) -> None:
        if isinstance(event, TaskFinished) and event.result.artifacts:
            seen.extend(read_artifact(tmp_path / "last_1", artifact) for artifact in event.result.artifacts)

    store = LastFileGenerator(tmp_path).artifact_store("last_1")
    run_with(store, answers(a={"artifacts": [NOTE]}), {"id": "a"}, on_event=watch)
    assert seen == [b"remember"]


def test_a_dependent_gets_the_whole_output_also_when_the_bundle_has_an_artifact_for_it(tmp_path: Path) -> None:
    large = {"text": "x" * (1 << 20)}
    executor = answers(a=large, b="done")
    alt = alt_file_of(
        {"id": "a"}, {"id": "b", "dependencies": ["a"], "parameters": {"text": "${{ tasks.a.output.text }}"}}
    )
    last_file = altlas_runner.run(alt, executor=executor, output_dir=tmp_path, generate_graphs=False)
    (call,) = (call for call in executor.calls if call.task_id == "b")
    assert call.attempt.task.parameters == {"text": large["text"]}
    bundle = tmp_path / last_file.id
    assert_whole(bundle)
    result = LastFile.from_path(bundle).task_results[0]
    assert result.output == {"$artifact": "a/output.json"}
    assert read_output(bundle, result) == large


@pytest.mark.slow
def test_a_service_never_names_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    item = {"name": "x", "path": str(tmp_path / "secret")}
    store = LastFileGenerator(tmp_path).artifact_store("last_1")
    executor = FakeExecutor(
        outcomes={"a": [Outcome.completed({"artifacts": [item]}, artifacts=[item])]}, default_duration=0.0
    )
    (result,) = run_with(store, executor, {"id": "a"})
    assert result.artifacts == []
    assert result.metadata is not None
    assert len(result.metadata["artifact_problems"]) == 2
    assert not (tmp_path / "last_1").exists()


@pytest.mark.slow
def test_what_an_executor_gives_beside_its_output_is_kept(tmp_path: Path) -> None:
    store = LastFileGenerator(tmp_path).artifact_store("last_1")
    executor = FakeExecutor(outcomes={"a": [Outcome.completed("text", artifacts=[NOTE])]}, default_duration=0.0)
    (result,) = run_with(store, executor, {"id": "a"})
    assert result.artifacts is not None
    assert [artifact.id for artifact in result.artifacts] == ["a/note.txt"]


def test_without_a_store_the_loss_is_told(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    (result,) = run_tasks({"make": make_file}, task("make"), artifacts_dir=tmp_path)
    problem = 'not kept, because the task manager has no artifact store: "deep/plot.csv"'
    assert result.artifacts == []
    assert result.metadata == {"artifact_problems": [problem]}
    assert [record.getMessage() for record in caplog.records] == [f'task "a": {problem}']


def test_without_a_store_what_stands_in_an_output_is_kept_by_the_generator(tmp_path: Path) -> None:
    alt = alt_file_of({"id": "a"})
    (result,) = run_with(None, answers(a={"artifacts": [NOTE]}), {"id": "a"})
    assert result.artifacts is None
    LastFileGenerator(tmp_path).with_graphs(False).generate(alt, [result], last_id="last_1")
    assert [artifact.id for artifact in assert_whole(tmp_path / "last_1").get_all_artifacts()] == ["a/note.txt"]


class SlowStore:
    """A store that says when it is asked and waits until it may answer."""

    def __init__(self) -> None:
        self.asked, self.go_on = threading.Event(), threading.Event()

    def keep(
        self, task_id: str, output: Any, given: Sequence[Mapping[str, Any]], *, files_in: Path | None
    ) -> KeptArtifacts:
        self.asked.set()
        assert self.go_on.wait(10)
        return KeptArtifacts([])


def test_the_loop_goes_on_while_a_store_works_and_a_cancel_waits_for_it() -> None:
    async def main() -> list[TaskResult]:
        store = SlowStore()
        manager = TaskManager(alt_file_of({"id": "a"}), answers(a={"artifacts": [NOTE]}), artifact_store=store)
        running = asyncio.create_task(manager.run())
        while not store.asked.is_set():
            await asyncio.sleep(0.001)
        manager.cancel()
        await asyncio.sleep(0.01)
        store.go_on.set()
        return await running

    (result,) = asyncio.run(main())
    assert result.status is TaskStatus.COMPLETED, "a complete answer is kept: it was paid for"
    assert result.output == {"artifacts": [NOTE]}


class BrokenStore:
    def keep(self, task_id: str, output: Any, given: Any, *, files_in: Path | None) -> KeptArtifacts:
        raise ZeroDivisionError


def test_a_store_that_raises_costs_no_task(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.CRITICAL, logger="altlas_runner"):
        (result,) = run_with(BrokenStore(), answers(a={"artifacts": [NOTE]}), {"id": "a"})
    assert result.status is TaskStatus.COMPLETED
    assert result.metadata == {"artifact_problems": ["the artifact store failed: ZeroDivisionError"]}


def test_retries_before_the_completed_attempt_are_still_told(tmp_path: Path) -> None:
    store = LastFileGenerator(tmp_path).artifact_store("last_1")
    outcomes = [Outcome.failed("BUSY", "busy", retry="yes", retry_after=0.0), Outcome.completed({"artifacts": [NOTE]})]
    executor = FakeExecutor(outcomes={"a": outcomes}, default_duration=0.0)
    (result,) = run_with(store, executor, {"id": "a", "retry_count": 1}, seed=1)
    assert [attempt.status for attempt in result.attempts] == ["failed", "completed"]
    assert result.artifacts is not None
    assert result.retry_count == 1


def test_a_run_that_is_given_up_leaves_no_artifacts(tmp_path: Path) -> None:
    async def main() -> None:
        executor = FakeExecutor({"b": 60.0}, {"a": [Outcome.completed({"artifacts": [NOTE]})]}, default_duration=0.0)
        runner = altlas_runner.Runner(altlas_runner.RunnerConfig(output_dir=tmp_path), executor=executor)
        running = asyncio.create_task(runner.execute(alt_file_of({"id": "a"}, {"id": "b", "dependencies": ["a"]})))
        while executor.running == 0 or len(executor.calls) < 2:
            await asyncio.sleep(0.001)
        assert len(list(tmp_path.glob("*/artifacts/a/note.txt"))) == 1
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(main())
    assert list(tmp_path.iterdir()) == []

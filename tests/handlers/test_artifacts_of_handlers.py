"""A handler gives files away from a directory of its own, and from nowhere else."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from altlas_runner import HandlerContext, Outcome, TaskStatus
from altlas_runner.execution import RunInfo, TaskAttempt
from altlas_runner.handlers import HandlerExecutor, HandlerFunction, collect_handlers
from altlas_runner.testing import alt_file_of
from tests.handlers.running import run_tasks, task


def outcome_of(function: HandlerFunction, directory: Path, task_id: str = "a") -> Outcome:
    """The outcome of one attempt."""
    only = task("make", task_id)
    executor = HandlerExecutor(alt_file_of(only), collect_handlers({"make": function}), None, artifacts_dir=directory)

    async def main() -> Outcome:
        outcome = await executor.attempt(TaskAttempt(only, 1, RunInfo("last_1")))
        await executor.aclose()
        return outcome

    return asyncio.run(main())


def test_added_files_are_artifacts_with_an_absolute_path(tmp_path: Path) -> None:
    def make(context: HandlerContext) -> str:
        (context.artifacts.path / "plot.svg").write_text("<svg/>")
        context.artifacts.add("plot.svg", mime_type="image/svg+xml", description="the plot")
        context.artifacts.write("deep/er/data.bin", b"\0\1")
        return "made"

    outcome = outcome_of(make, tmp_path)
    directory = tmp_path.resolve() / "0-a"
    assert (outcome.output, outcome.artifacts) == (
        "made",
        [
            {"name": "plot.svg", "path": str(directory / "plot.svg"), "mime_type": "image/svg+xml",
             "description": "the plot"},
            {"name": "deep/er/data.bin", "path": str(directory / "deep/er/data.bin")},
        ],
    )  # fmt: skip


def test_files_that_the_output_names_are_artifacts_too_each_once(tmp_path: Path) -> None:
    def make(context: HandlerContext) -> dict[str, Any]:
        for name in "abc":
            context.artifacts.path.joinpath(name).write_text(name)
        context.artifacts.add("a")
        return {
            "files": ["a", {"path": "b", "description": "second"}],
            "artifacts": [{"path": "c", "name": "third"}, {"name": "n.txt", "content": "in the output"}],
        }

    outcome = outcome_of(make, tmp_path)
    assert [artifact["name"] for artifact in outcome.artifacts] == ["a", "b", "third"]
    assert outcome.output["files"][0] == "a"


@pytest.mark.parametrize(
    "name", ["../secret", "/etc/passwd", "link", "linked/secret", ".", "", "no\0", "missing", "dir"]
)
@pytest.mark.parametrize("way", ["add", "files", "artifacts", "outcome"])
def test_a_file_outside_the_directory_cannot_be_given_away(tmp_path: Path, name: str, way: str) -> None:
    (tmp_path / "secret").write_text("secret")

    def make(context: HandlerContext) -> Any:
        (context.artifacts.path / "link").symlink_to(tmp_path / "secret")
        (context.artifacts.path / "linked").symlink_to(tmp_path)
        (context.artifacts.path / "dir").mkdir()
        match way:
            case "add":
                context.artifacts.add(name)
            case "outcome":
                return Outcome.completed(1, artifacts=[{"path": name}])
        return {"files": [name]} if way == "files" else {"artifacts": [{"path": name}]}

    outcome = outcome_of(make, tmp_path / "artifacts")
    assert (outcome.ok, outcome.error_code, outcome.retry) == (False, "HANDLER_ARTIFACT", "no")


def test_writing_outside_the_directory_is_refused(tmp_path: Path) -> None:
    def make(context: HandlerContext) -> None:
        context.artifacts.write("../../planted", "x")

    assert outcome_of(make, tmp_path / "artifacts").error_code == "HANDLER_ARTIFACT"
    assert not (tmp_path / "planted").exists()


@pytest.mark.parametrize("task_id", ["../..", "/", "a/b", "x" * 5000, "\n", "ü"])
def test_no_task_id_leads_its_directory_astray(tmp_path: Path, task_id: str) -> None:
    def make(context: HandlerContext) -> None:
        context.artifacts.write("x", "x")

    outcome = outcome_of(make, tmp_path / "artifacts", task_id)
    assert outcome.ok
    assert Path(outcome.artifacts[0]["path"]).parent.parent == (tmp_path / "artifacts").resolve()


def test_no_directory_is_made_for_a_handler_that_wants_none(tmp_path: Path) -> None:
    (result,) = run_tasks({"make": lambda _: {"files": "no list"}}, task("make"), artifacts_dir=tmp_path)
    assert result.status is TaskStatus.COMPLETED
    assert list(tmp_path.iterdir()) == []


def test_each_task_has_a_directory_of_its_own_that_its_attempts_share(tmp_path: Path) -> None:
    def make(context: HandlerContext) -> list[str]:
        context.artifacts.path.joinpath(f"{context.attempt}").touch()
        if context.attempt == 1 and context.task.id == "a":
            raise ValueError
        return sorted(path.name for path in context.artifacts.path.iterdir())

    a, b = run_tasks({"make": make}, task("make", "a", retry_count=1), task("make", "b"), artifacts_dir=tmp_path)
    assert (a.output, b.output) == (["1", "2"], ["1"])

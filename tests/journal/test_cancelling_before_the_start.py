"""A run that is called off while its bundle is made ready: nobody was asked for anything, and nobody was told of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from altlas_runner import Outcome, RunnerConfig, TaskAttempt, run_order
from altlas_runner.runner import Runner
from altlas_runner.runs import list_runs
from altlas_runner.testing import alt_file_of


class Service:
    def __init__(self) -> None:
        self.asked: list[str] = []

    async def attempt(self, attempt: TaskAttempt) -> Outcome:
        self.asked.append(attempt.task.id)
        return Outcome.completed("done")


def runner_of(output_dir: Path, service: Service, *, journal: bool = True) -> Runner:
    return Runner(RunnerConfig(output_dir=output_dir, journal=journal, generate_graphs=False), executor=service)


async def called_off(run: Coroutine[Any, Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin a run, and cancel it when its bundle is ready but the event loop does not know yet."""
    is_ready, gate = threading.Event(), threading.Event()
    make_ready = run_order.RunOrder.make_ready

    def held(*arguments: Any, **options: Any) -> Any:
        made = make_ready(*arguments, **options)
        is_ready.set()
        assert gate.wait(30)
        return made

    with monkeypatch.context() as patch:
        patch.setattr(run_order.RunOrder, "make_ready", held)
        running = asyncio.ensure_future(run)
        assert await asyncio.to_thread(is_ready.wait, 30)
        running.cancel()
        await asyncio.sleep(0)
        gate.set()
        with pytest.raises(asyncio.CancelledError):
            await running


@pytest.mark.parametrize("journal", [True, False])
def test_a_new_run_leaves_no_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, journal: bool) -> None:
    service = Service()
    output = tmp_path / "output"

    async def main() -> None:
        await called_off(runner_of(output, service, journal=journal).execute(alt_file_of({"id": "a"})), monkeypatch)

    asyncio.run(main())
    assert list(output.iterdir()) == []
    assert service.asked == []


def test_a_resumed_run_can_still_be_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service()

    async def main() -> None:
        runner = runner_of(tmp_path, service)
        bundle = runner.bundle_path(await runner.execute(alt_file_of({"id": "a"}, {"id": "b"})))
        await called_off(runner.resume(bundle, only=["a"]), monkeypatch)
        (entry,) = list_runs(tmp_path)
        assert (entry.state, entry.can_resume, entry.owner) == ("interrupted", True, None)
        assert service.asked == ["a", "b"]
        assert (await runner.resume(bundle)).status == "success"
        assert service.asked == ["a", "b", "a"]

    asyncio.run(main())

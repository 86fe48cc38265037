"""When the service says that it is ready: only when a run could do what it should."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web

from altlas_runner import RunnerConfig
from altlas_runner.server import make_app, surroundings
from tests.small_disks import mounted


def answers_of(output_dir: Path, *, times: int = 1) -> list[tuple[int, dict[str, Any]]]:
    async def main() -> list[tuple[int, dict[str, Any]]]:
        runner = web.AppRunner(make_app(RunnerConfig(output_dir=output_dir, ai_protocol="local")))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]

        async def ask(session: ClientSession) -> tuple[int, dict[str, Any]]:
            async with session.get("/api/v1/health/ready") as answer:
                return answer.status, await answer.json()

        async with ClientSession(f"http://{host}:{port}") as session:
            answers = await asyncio.gather(*(ask(session) for _ in range(times)))
            answers.append(await ask(session))
        await runner.cleanup()
        return answers

    return asyncio.run(main())


def test_a_directory_that_can_be_made_and_written_is_ready_and_nothing_stays_in_it(tmp_path: Path) -> None:
    (status, told), *_ = answers_of(tmp_path / "not" / "there yet")
    assert status == 200
    assert told == {
        "status": "ready",
        "ai_service": "embedded",
        "accepts_runs": True,
        "writes_bundles": True,
        "reason": None,
    }
    assert not list((tmp_path / "not" / "there yet").iterdir())


@pytest.mark.parametrize("below", ["", "output"])
def test_a_directory_that_cannot_be_made_is_not_ready_and_its_path_is_told_to_nobody(
    tmp_path: Path, below: str
) -> None:
    (tmp_path / "file").touch()
    (status, told), *_ = answers_of(tmp_path / "file" / below)
    assert (status, told["status"], told["writes_bundles"], told["accepts_runs"]) == (503, "not_ready", False, True)
    assert told["reason"] == "bundles cannot be written: Not a directory"


def test_a_full_disk_and_one_that_may_not_be_written_are_not_ready(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=200k") as disk:
        (status, told), *_ = answers_of(disk / "output")
        assert (status, told["reason"]) == (503, "bundles cannot be written: No space left on device")
    with mounted(tmp_path / "other", "ro") as disk:
        (status, told), *_ = answers_of(disk / "output")
        assert (status, told["reason"]) == (503, "bundles cannot be written: Read-only file system")


def test_many_who_ask_make_one_look_beside_the_event_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = []

    def look(directory: Path) -> str | None:
        looked.append((directory, threading.current_thread() is threading.main_thread()))
        return None

    monkeypatch.setattr(surroundings, "_write_and_forget", look)
    assert {status for status, _ in answers_of(tmp_path, times=20)} == {200}
    assert looked == [(tmp_path, False)]


def test_who_stops_asking_does_not_make_the_next_one_look_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a disk that hangs every look would cost a thread."""
    gate, looks = threading.Event(), []

    def hang(directory: Path) -> str | None:
        looks.append(directory)
        gate.wait(30)
        return "bundles cannot be written: too late"

    monkeypatch.setattr(surroundings, "_write_and_forget", hang)

    async def main() -> None:
        around = surroundings.Surroundings(RunnerConfig(output_dir=tmp_path))
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(around.problem_of_output(), 0.01)
        gate.set()
        assert await around.problem_of_output() == "bundles cannot be written: too late"
        assert looks == [tmp_path]

    asyncio.run(main())

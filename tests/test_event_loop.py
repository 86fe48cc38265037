"""Programs without an event loop of their own get the quickest one that is installed."""

import asyncio
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import altlas_runner
from altlas_runner import Outcome, TaskAttempt
from altlas_runner.event_loop import run_to_end
from altlas_runner.testing import alt_file_of
from tests.needs import need


class TellsItsLoop:
    async def attempt(self, attempt: TaskAttempt) -> Outcome:
        return Outcome.completed(type(asyncio.get_running_loop()).__module__)


def _loop_of_a_run(directory: Path) -> object:
    flow = alt_file_of({"id": "a"})
    last_file = altlas_runner.run(flow, executor=TellsItsLoop(), output_dir=directory, generate_graphs=False)
    return last_file.task_results[0].output


def test_run_uses_uvloop_where_it_is_installed(tmp_path: Path) -> None:
    """It costs less CPU for the same tasks."""
    need("uvloop (extra uvloop)", find_spec("uvloop") is not None)
    assert _loop_of_a_run(tmp_path) == "uvloop"


def test_run_uses_asyncio_where_uvloop_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """uvloop is an extra; nothing may depend on it."""
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert str(_loop_of_a_run(tmp_path)).startswith("asyncio.")


def test_an_error_in_the_program_is_raised_to_the_caller() -> None:
    """As `asyncio.run` does it."""

    async def fails() -> None:
        raise KeyError("a")

    with pytest.raises(KeyError):
        run_to_end(fails())

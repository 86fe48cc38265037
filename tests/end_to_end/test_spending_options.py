"""`run` with prices, budgets and a cache, as a user calls it."""

import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.durability.command_line import command_line
from tests.loopback import LoopbackService

pytestmark = pytest.mark.slow

PRICES = '"model-*" = { input = 100_000, output = 200_000 }\n'


def flow(directory: Path, count: int) -> Path:
    tasks = [{"id": f"t{number}", "description": f"say {number}"} for number in range(count)]
    file = directory / "flow.alt"
    file.write_text(json.dumps({"id": "f", "title": "F", "tasks": tasks}))
    return file


def run(directory: Path, *options: str) -> tuple[int, dict[str, Any], str]:
    arguments = ("run", "flow.alt", "-o", "out", "--no-graphs", *options)
    status, process = command_line().end_of(arguments, SERVICE, cwd=directory)
    bundles = sorted((directory / "out").glob("*/result.last"), key=lambda path: path.stat().st_mtime_ns)
    return status, json.loads(bundles[-1].read_text()) if bundles else {}, process.stderr


SERVICE = {"RUNNER_AI_PROTOCOL": "openai", "RUNNER_AI_DEFAULT_MODEL": "model-1"}


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A service that takes three tokens for each answer."""
    choice = {"message": {"content": "hello"}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 2, "completion_tokens": 1}

    class Chat(LoopbackService):
        async def _execute(self, request: web.Request) -> web.StreamResponse:
            self.requests.append(await request.json())
            return web.json_response({"choices": [choice], "model": "model-1", "usage": usage})

    with Chat(path="/chat/completions") as service:
        monkeypatch.setitem(SERVICE, "RUNNER_AI_SERVICE_URL", service.url)
        yield service


def test_a_run_that_has_spent_its_budget_ends_with_exit_code_5_and_a_bundle(tmp_path: Path, chat: Any) -> None:
    flow(tmp_path, 5)
    (tmp_path / "prices.toml").write_text(PRICES)
    code, last, _ = run(tmp_path, "-j", "1", "--prices", "prices.toml", "--max-cost", "0.9")
    assert (code, len(chat.requests)) == (5, 3)  # 0.4 each
    assert [each["status"] for each in last["task_results"]] == ["completed"] * 3 + ["cancelled"] * 2
    assert last["task_results"][4]["error_code"] == "BUDGET_EXCEEDED"
    assert last["task_results"][0]["usage"] == {"input_tokens": 2, "output_tokens": 1, "cost": 0.4}


def test_tokens_are_a_budget_that_needs_no_prices_and_an_unknown_price_is_shown_as_unpriced(
    tmp_path: Path, chat: Any
) -> None:
    flow(tmp_path, 5)
    code, last, stderr = run(tmp_path, "-j", "1", "--max-tokens-total", "6", "--progress", "plain")
    assert (code, len(chat.requests)) == (5, 2)
    assert last["task_results"][0]["usage"]["cost"] is None
    report = (tmp_path / "out" / last["id"] / "report.html").read_text()
    assert "unpriced" in report
    assert "cancelled" in stderr


def test_a_cost_without_prices_is_refused_before_anything_runs(tmp_path: Path, chat: Any) -> None:
    flow(tmp_path, 1)
    code, _, stderr = run(tmp_path, "--max-cost", "1")
    assert (code, chat.requests) == (2, [])
    assert "max_cost: a limit of the cost needs prices" in stderr


def test_a_second_run_is_answered_from_the_cache_and_refresh_asks_again(tmp_path: Path, chat: Any) -> None:
    flow(tmp_path, 3)
    for options, asked, hits in (([], 3, 0), ([], 3, 3), (["--refresh"], 6, 0)):
        code, last, stderr = run(tmp_path, "--cache", "kept", "--progress", "json", *options)
        assert code == 0, stderr
        assert len(chat.requests) == asked
        assert stderr.count('"cache_hit"') == hits
        shown = [each["metadata"] for each in last["task_results"]]
        assert [bool(each and each["cache"]["hit"]) for each in shown] == [hits > 0] * 3


def test_an_answer_from_the_cache_is_shown_as_one_by_plain_progress_and_by_show(tmp_path: Path, chat: Any) -> None:
    flow(tmp_path, 2)
    for hits in (0, 2):
        code, last, stderr = run(tmp_path, "--cache", "kept", "--progress", "plain")
        assert code == 0, stderr
        ended = [line for line in stderr.splitlines() if "completed  t" in line]
        assert [line.endswith("  from the cache") for line in ended] == [hits > 0] * 2
        assert ("2 from the cache" in stderr) is (hits > 0)
        status, process = command_line().end_of(["show", tmp_path / "out" / last["id"], "t1"])
        assert (status, "from the cache, kept since" in process.stdout) == (0, hits > 0)


def test_a_price_table_that_cannot_be_read_is_a_usage_error(tmp_path: Path, chat: Any) -> None:
    flow(tmp_path, 1)
    code, _, stderr = run(tmp_path, "--prices", "none.toml")
    assert (code, chat.requests) == (2, [])
    assert "the price table none.toml cannot be read" in stderr

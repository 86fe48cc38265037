"""What tokens cost, by the user's own table; what it does not know is unpriced, never free."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from altlas_runner.ai_service import AiServiceClient, AiServiceConfig, Price, PriceTable
from altlas_runner.alt_file import Task
from altlas_runner.errors import ConfigurationError
from altlas_runner.results import TaskResult, Usage
from altlas_runner.retrying import RetryPolicy
from tests.ai_service.fault_server import Behaviour, FaultServer, answer_json

TOML = """
"large" = { input = 2.5, output = 10 }
"small-*" = { input = 0.1, output = 0.4 }
"small-old-*" = { input = 1, output = 1 }
"""


def test_a_table_in_toml_and_in_json_means_the_same(tmp_path: Path) -> None:
    (tmp_path / "prices.toml").write_text(TOML)
    (tmp_path / "prices.json").write_text('{"large": {"input": 2.5, "output": 10}}')
    for name in ("prices.toml", "prices.json"):
        assert PriceTable.from_file(tmp_path / name).price_of("large") == Price(input=2.5, output=10)


@pytest.mark.parametrize(
    ("model", "price"),
    [("large", 2.5), ("small-2026", 0.1), ("small-old-2024", 1.0), ("larger", None), ("LARGE", None), ("small", None)],
)
def test_the_exact_name_wins_then_the_longest_pattern(tmp_path: Path, model: str, price: float | None) -> None:
    (tmp_path / "p.toml").write_text(TOML)
    found = PriceTable.from_file(tmp_path / "p.toml").price_of(model)
    assert (found and found.input) == price


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_cost_is_the_sum_of_both_directions(sent: int, received: int) -> None:
    table = PriceTable({"m": Price(input=3, output=15)})
    cost = table.priced(Usage(sent, received), "m").cost
    assert cost == pytest.approx((3 * sent + 15 * received) / 1e6)
    assert table.priced(Usage(sent, received), "unknown").cost is None


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("p.toml", "large = 5", r"p\.toml: large: .*each model needs an input and an output price"),
        ("p.toml", "large = { input = 1 }", r"large\.output: Field required"),
        ("p.toml", "large = { input = -1, output = 1 }", r"large\.input: .*greater than or equal to 0"),
        ("p.toml", "large = { input = inf, output = 1 }", r"large\.input"),
        ("p.toml", "large = { input = '1', output = 1 }", r"large\.input"),
        ("p.toml", "large = { inptu = 1, input = 1, output = 1 }", r"large\.inptu"),
        ("p.toml", "large {", r"is no TOML"),
        ("p.json", "{", r"is no JSON"),
        ("p.json", "[]", r"p\.json: it:"),
    ],
)
def test_a_table_that_does_not_fit_says_where_and_how_to_mend_it(
    tmp_path: Path, name: str, content: str, message: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(ConfigurationError, match=message):
        PriceTable.from_file(tmp_path / name)


def test_a_table_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.toml cannot be read: No such file"):
        PriceTable.from_file(tmp_path / "none.toml")


def chat(text: str, **usage: int) -> Behaviour:
    choice = {"message": {"content": text}, "finish_reason": "stop"}
    return answer_json({"choices": [choice], "usage": usage})


def execute(*behaviours: Behaviour, model: str = "m", parameters: dict[str, Any] | None = None) -> TaskResult:
    async def main() -> TaskResult:
        async with FaultServer(*behaviours) as server:
            config = AiServiceConfig(base_url=server.url, protocol="openai", model=model)
            prices = PriceTable({"m": Price(input=1000, output=2000)})
            policy = RetryPolicy(max_retries=2, base_seconds=0.001)
            async with AiServiceClient(config, prices=prices, retry_policy=policy) as client:
                return await client.execute_task(Task(id="t", description="x", parameters=parameters))

    return asyncio.run(main())


def test_the_cost_of_all_attempts_is_added_up() -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 50}
    result = execute(chat("", **usage), chat("fine", **usage))
    assert result.usage is not None
    assert (result.usage.input_tokens, result.usage.output_tokens) == (200, 100)
    assert result.usage.cost == pytest.approx(0.4)


def test_the_model_that_the_task_names_is_the_one_that_costs() -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 50}
    assert execute(chat("fine", **usage), parameters={"model": "unknown"}).usage == Usage(100, 50, None)
    assert execute(chat("fine", **usage), model="unknown", parameters={"model": "m"}).usage == Usage(100, 50, 0.2)


def test_nothing_is_known_of_a_sum_with_an_unknown_part() -> None:
    assert Usage(1, 2, 0.5).plus(Usage(3, 4, None)) == Usage(4, 6, None)
    assert Usage(1, 2, 0.5).plus(Usage(3, 4, 0.25)) == Usage(4, 6, 0.75)
    assert json.dumps(Usage().cost) == "null"

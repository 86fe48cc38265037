"""What each mode changes about a request."""

from typing import Any

import pytest

from altlas_runner.ai_service import AiServiceConfig
from altlas_runner.ai_service.anthropic import AnthropicFormat
from altlas_runner.ai_service.modes import chaos_level, mode_of
from altlas_runner.ai_service.openai import OpenAiFormat
from altlas_runner.ai_service.wire_format import ParameterError
from altlas_runner.alt_file import Task
from altlas_runner.execution import RunInfo
from tests.ai_service.fault_server import answer_json, attempt_for, attempt_once

CONFIG = AiServiceConfig(temperature=0.7)


def run(mode: str, **metadata: Any) -> RunInfo:
    return RunInfo("last_1", mode=mode, metadata=metadata)


@pytest.mark.parametrize(
    ("info", "temperature", "instructions"),
    [
        (run("normal"), 0.7, ""),
        (run("explore"), 0.9, "Look at the question from several sides before you decide."),
        (run("dream"), 1.1, "Be imaginative: unusual ideas are welcome."),
        (run("chaos"), 1.2, "Be bold: question what seems obvious and surprise the reader."),
        (run("chaos", chaos_level=1), 0.8, "Be a little bold: question one thing that seems obvious."),
        (run("chaos", chaos_level=10), 1.7, "Be as bold as you can"),
        (run("normal", chaos_level=10), 0.7, ""),
    ],
)
def test_the_mode_stands_in_the_request(info: RunInfo, temperature: float, instructions: str) -> None:
    attempt = attempt_for(run=info)
    sent = OpenAiFormat().request(CONFIG, attempt).body
    assert sent["temperature"] == temperature
    assert sent["messages"][0]["content"].startswith(f"You are a helpful assistant. {instructions}".strip())
    assert AnthropicFormat().request(CONFIG, attempt).body["system"] == sent["messages"][0]["content"]


def test_the_higher_the_level_the_warmer_and_never_over_two() -> None:
    warmth = [mode_of(run("chaos", chaos_level=level)).temperature(1.5) for level in range(1, 11)]
    assert warmth == sorted(warmth)
    assert warmth[0] > 1.5
    assert warmth[-1] == 2.0


def test_a_temperature_that_the_task_names_stays_as_it_is() -> None:
    attempt = attempt_for(Task(id="t", description="x", parameters={"temperature": 0.3}), run=run("chaos"))
    assert OpenAiFormat().request(CONFIG, attempt).body["temperature"] == 0.3


def test_the_level_of_a_segmentation_document_counts_when_there_is_no_other() -> None:
    assert chaos_level({"segmentation": {"chaos_level": 3}}) == 3
    assert chaos_level({"chaos_level": 4, "segmentation": {"chaos_level": 3}}) == 4
    assert chaos_level({"segmentation": {"chaos_level": None}}) == chaos_level({}) == 5


@pytest.mark.parametrize("level", [0, 11, -1, "5", 5.0, True, [5]])
def test_a_level_that_is_none_is_refused_by_its_name(level: Any) -> None:
    with pytest.raises(ParameterError, match=r"^metadata\.chaos_level must be a whole number from 1 to 10"):
        chaos_level({"chaos_level": level})
    with pytest.raises(ParameterError, match=r"^metadata\.segmentation\.chaos_level must be"):
        chaos_level({"segmentation": {"chaos_level": level}})


def test_a_service_of_the_altlas_format_is_told_mode_and_level_and_decides_itself() -> None:
    _, request = attempt_once(answer_json(1), attempt=attempt_for(run=run("chaos", chaos_level=7)))
    assert (request.json["mode"], request.json["chaos_level"], request.json["temperature"]) == ("chaos", 7, 0.7)
    _, request = attempt_once(answer_json(1), attempt=attempt_for(run=run("dream", chaos_level=7)))
    assert "chaos_level" not in request.json

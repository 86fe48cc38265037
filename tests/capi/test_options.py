"""The options of a run: what there is, and what a C programmer is told of a mistake."""

import json
from pathlib import Path
from typing import Any

import pytest

from altlas_runner import AiServiceConfig, ConfigurationError, RunnerConfig
from altlas_runner.capi.host_executor import outcome_from_json
from altlas_runner.capi.options import OPTION_NAMES, RunOptions, read_options

PAGE = (Path(__file__).parents[2] / "docs" / "c-library.md").read_text()


def options(**given: Any) -> RunOptions:
    return read_options(json.dumps(given).encode(), "out")


def test_no_options_are_what_environment_and_defaults_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNNER_AI_DEFAULT_MODEL", "from the environment")
    for text in (None, b"{}"):
        read = read_options(text, "out")
        assert read.config.output_dir == Path("out")
        assert read.config.ai_service().model == "from the environment"
        assert (dict(read.inputs), read.seed, read.selection) == ({}, None, None)


def test_an_option_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNNER_AI_DEFAULT_MODEL", "from the environment")
    monkeypatch.setenv("RUNNER_MAX_CONCURRENT_TASKS", "7")
    read = options(ai_service={"model": "mine", "max_connections": 3}, max_concurrency=2)
    assert read.config.ai_service() == AiServiceConfig(model="mine", max_connections=3)
    assert read.config.max_concurrent_tasks == 2


def test_every_field_of_the_ai_service_is_known() -> None:
    for name, field in AiServiceConfig.model_fields.items():
        default = field.get_default(call_default_factory=True)
        options(ai_service={name: default})


def test_every_setting_of_the_runner_is_an_option_or_said_otherwise() -> None:
    """A new field of `RunnerConfig` becomes an option by itself."""
    elsewhere = {"output_dir", "max_concurrent_tasks", "log_level", "local_model", "tracing"}
    of_the_service = {name for name in RunnerConfig.model_fields if name.startswith("ai_")}
    assert set(RunnerConfig.model_fields) - elsewhere - of_the_service <= set(OPTION_NAMES)


@pytest.mark.parametrize("name", OPTION_NAMES)
def test_an_option_stands_on_the_page(name: str) -> None:
    assert f"`{name}`" in PAGE


def test_the_rest_is_handed_on() -> None:
    read = options(inputs={"a": 1}, seed=5, only=["x"], fail_fast=True, concurrency_groups={"gpu": 1})
    assert read.inputs == {"a": 1}
    assert read.seed == 5
    assert read.selection is not None
    assert list(read.selection.only) == ["x"]
    assert read.config.fail_fast
    assert read.config.concurrency_groups == {"gpu": 1}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "options, line 1, column 1: "),
        ("5", "must be a JSON object"),
        ('{"seed": 1e999}', "options"),
        ('{"imputs": {}}', 'no option "imputs"; did you mean "inputs"?'),
        ('{"output_dir": "x"}', 'no option "output_dir"; '),
        ('{"max_concurrency": -1}', "max_concurrency must be an integer of 1 or more"),
        ('{"ai_service": {"bse_url": "x"}}', "options: ai_service.bse_url: there is no such setting"),
        ('{"config_file": 5}', "config_file must be a text"),
        ('{"run_deadline_seconds": 0}', "options: run_deadline_seconds: "),
    ],
)
def test_a_mistake_is_named_with_the_option(text: str, reason: str) -> None:
    with pytest.raises(ConfigurationError) as failure:
        read_options(text.encode(), "out")
    assert reason in str(failure.value)


@pytest.mark.parametrize(
    ("text", "code", "reason"),
    [
        (b"\xff", "EXECUTOR_BAD_OUTCOME", "it: "),
        (b"{}", "EXECUTOR_BAD_OUTCOME", "/ok: "),
        (b'{"ok": "yes"}', "EXECUTOR_BAD_OUTCOME", "/ok: "),
        (b'{"ok": true, "usage": {"input_tokens": "3"}}', "EXECUTOR_BAD_OUTCOME", "/usage"),
        (b'{"ok": true, "artifacts": [{"name": "x", "path": "/etc"}]}', "EXECUTOR_BAD_OUTCOME", "/artifacts/0/path"),
        (b'{"ok": false}', "HOST_FAILED", "gave no reason"),
        (b'{"ok": false, "error_code": "X", "error": "why"}', "X", "why"),
    ],
)
def test_an_outcome_that_is_none_says_why(text: bytes, code: str, reason: str) -> None:
    outcome = outcome_from_json(text)
    assert not outcome.ok
    assert outcome.error_code == code
    assert outcome.error is not None
    assert reason in outcome.error

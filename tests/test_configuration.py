"""Where a setting comes from: keyword, then environment, then the TOML file, then the default."""

import os
from pathlib import Path

import pytest

from altlas_runner import ConfigurationError, RunnerConfig


@pytest.fixture(autouse=True)
def no_runner_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("RUNNER_")]:
        monkeypatch.delenv(name)


def test_the_defaults_are_those_of_the_documentation() -> None:
    config = RunnerConfig()
    assert (config.log_level, config.output_dir, config.ai_service_url) == (
        "info",
        Path("./output"),
        "http://localhost:8000",
    )
    assert (config.ai_timeout_seconds, config.ai_max_retries, config.ai_default_model) == (60, 3, "default")
    assert (config.generate_graphs, config.compress_artifacts, config.ai_api_key) == (True, True, None)
    assert config.max_concurrent_tasks == os.cpu_count()


def test_keyword_beats_environment_beats_toml_beats_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "runner.toml"
    file.write_text('ai_max_retries = 7\nai_default_model = "toml"\nlog_level = "debug"\n')
    monkeypatch.setenv("RUNNER_AI_DEFAULT_MODEL", "environment")
    monkeypatch.setenv("RUNNER_LOG_LEVEL", "WARN")
    config = RunnerConfig(config_file=file, log_level="error")
    assert (config.ai_max_retries, config.ai_default_model, config.log_level) == (7, "environment", "error")


def test_the_toml_file_may_be_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "runner.toml"
    file.write_text("max_concurrent_tasks = 3")
    monkeypatch.setenv("RUNNER_CONFIG", str(file))
    assert RunnerConfig().max_concurrent_tasks == 3


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNNER_AI_API_KEY", "")
    assert RunnerConfig().ai_api_key is None


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("RUNNER_MAX_CONCURRENT_TASKS", "many"),
        ("RUNNER_MAX_CONCURRENT_TASKS", "0"),
        ("RUNNER_AI_MAX_RETRIES", "256"),
        ("RUNNER_GENERATE_GRAPHS", "perhaps"),
        ("RUNNER_LOG_LEVEL", "loud"),
        ("RUNNER_AI_PROTOCOL", "smoke"),
        ("RUNNER_AI_API_KEY_COMMAND", "pass show ai"),
        ("RUNNER_AI_FALLBACK", '{"api_key": "sk-planted'),
        ("RUNNER_AI_EXTRA_HEADERS", "X-Api-Key: sk-planted"),
        ("RUNNER_AI_EXTRA_QUERY", "[" * 100_000),
        ("RUNNER_CONCURRENCY_GROUPS", "disk=1"),
    ],
)
def test_a_variable_that_does_not_fit_is_named(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError, match=variable):
        RunnerConfig()


def test_an_unknown_setting_in_the_file_is_named_with_the_file(tmp_path: Path) -> None:
    file = tmp_path / "runner.toml"
    file.write_text("ai_max_retrys = 7")
    with pytest.raises(ConfigurationError, match=r"ai_max_retrys in .*runner\.toml: there is no such setting"):
        RunnerConfig(config_file=file)


@pytest.mark.parametrize("content", [b"a = ", b"\xff\xfe", b"x"])
def test_a_file_that_is_not_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "runner.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match="is not TOML"):
        RunnerConfig(config_file=file)


def test_the_key_shows_in_no_text_of_the_configuration() -> None:
    config = RunnerConfig(ai_api_key="sk-planted-key")
    assert "sk-planted-key" not in repr(config) + str(config) + repr(config.ai_service()) + config.model_dump_json()
    service = config.ai_service()
    assert service.api_key is not None
    assert service.api_key.get_secret_value() == "sk-planted-key"


def test_a_variable_that_holds_a_mapping_or_a_list_is_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNNER_AI_EXTRA_HEADERS", '{"X-Team": "blue"}')
    monkeypatch.setenv("RUNNER_AI_API_KEY_COMMAND", '["pass", "show", "ai"]')
    monkeypatch.setenv("RUNNER_CONCURRENCY_GROUPS", '{"disk": 1}')
    config = RunnerConfig()
    assert config.ai_extra_headers["X-Team"].get_secret_value() == "blue"
    assert (config.ai_api_key_command, config.concurrency_groups) == (("pass", "show", "ai"), {"disk": 1})

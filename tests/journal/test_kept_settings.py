"""Which settings a resume has: what it says itself, else those of the run, as far as a journal is trusted."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from altlas_runner import ConfigurationError, Outcome, RunnerConfig, TaskAttempt
from altlas_runner.kept_settings import OF_THE_SERVICE, config_of_resume, settings_to_keep
from altlas_runner.run_journal import look_into_run
from altlas_runner.runner import Runner
from altlas_runner.testing import alt_file_of
from tests.loopback import LoopbackService


@pytest.fixture(autouse=True)
def no_runner_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("RUNNER_")]:
        monkeypatch.delenv(name)


def kept_by(bundle: Path) -> dict[str, Any]:
    return look_into_run(bundle)[1].settings


def test_what_the_resume_says_wins_and_the_rest_is_that_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = {"ai_default_model": "m1", "ai_temperature": 0.1, "ai_max_retries": 9, "schedule": "critical-path"}
    file = tmp_path / "runner.toml"
    file.write_text("ai_max_retries = 1\n")
    monkeypatch.setenv("RUNNER_AI_TEMPERATURE", "0.7")  # the default, but said
    own = RunnerConfig(config_file=file, ai_extra_headers={"x-key": "k1"}, output_dir=tmp_path)
    config = config_of_resume(kept, own)
    assert (config.ai_default_model, config.schedule) == ("m1", "critical-path")
    assert (config.ai_temperature, config.ai_max_retries, config.output_dir) == (0.7, 1, tmp_path)
    assert config.ai_extra_headers == own.ai_extra_headers
    assert config.model_fields_set == own.model_fields_set | kept.keys()


def test_a_file_that_the_environment_names_says_nothing_when_another_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "given.toml").write_text("fail_fast = true\n")
    (tmp_path / "named.toml").write_text('ai_default_model = "named"\n')
    monkeypatch.setenv("RUNNER_CONFIG", str(tmp_path / "named.toml"))
    config = config_of_resume({"ai_max_retries": 1}, RunnerConfig(config_file=tmp_path / "given.toml"))
    assert (config.ai_default_model, config.fail_fast, config.ai_max_retries) == ("default", True, 1)


def test_nothing_kept_leaves_the_configuration_as_it_is() -> None:
    own = RunnerConfig(ai_default_model="m1")
    assert config_of_resume({"ai_default_model": "m2"}, own) is own


def test_the_limit_of_the_cost_holds_for_the_resume_too(tmp_path: Path) -> None:
    prices = tmp_path / "prices.toml"
    kept = settings_to_keep(RunnerConfig(prices=prices, max_cost=2.5))
    assert config_of_resume(kept, RunnerConfig(prices=prices)).max_cost == 2.5
    assert config_of_resume(kept, RunnerConfig(prices=prices, max_cost=9.0)).max_cost == 9.0


@pytest.mark.parametrize(
    ("kept", "said", "asked_for"),
    [
        ({"handlers": ["m:f"]}, {}, "--handlers"),
        ({"allow_commands": True}, {}, "--allow-commands"),
        ({"ai_prompt_template": "t.txt"}, {}, "--prompt-template"),
        ({"ai_service_url": "http://elsewhere"}, {"ai_api_key": "k1"}, "--service-url"),
        ({"max_concurrent_tasks": "many"}, {}, "max_concurrent_tasks"),
    ],
)
def test_a_journal_is_not_trusted_with_everything(kept: dict[str, Any], said: dict[str, Any], asked_for: str) -> None:
    with pytest.raises(ConfigurationError, match=asked_for):
        config_of_resume(kept, RunnerConfig(**said))


def test_an_object_in_the_place_of_a_setting_needs_no_setting() -> None:
    kept = {"handlers": ["m:f"], "ai_prompt_template": "t.txt", "ai_service_url": "http://elsewhere", "fail_fast": True}
    config = config_of_resume(kept, RunnerConfig(ai_api_key="k1"), ("handlers", *OF_THE_SERVICE))
    assert (config.fail_fast, config.ai_service_url) == (True, "http://localhost:8000")


def test_a_runner_that_resumes_asks_as_the_run_did_and_the_journal_keeps_what_it_said_itself(tmp_path: Path) -> None:
    """Also a runner that is open, with a client for its own runs; that one stays as it is."""
    flow = alt_file_of({"id": "a"}, {"id": "b", "dependencies": ["a"]})
    answers = {"b": lambda _: web.Response(status=400)}

    async def main(service: LoopbackService) -> None:
        first = Runner(
            RunnerConfig(
                output_dir=tmp_path,
                journal=True,
                generate_graphs=False,
                ai_service_url=service.url,
                ai_default_model="m1",
                ai_temperature=0.1,
            )
        )
        bundle = first.bundle_path(await first.execute(flow))
        before = kept_by(bundle)
        own = RunnerConfig(output_dir=tmp_path, ai_temperature=0.2, ai_service_url=service.url)
        async with Runner(own) as second:
            await second.execute(alt_file_of({"id": "between"}))
            await second.resume(bundle, failed=True)
            await second.execute(alt_file_of({"id": "after"}))
        assert kept_by(bundle) == before | {"ai_temperature": 0.2}
        third = Runner(RunnerConfig(output_dir=tmp_path))
        await third.resume(bundle, failed=True)
        assert kept_by(bundle) == before | {"ai_temperature": 0.2}

    with LoopbackService(answers) as service:
        asyncio.run(main(service))
    asked = [(each["task_id"], each["model"], each["temperature"]) for each in service.requests]
    assert asked == [
        ("a", "m1", 0.1),
        ("b", "m1", 0.1),
        ("between", "default", 0.2),
        ("b", "m1", 0.2),
        ("after", "default", 0.2),
        ("b", "m1", 0.2),
    ]


def test_a_runner_with_an_executor_of_its_own_resumes_whatever_service_was_asked(tmp_path: Path) -> None:
    class Own:
        async def attempt(self, attempt: TaskAttempt) -> Outcome:
            return Outcome.completed("done")

    with LoopbackService({"a": lambda _: web.Response(status=400)}) as service:
        first = Runner(RunnerConfig(output_dir=tmp_path, journal=True, ai_service_url=service.url))
        bundle = first.bundle_path(asyncio.run(first.execute(alt_file_of({"id": "a"}))))
    own = RunnerConfig(output_dir=tmp_path, ai_api_key="planted-key-9")
    assert asyncio.run(Runner(own, executor=Own()).resume(bundle, failed=True)).status == "success"
    assert kept_by(bundle)["ai_service_url"] == service.url

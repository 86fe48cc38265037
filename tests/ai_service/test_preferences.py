"""What a run prefers: it goes before the configuration, and a task goes before it."""

from typing import Any

import pytest

from altlas_runner import RunnerConfig
from altlas_runner.ai_service import AiServiceConfig
from altlas_runner.ai_service.protocols import service_for
from altlas_runner.alt_file import Task
from altlas_runner.execution import NO_PREFERENCES, Preferences, RunInfo, TaskAttempt
from altlas_runner.kept_settings import settings_to_keep

PREFERENCES = Preferences(model="preferred", temperature=0.25, max_tokens=7, stream=True)


def asked(protocol: Any, preferences: Preferences, **parameters: Any) -> dict[str, Any]:
    config = AiServiceConfig(protocol=protocol, model="configured", temperature=1.5, max_tokens=99)
    task = Task(id="t", description="d", parameters=parameters or None)
    return dict(service_for(config, None).question(TaskAttempt(task, 1, RunInfo("last_1", preferences=preferences))))


@pytest.mark.parametrize("protocol", ["altlas", "openai", "anthropic"])
def test_every_wire_format_asks_for_what_the_run_prefers(protocol: str) -> None:
    def told(body: dict[str, Any]) -> tuple[Any, ...]:
        return body["model"], body["temperature"], body["max_tokens"]

    assert told(asked(protocol, PREFERENCES)) == ("preferred", 0.25, 7)
    usual = told(asked(protocol, NO_PREFERENCES))
    assert told(asked(protocol, Preferences(model="preferred"))) == ("preferred", *usual[1:])
    of_the_task = {"model": "named", "temperature": 0.5, "max_tokens": 3}
    assert told(asked(protocol, PREFERENCES, **of_the_task)) == ("named", 0.5, 3)


def test_without_preferences_the_configuration_is_used_as_it_is() -> None:
    config = AiServiceConfig()
    assert config.for_run(NO_PREFERENCES) is config
    assert config.for_run(PREFERENCES).use_streaming
    assert not config.for_run(Preferences(model="other")).use_streaming


def test_a_resume_asks_for_what_the_run_preferred() -> None:
    kept = settings_to_keep(RunnerConfig(ai_default_model="configured"), Preferences(model="preferred", stream=False))
    assert kept == {"ai_default_model": "preferred", "ai_use_streaming": False}

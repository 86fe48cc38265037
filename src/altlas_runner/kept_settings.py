"""The settings of a run that its journal keeps for a resume, and how far a resume trusts them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from altlas_runner.config import RunnerConfig
from altlas_runner.errors import ConfigurationError
from altlas_runner.execution import NO_PREFERENCES, Preferences

__all__ = ["OF_THE_SERVICE", "config_of_resume", "settings_to_keep"]

_HARMLESS = (
    "max_concurrent_tasks",
    "ai_timeout_seconds",
    "ai_max_retries",
    "ai_default_model",
    "ai_protocol",
    "ai_temperature",
    "ai_max_tokens",
    "ai_use_streaming",
    "ai_max_connections",
    "ai_max_in_flight",
    "ai_requests_per_minute",
    "ai_tokens_per_minute",
    "ai_fallback_models",
    "max_tokens_total",
    "max_cost",
    "generate_graphs",
    "compress_artifacts",
    "schedule",
    "concurrency_groups",
    "run_deadline_seconds",
    "fail_fast",
)
"""What a resume takes from the journal where it does not say otherwise itself."""

_POWERFUL = {
    "handlers": "--handlers",
    "allow_commands": "--allow-commands",
    "ai_prompt_template": "--prompt-template",
    "local_model": "--local-model",
    "prices": "--prices",
}
"""What lets code run, or files be read: a bundle may come from anybody, so a resume has to say it again."""

_SERVICE = "ai_service_url"

OF_THE_SERVICE = ("ai_", "local_model")
"""How the names of settings begin that say nothing where an executor takes the place of the AI service."""


def settings_to_keep(config: RunnerConfig, preferences: Preferences = NO_PREFERENCES) -> dict[str, Any]:
    """Those settings of a run that were not left as they are by default, as JSON values; no secrets."""
    wanted = {*_HARMLESS, *_POWERFUL, _SERVICE} & config.model_fields_set
    preferred = {
        "ai_default_model": preferences.model,
        "ai_temperature": preferences.temperature,
        "ai_max_tokens": preferences.max_tokens,
        "ai_use_streaming": preferences.stream,
    }
    kept = config.model_dump(mode="json", include=wanted)
    return kept | {name: value for name, value in preferred.items() if value is not None}


def config_of_resume(kept: Mapping[str, Any], own: RunnerConfig, replaced: tuple[str, ...] = ()) -> RunnerConfig:
    """The configuration of a resume: what it says itself, by keyword, environment or file, else what the run had.

    Args:
        kept: what the journal says; it may come from anybody.
        own: what the resume says itself.
        replaced: how the names of settings begin that an object takes the place of, such as an executor.

    Returns:
        `own` itself when there is nothing to add.

    Raises:
        ConfigurationError: a value does not fit, or the run had a setting that must be said again.
    """
    missing = {name for name in kept if name not in own.model_fields_set and not name.startswith(replaced)}
    for name, option in _POWERFUL.items():
        if name in missing and kept[name]:
            raise ConfigurationError(
                f"the run was made with {option} {_shown(kept[name])}; a resume does not trust the journal that far: "
                f"say {option} again, or {name} in the configuration"
            )
    taken = {name: kept[name] for name in _HARMLESS if name in missing}
    if _SERVICE in missing:
        if own.known_secrets() or own.ai_api_key_file is not None or own.ai_api_key_command:
            raise ConfigurationError(
                f"the run asked the service at {kept[_SERVICE]}, and the key that is configured must not go where a "
                f"journal says: give --service-url again, or {_SERVICE} in the configuration"
            )
        taken[_SERVICE] = kept[_SERVICE]
    return _with_more(own, taken) if taken else own


def _with_more(own: RunnerConfig, taken: Mapping[str, Any]) -> RunnerConfig:
    said = {name: getattr(own, name) for name in own.model_fields_set}  # environment and file among it
    return RunnerConfig(config_file=os.devnull, **taken, **said)  # no file is read a second time


def _shown(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)

"""The settings of a run that its journal keeps for a resume, and how far a resume trusts them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from altlas_runner.config import RunnerConfig
from altlas_runner.errors import ConfigurationError
from altlas_runner.execution import NO_PREFERENCES, Preferences

__all__ = ["config_of_resume", "settings_to_keep"]

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


def config_of_resume(kept: Mapping[str, Any], config_file: Path | str | None, given: Mapping[str, Any]) -> RunnerConfig:
    """The configuration of a resume: what it says itself, by keyword, environment or file, else what the run had.

    Args:
        kept: what the journal says; it may come from anybody.
        config_file: a TOML file, or None.
        given: settings by keyword.

    Raises:
        ConfigurationError: a value does not fit, or the run had a setting that must be said again.
    """
    own = RunnerConfig(config_file=config_file, **given)
    missing = [name for name in kept if name not in own.model_fields_set]
    for name, option in _POWERFUL.items():
        if name in missing and kept[name]:
            raise ConfigurationError(
                f"the run was made with {option} {_shown(kept[name])}; a resume does not trust the journal that far: "
                f"say {option} again"
            )
    taken = {name: kept[name] for name in _HARMLESS if name in missing}
    if _SERVICE in missing:
        if own.known_secrets() or own.ai_api_key_file is not None or own.ai_api_key_command:
            raise ConfigurationError(
                f"the run asked the service at {kept[_SERVICE]}, and the key that is configured must not go where a "
                "journal says: give --service-url again"
            )
        taken[_SERVICE] = kept[_SERVICE]
    return RunnerConfig(config_file=config_file, **{**taken, **given})


def _shown(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)

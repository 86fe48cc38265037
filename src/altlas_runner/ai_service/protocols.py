"""Which service stands behind a protocol. The modules are imported when a client first needs them: they are heavy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final, Protocol

from altlas_runner.ai_service.config import AiServiceConfig
from altlas_runner.ai_service.prompt_template import PromptTemplate
from altlas_runner.ai_service.wire_format import WireFormat
from altlas_runner.execution import Outcome, TaskAttempt

__all__ = ["WIRE_FORMATS", "Service", "service_for"]

WIRE_FORMATS: Final = {
    "altlas": "altlas:AltlasFormat",
    "openai": "openai:OpenAiFormat",
    "anthropic": "anthropic:AnthropicFormat",
}
"""The wire formats by protocol, `module:class`. A new one is a module, a line here, and its name in
`config.Protocol`."""


class Service(Protocol):
    """What answers an attempt: a service over HTTP or an embedded model."""

    @property
    def room(self) -> int:
        """How many attempts may be under way at one time."""
        ...

    def open(self) -> None:
        """Check and prepare what is needed; cheap, and harmless when done before."""
        ...

    def question(self, attempt: TaskAttempt) -> Mapping[str, Any]:
        """What the attempt asks, as JSON and without keys.

        Raises:
            ParameterError: a parameter of the task cannot be sent.
            ReferenceNotFoundError: the prompt template refers to what this task has not.
        """
        ...

    async def answer(self, attempt: TaskAttempt) -> Outcome:
        """Ask once, without a bound on time; stop when cancelled."""
        ...

    async def aclose(self) -> None:
        """Let go of everything; a later `open` begins anew."""
        ...


def service_for(config: AiServiceConfig, more_headers: Callable[[], Mapping[str, str]] | None) -> Service:
    """The service that a protocol stands for.

    Args:
        config: names the protocol.
        more_headers: gives headers that belong to the moment of a request; None where there are none.

    Raises:
        ConfigurationError: the prompt template cannot be used.
    """
    template = PromptTemplate.read(config.prompt_template) if config.prompt_template else None
    if config.protocol == "local":
        from altlas_runner.ai_service.local import LocalModel

        return LocalModel(config, template)
    from altlas_runner.ai_service.http_service import HttpService

    module, _, name = WIRE_FORMATS[config.protocol].partition(":")
    wire_format: WireFormat = getattr(import_module(f"altlas_runner.ai_service.{module}"), name)(template)
    return HttpService(config, wire_format, more_headers)

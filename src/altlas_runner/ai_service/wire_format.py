"""The small interface behind which every wire format stands: make a request, read its answer or stream. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from altlas_runner.ai_service.body import BodyTooLargeError, parse_json
from altlas_runner.ai_service.config import AiServiceConfig
from altlas_runner.ai_service.failures import classify_error

if TYPE_CHECKING:
    from altlas_runner.ai_service.event_stream import ServerSentEvent
    from altlas_runner.alt_file import Task
    from altlas_runner.execution import Outcome, TaskAttempt

__all__ = [
    "AnswerError",
    "ParameterError",
    "RequestSettings",
    "StreamedAnswer",
    "WireFormat",
    "WireRequest",
    "bearer",
    "event_value",
    "read_event",
    "settings_for",
]


class ParameterError(ValueError):
    """A task's parameter cannot be sent; the message names it. Becomes the failure AI_BAD_PARAMETER."""


class AnswerError(ValueError):
    """An answer has the wrong shape; the message says where. Becomes the failure AI_BAD_RESPONSE."""


@dataclass(frozen=True, slots=True)
class WireRequest:
    """One POST.

    Attributes:
        path: appended to the base URL; starts with a slash.
        body: sent as JSON.
        headers: what the format needs beyond what every request has.
    """

    path: str
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


class StreamedAnswer(Protocol):
    """Puts one streamed answer together."""

    def take(self, event: ServerSentEvent) -> Outcome | str:
        """Take the next event.

        Returns:
            How the attempt ended, when the event is the terminal one or an error; else the text that the event adds,
            which may be empty. A stream that ends before there was an outcome is AI_STREAM_TRUNCATED.

        Raises:
            AnswerError: the event has the wrong shape.
        """
        ...


class WireFormat(Protocol):
    """How one kind of service wants to be asked, and how it answers.

    Attributes:
        json_in_text: whether an answer in JSON stands in the `text` of the output; else the output itself is it.
    """

    json_in_text: bool

    def request(self, config: AiServiceConfig, attempt: TaskAttempt) -> WireRequest:
        """The request for an attempt; it asks for a stream where `config.use_streaming` says so.

        Raises:
            ParameterError: a parameter of the task cannot be sent.
            ReferenceNotFoundError: the prompt template refers to what this task has not.
        """
        ...

    def outcome(self, answer: Any) -> Outcome:
        """What the JSON of a 2xx answer means: completed, or AI_BAD_RESPONSE when it has the wrong shape."""
        ...

    def streamed_answer(self) -> StreamedAnswer:
        """What puts the events of a 2xx stream together."""
        ...


@dataclass(frozen=True, slots=True)
class RequestSettings:
    """What a request asks for: the task's parameters where it has them, else the configuration."""

    model: str
    temperature: float
    max_tokens: int | None


def settings_for(config: AiServiceConfig, task: Task, usual_temperature: float) -> RequestSettings:
    """Settle model, temperature and max_tokens of a task. A parameter that is null counts as not given.

    Args:
        config: what holds for tasks that do not say.
        task: its parameters win.
        usual_temperature: for tasks that name none: the configured one, as the mode changes it.

    Raises:
        ParameterError: one of the three has the wrong type or is out of range.
    """
    parameters = task.parameters or {}
    model, temperature, max_tokens = (parameters.get(name) for name in ("model", "temperature", "max_tokens"))
    if model is not None and not (isinstance(model, str) and model):
        raise ParameterError(f"the parameter model must be a text that is not empty, not {_kind(model)}")
    if temperature is not None and not (_is_number(temperature) and 0 <= temperature <= 2):
        raise ParameterError(f"the parameter temperature must be a number from 0 to 2, not {_kind(temperature)}")
    if max_tokens is not None and not (isinstance(max_tokens, int) and _is_number(max_tokens) and max_tokens >= 1):
        raise ParameterError(f"the parameter max_tokens must be a whole number of at least 1, not {_kind(max_tokens)}")
    return RequestSettings(
        config.model if model is None else model,
        usual_temperature if temperature is None else temperature,
        config.max_tokens if max_tokens is None else max_tokens,
    )


def event_value(event: ServerSentEvent) -> Any:
    """The JSON of an event.

    Raises:
        AnswerError: it is not JSON.
    """
    try:
        return parse_json(event.text.encode())
    except BodyTooLargeError:
        raise
    except ValueError as error:
        raise AnswerError(f"an event of the stream is not JSON ({error})") from None


def read_event(event: ServerSentEvent) -> Any:
    """The JSON of an event, or the `Outcome` behind it when it tells of an error.

    Raises:
        AnswerError: it is not JSON.
    """
    try:
        value = event_value(event)
    except AnswerError:
        if event.name == "error":
            return classify_error({"message": event.text})
        raise
    inner = value.get("error") if isinstance(value, dict) else None
    if isinstance(inner, dict):
        return classify_error(inner)
    if isinstance(inner, str):
        return classify_error({**value, "message": inner})
    if event.name == "error":
        return classify_error(value if isinstance(value, dict) else {"message": value})
    return value


def bearer(config: AiServiceConfig) -> dict[str, str]:
    """The Authorization header, or nothing when there is no key."""
    return {"Authorization": f"Bearer {config.api_key.get_secret_value()}"} if config.api_key else {}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _kind(value: Any) -> str:
    """A value in words: numbers as they are, of the rest the type alone, because it may be long or secret."""
    if _is_number(value):
        return f"{value}"
    names = {str: "a text", bool: "a truth value", list: "a list", dict: "an object"}
    return names.get(type(value), type(value).__name__)

"""The options of a run as a C program writes them: one JSON object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import PrivateAttr, SecretStr

from altlas_runner.ai_service import AiServiceConfig
from altlas_runner.alt_file.diagnostics import quoted
from altlas_runner.alt_file.json_text import encoding_problem, numbers_out_of_range, read_json, syntax_problem
from altlas_runner.alt_file.selection import Selection
from altlas_runner.alt_file.spelling import Spelling
from altlas_runner.config import RunnerConfig
from altlas_runner.errors import ConfigurationError

__all__ = ["OPTION_NAMES", "RunOptions", "read_options"]

_ELSEWHERE = {"output_dir", "max_concurrent_tasks", "log_level", "local_model", "tracing"}
_OF_CONFIG = tuple(name for name in RunnerConfig.model_fields if name not in _ELSEWHERE and not name.startswith("ai_"))
"""Fields of `RunnerConfig` under their own names. The others are said otherwise, or do not concern a library."""

OPTION_NAMES = ("ai_service", "max_concurrency", "inputs", "seed", "only", "from", "until", "config_file", *_OF_CONFIG)
"""Every option there is."""


class _HostConfig(RunnerConfig):
    """A `RunnerConfig` of which every field of the AI service can be given, not only those that it has itself."""

    _of_host: Mapping[str, Any] = PrivateAttr(default_factory=dict)

    def __init__(self, service: Mapping[str, Any], **values: Any) -> None:
        super().__init__(**values)
        self._of_host = service
        self._ai_service(self.ai_api_key)

    def _ai_service(self, key: SecretStr | None) -> AiServiceConfig:
        """What environment and file say, and over it what the host says."""
        return AiServiceConfig(**{**dict(super()._ai_service(key)), **self._of_host})


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What `Runner` takes.

    Attributes:
        config: with the output directory of the call.
        inputs: the values that references to inputs stand for, by name.
        seed: of the jitter between attempts, or None.
        selection: which tasks to run, or None for all.
    """

    config: RunnerConfig
    inputs: Mapping[str, Any]
    seed: int | None
    selection: Selection | None


def read_options(text: bytes | None, output_dir: str) -> RunOptions:
    """Read the options of one run.

    Args:
        text: a JSON object, or None for none.
        output_dir: where its bundle is made.

    Raises:
        ConfigurationError: it is no object, an option is unknown, or a value does not fit. Values are not shown.
    """
    options = {} if text is None else _object(text)
    names = Spelling(OPTION_NAMES)
    for name in options:
        if name not in names:
            meant = names.help(name)
            known = f"the options are {', '.join(OPTION_NAMES)}"
            raise ConfigurationError(f"options: there is no option {quoted(name)}; {meant or known}")
    values = {name: options[name] for name in _OF_CONFIG if name in options}
    if "max_concurrency" in options:
        values["max_concurrent_tasks"] = _integer(options, "max_concurrency", least=1)
    if "config_file" in options:
        values["config_file"] = _text(options, "config_file")
    service = _fields(options, "ai_service")
    try:
        config = _HostConfig(service, output_dir=output_dir, **values)
    except ConfigurationError as error:
        raise ConfigurationError(f"options: {str(error).replace('AiServiceConfig.', 'ai_service.')}") from None
    selection = Selection(_texts(options, "only"), _texts(options, "from"), _texts(options, "until"))
    seed = _integer(options, "seed") if "seed" in options else None
    return RunOptions(config, _fields(options, "inputs"), seed, selection or None)


def _object(text: bytes) -> dict[str, Any]:
    problem = encoding_problem(text)
    if problem is None:
        try:
            options = read_json(text)
        except ValueError:
            problem = syntax_problem(text)
        else:
            problem = next((found for _, found in numbers_out_of_range(options)), None)
    if problem is not None:
        place = f", line {problem.line}, column {problem.column}" if problem.line else ""
        raise ConfigurationError(f"options{place}: {problem.message}")
    if not isinstance(options, dict):
        raise ConfigurationError("options: they must be a JSON object, such as {} for none")
    return options


def _fields(options: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = options.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ConfigurationError(f"options: {name} must be an object: a value for each name")
    return value


def _integer(options: Mapping[str, Any], name: str, least: int | None = None) -> int:
    value = options[name]
    if type(value) is not int or (least is not None and value < least):
        raise ConfigurationError(f"options: {name} must be an integer{f' of {least} or more' if least else ''}")
    return value


def _text(options: Mapping[str, Any], name: str) -> str:
    value = options[name]
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"options: {name} must be a text")
    return value


def _texts(options: Mapping[str, Any], name: str) -> list[str]:
    value = options.get(name, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ConfigurationError(f"options: {name} must be an array of task ids")
    return value

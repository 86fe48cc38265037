"""What became of a handler: its return value or its exception as an `Outcome`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from altlas_runner.errors import HandlerError
from altlas_runner.execution import Outcome
from altlas_runner.handlers.artifact_directory import ArtifactDirectory
from altlas_runner.handlers.context import HandlerContext
from altlas_runner.handlers.json_values import json_copy
from altlas_runner.results import Usage

__all__ = ["call", "failure_of", "outcome_from_json", "outcome_of", "outcome_to_json"]

_LONGEST_TEXT = 2000


def call(function: Callable[[HandlerContext], Any], context: HandlerContext) -> Outcome:
    """Call a plain handler; whatever it returns or raises becomes an outcome."""
    try:
        return outcome_of(function(context), context.artifacts)
    except BaseException as error:  # here it is the handler's: no signal and no cancellation reaches this place
        return failure_of(error)


def outcome_of(value: Any, artifacts: ArtifactDirectory) -> Outcome:
    """The outcome that a handler's return value stands for.

    The files that it added, and those that its output names in `files` or as `path` in `artifacts`, become artifacts:
    each has the absolute `path` of a file in the task's artifact directory.

    Raises:
        HandlerError: the value is no JSON, or names a file that is not in the artifact directory.
    """
    if inspect.iscoroutine(value):
        value.close()
        raise HandlerError("a plain function returned a coroutine; make it `async def`", error_code="HANDLER_OUTPUT")
    if not isinstance(value, Outcome):
        output = json_copy(value, "the output")
        return Outcome.completed(output, artifacts=[*artifacts.added, *_named_files(output, artifacts)])
    if not value.ok:
        return value
    output = json_copy(value.output, "the output")
    given = json_copy(list(value.artifacts), "the artifacts")
    given = [artifacts.checked(each) if "path" in each else each for each in given if isinstance(each, dict)]
    return Outcome.completed(
        output, artifacts=[*given, *artifacts.added, *_named_files(output, artifacts)], usage=value.usage
    )


def failure_of(error: BaseException) -> Outcome:
    """The outcome of a handler that raised: retried as often as the task allows, unless it says otherwise."""
    if isinstance(error, HandlerError):
        retry = "yes" if error.retry else "no"
        return Outcome.failed(error.error_code, _text(error), retry=retry, retry_after=error.retry_after)  # type: ignore[arg-type]
    text = _text(error)
    name = type(error).__qualname__
    return Outcome.failed("HANDLER_FAILED", f"{name}: {text}" if text else name, retry="yes")


def outcome_to_json(outcome: Outcome) -> dict[str, Any]:
    """An outcome for the way from one process to another."""
    usage = outcome.usage
    tokens = usage and {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens, "cost": usage.cost}
    return {
        "ok": outcome.ok,
        "output": outcome.output,
        "artifacts": list(outcome.artifacts),
        "usage": tokens,
        "error_code": outcome.error_code,
        "error": outcome.error,
        "retry": outcome.retry,
        "retry_after": outcome.retry_after,
        "not_before": outcome.not_before,
    }


def outcome_from_json(value: Mapping[str, Any]) -> Outcome:
    """The outcome that `outcome_to_json` wrote."""
    usage = value["usage"]
    return Outcome(**{**value, "artifacts": value["artifacts"] or (), "usage": usage and Usage(**usage)})


def _named_files(output: Any, artifacts: ArtifactDirectory) -> list[dict[str, Any]]:
    """The files that an output names."""
    if not isinstance(output, dict):
        return []
    files, listed = output.get("files"), output.get("artifacts")
    named = [{"path": each} if isinstance(each, str) else each for each in files] if isinstance(files, list) else []
    named += listed if isinstance(listed, list) else []
    known = {each["path"] for each in artifacts.added}
    checked = [artifacts.checked(each) for each in named if isinstance(each, dict) and "path" in each]
    return [each for each in {each["path"]: each for each in checked}.values() if each["path"] not in known]


def _text(error: BaseException) -> str:
    try:
        text = str(error)
    except BaseException:  # an exception whose text cannot be made is still a failure like others
        text = "its text cannot be shown"
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"

"""`parameters.response_schema`: the JSON Schema that an answer must satisfy.

The schema comes from a file and the answer from a service, so the two must not be able to keep the process busy without
end: patterns run in an engine that takes linear time, equal items are found by their JSON and not by comparing each
with each, and the check runs in a thread, with a bound on its effort.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from typing import Any

from pydantic_core import SchemaError, SchemaValidator, ValidationError, core_schema

from altlas_runner.ai_service.body import parse_json
from altlas_runner.ai_service.effort import Effort, TooMuchEffortError
from altlas_runner.ai_service.failures import bad_response, shorten
from altlas_runner.ai_service.wire_format import ParameterError
from altlas_runner.alt_file import Task
from altlas_runner.alt_file.schema_check import Keyword, validator_of
from altlas_runner.execution import Outcome

__all__ = ["ResponseSchema", "response_schema_of"]

_MOST_ERRORS = 5
_LONGEST_ERROR = 200
_FENCE = "```"


async def response_schema_of(task: Task) -> ResponseSchema | None:
    """The schema that the task's answer must satisfy, or None.

    Raises:
        ParameterError: it is no usable schema.
    """
    schema = (task.parameters or {}).get("response_schema")
    if schema is None:
        return None
    effort = Effort()
    return await effort.in_thread(ResponseSchema, schema, effort)


class ResponseSchema:
    """Checks an answer. Making one loads the library for JSON Schema.

    Args:
        schema: the schema.
        effort: bounds the check of the schema and of the answer together.

    Raises:
        ParameterError: it is no JSON Schema, or one that cannot be checked in bounded time.
    """

    def __init__(self, schema: Any, effort: Effort) -> None:
        self._effort = effort
        try:
            for pattern in _patterns(schema):
                effort.note_part()  # so that many patterns end when nobody waits for them any more
                _searcher(pattern)
            self._validator = validator_of(schema, self._adapted, effort.note_part)
            effort.begin_answer()
        except (ValueError, TooMuchEffortError) as error:
            raise _unusable(error) from None

    async def checked(self, outcome: Outcome, *, in_text: bool) -> Outcome:
        """The outcome, when its output satisfies the schema; else AI_BAD_RESPONSE with what is wrong.

        Args:
            outcome: a completed one.
            in_text: whether the JSON stands in the output's `text`; it is then added to the output as `json`. Else the
                output itself is checked.
        """
        if in_text and outcome.output.get("tool_calls"):
            return outcome  # the model asks for something before it answers
        return await self._effort.in_thread(self._checked, outcome, in_text)

    def _checked(self, outcome: Outcome, in_text: bool) -> Outcome:
        output = document = outcome.output
        if in_text:
            try:
                document = parse_json(_without_fence(output["text"]).encode())
            except ValueError as error:
                cut = "; it was cut at max_tokens" if output["finish_reason"] == "length" else ""
                return replace(bad_response(f"the answer is not JSON ({error}){cut}"), usage=outcome.usage)
            output = {**output, "json": document}
        try:
            errors = self._errors(document)
        except ParameterError as error:
            return Outcome.failed("AI_BAD_PARAMETER", str(error), usage=outcome.usage)
        if errors:
            text = f"the answer does not satisfy response_schema: {'; '.join(errors)}"
            return replace(bad_response(text), usage=outcome.usage)
        return replace(outcome, output=output)

    def _errors(self, document: Any) -> list[str]:
        try:
            found = [
                f"{error.json_path}: {shorten(error.message, _LONGEST_ERROR)}"
                for error in islice(self._validator.iter_errors(document), _MOST_ERRORS)
            ]
        except Exception as error:  # a reference that leads nowhere or in circles is met only where it is followed
            raise _unusable(error) from error
        return found

    def _adapted(self, keyword: str, usual: Keyword) -> Keyword:
        return self._effort.counting(keyword, _OWN_KEYWORDS.get(keyword, usual))


def _unusable(error: Exception) -> ParameterError:
    return ParameterError(f"the parameter response_schema cannot be used: {str(error) or type(error).__name__}")


def _without_fence(text: str) -> str:
    """The text, or what is in it when it is one block of Markdown code as a whole."""
    stripped = text.strip()
    if len(stripped) > 2 * len(_FENCE) and stripped.startswith(_FENCE) and stripped.endswith(_FENCE):
        language, line_feed, code = stripped[len(_FENCE) : -len(_FENCE)].partition("\n")
        if line_feed and language.strip().lower() in ("", "json"):
            return code
    return text


def _patterns(schema: Any) -> Iterator[str]:
    """Every pattern that the schema holds.

    Raises:
        ValueError: it has patternProperties, which the library checks with an engine that may take forever.
    """
    waiting = [schema]
    for value in waiting:  # grows while it is read
        if isinstance(value, dict):
            if "patternProperties" in value:
                raise ValueError("patternProperties is not supported; list the properties")
            if isinstance(value.get("pattern"), str):
                yield value["pattern"]
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


@lru_cache(maxsize=256)
def _searcher(pattern: str) -> SchemaValidator:
    """Searches a text for the pattern in time proportional to its length; look-around and the like are not known to it.

    Raises:
        ValueError: it is no such pattern.
    """
    try:
        return SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex"))
    except SchemaError:
        raise ValueError(
            f"the pattern {pattern!r} is no regular expression without look-around and back-references"
        ) from None


def _check_pattern(_: Any, pattern: str, instance: Any, __: Any) -> Iterator[Exception]:
    from jsonschema.exceptions import ValidationError as Violation

    if not isinstance(instance, str):
        return
    try:
        _searcher(pattern).validate_python(instance, strict=True)
    except ValidationError:
        yield Violation(f"{instance!r} does not match {pattern!r}")


def _check_unique_items(_: Any, unique: bool, instance: Any, __: Any) -> Iterator[Exception]:
    from jsonschema.exceptions import ValidationError as Violation

    if not unique or not isinstance(instance, list):
        return
    seen: set[str] = set()
    for number, item in enumerate(instance):
        text = json.dumps(_with_plain_numbers(item), sort_keys=True)
        if text in seen:
            yield Violation(f"item {number} stands there before")
            return
        seen.add(text)


def _with_plain_numbers(value: Any) -> Any:
    """The value with 1 in the place of 1.0, which is the same number in JSON Schema."""
    if isinstance(value, dict):
        return {name: _with_plain_numbers(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_with_plain_numbers(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


_OWN_KEYWORDS: dict[str, Keyword] = {"pattern": _check_pattern, "uniqueItems": _check_unique_items}

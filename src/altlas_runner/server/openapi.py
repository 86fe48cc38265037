"""`/openapi.json`: OpenAPI 3.1, made from the table of operations and the models that read and write. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from altlas_runner import __version__
from altlas_runner.server.models import ProblemAnswer
from altlas_runner.server.operations import JSON, Answer, Operation, Text
from altlas_runner.server.problems import PROBLEM_TYPE

__all__ = ["openapi_document"]

_EVERYWHERE = {
    400: "The request is not as HTTP has it, or has no Host header.",
    408: "The head or the body of the request did not come in time.",
    417: "Something other than 100-continue was expected.",
    421: "The service is not known under the name in the Host header.",
    503: "There are too many connections or long bodies on their way, or the service is stopping.",
}
_UNAUTHORIZED = "The token of the service is missing or wrong."
_PROBLEM_HEADERS = {
    401: {"WWW-Authenticate": "The scheme: Bearer."},
    429: {"Retry-After": "After how many seconds to come again."},
    503: {"Retry-After": "After how many seconds to come again."},
}
_SCHEMAS = "#/components/schemas/{model}"


def openapi_document(operations: Sequence[Operation], *, with_token: bool, base: str = "") -> dict[str, Any]:
    """The document.

    Args:
        operations: everything that the service offers.
        with_token: whether a token is needed for what is not open.
        base: the path below which the service is embedded, or the empty text.
    """
    bodies = {operation.body for operation in operations if operation.body is not None}
    answers: set[type[BaseModel]] = {ProblemAnswer}
    for operation in operations:
        answers.update(each.body for each in operation.answers.values() if isinstance(each.body, type))
    models: list[tuple[type[BaseModel], Any]] = [(each, "validation") for each in sorted(bodies, key=_name)]
    models += [(each, "serialization") for each in sorted(answers, key=_name)]
    _, schemas = models_json_schema(models, ref_template=_SCHEMAS)
    components: dict[str, Any] = {"schemas": schemas["$defs"]}
    if with_token:
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        entry = paths.setdefault(operation.path, {})
        entry[operation.method.lower()] = _operation(operation, with_token=with_token)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "altlas-runner",
            "version": __version__,
            "summary": "Runs AI task files.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        **({"servers": [{"url": base}]} if base else {}),
        "paths": paths,
        "components": components,
    }


def _operation(operation: Operation, *, with_token: bool) -> dict[str, Any]:
    guarded = with_token and not operation.is_open
    problems = {**_EVERYWHERE, **({401: _UNAUTHORIZED} if guarded else {}), **operation.problems}
    responses = {status: _problem(status, words) for status, words in problems.items()}
    for status, answer in operation.answers.items():
        shared = responses.get(status)
        responses[status] = _answer(answer)
        if shared is not None:  # an answer of its own, where everybody may meet a problem
            responses[status]["content"] |= shared["content"]
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "responses": {str(status): responses[status] for status in sorted(responses)},
    }
    if operation.parameters:
        described["parameters"] = [
            {
                "name": parameter.name,
                "in": parameter.where,
                "required": parameter.where == "path",
                "description": parameter.description,
                "schema": parameter.schema,
            }
            for parameter in operation.parameters
        ]
    if operation.body is not None:
        schema = {"$ref": _SCHEMAS.format(model=_name(operation.body))}
        described["requestBody"] = {"required": True, "content": {JSON: {"schema": schema}}}
    if guarded:
        described["security"] = [{"token": []}]
    return described


def _answer(answer: Answer) -> dict[str, Any]:
    described: dict[str, Any] = {"description": answer.description}
    if isinstance(answer.body, Text):
        described["content"] = {
            media_type: {} if answer.body.schema is None else {"schema": answer.body.schema}
            for media_type in answer.body.media_type.split(",")
        }
    elif answer.body is not None:
        described["content"] = {JSON: {"schema": {"$ref": _SCHEMAS.format(model=_name(answer.body))}}}
    if answer.headers:
        described["headers"] = _headers(answer.headers)
    if answer.links:
        described["links"] = {
            name: {"operationId": name, "parameters": parameters} for name, parameters in answer.links.items()
        }
    return described


def _problem(status: int, words: str) -> dict[str, Any]:
    schema = {"$ref": _SCHEMAS.format(model=_name(ProblemAnswer))}
    described: dict[str, Any] = {"description": words, "content": {PROBLEM_TYPE: {"schema": schema}}}
    if status in _PROBLEM_HEADERS:
        described["headers"] = _headers(_PROBLEM_HEADERS[status])
    return described


def _headers(headers: dict[str, str]) -> dict[str, Any]:
    return {name: {"description": words, "schema": {"type": "string"}} for name, words in headers.items()}


def _name(model: type[BaseModel]) -> str:
    return model.__name__

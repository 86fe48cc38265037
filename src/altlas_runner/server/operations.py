"""The table of all operations: the router is made from it, and so is `/openapi.json`, which therefore is true."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from pydantic import BaseModel

__all__ = ["JSON", "Answer", "Operation", "Parameter", "Text"]

JSON = "application/json"


@dataclass(frozen=True)
class Text:
    """A body that is no JSON.

    Attributes:
        media_type: of the body; several with commas between them.
        schema: JSON Schema of what is in it; None says nothing.
    """

    media_type: str
    schema: dict[str, Any] | None = field(default_factory=lambda: {"type": "string"})


@dataclass(frozen=True)
class Answer:
    """One way in which an operation is answered.

    Attributes:
        description: when.
        body: a model (JSON), or a text; None is no body.
        links: OpenAPI links: names of operations with the parameters that the answer gives them.
        headers: that the answer has, with what they say.
    """

    description: str
    body: type[BaseModel] | Text | None = None
    links: dict[str, dict[str, str]] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Parameter:
    """A parameter in the path, in the query, or a header.

    Attributes:
        name: of it.
        where: path, query or header.
        schema: JSON Schema of its value.
        description: what it means.
    """

    name: str
    where: str
    schema: dict[str, Any]
    description: str


@dataclass(frozen=True)
class Operation:
    """One method of one path.

    Attributes:
        method: in capitals.
        path: as OpenAPI writes it, such as `/api/v1/runs/{request_id}`.
        name: the operation's id.
        summary: what it does, in a few words.
        handler: does it.
        answers: by status.
        problems: statuses of the problems that it can answer, besides those that every one can, with when.
        parameters: in path, query and headers.
        body: the model of its JSON body, or None.
        is_open: whether it needs no token.
        route: as the router writes the path, where that says more than `path`.
    """

    method: str
    path: str
    name: str
    summary: str
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    answers: dict[int, Answer]
    problems: dict[int, str] = field(default_factory=dict)
    parameters: tuple[Parameter, ...] = ()
    body: type[BaseModel] | None = None
    is_open: bool = False
    route: str | None = None

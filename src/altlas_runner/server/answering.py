"""How answers are written: models as JSON, files piece by piece."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import BinaryIO

from aiohttp import web
from pydantic import BaseModel

__all__ = ["base_of", "file_answer", "json_answer", "operation_of"]

_PIECE = 256 << 10


def base_of(request: web.Request, own: str = "/api/v1/") -> str:
    """Where the service begins: the path below which it is embedded, or the empty text.

    Args:
        request: to an operation.
        own: how the path of the operation begins, as the service alone has it.
    """
    resource = request.match_info.route.resource
    assert resource is not None
    return resource.canonical.rpartition(own)[0]


def operation_of(request: web.Request) -> str:
    """The operation that is asked for, as the router has it: no part of it is the asker's, so there are few."""
    resource = request.match_info.route.resource
    return "none" if resource is None else f"{request.method} {resource.canonical}"


def json_answer(model: BaseModel, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A model as JSON."""
    body = model.__pydantic_serializer__.to_json(model)
    return web.Response(status=status, body=body, content_type="application/json", headers=headers)


async def file_answer(request: web.Request, file: BinaryIO, headers: Mapping[str, str]) -> web.StreamResponse:
    """An open file, as far as it goes now; it is closed."""
    with file:
        size = os.fstat(file.fileno()).st_size
        response = web.StreamResponse(headers=headers)
        response.content_length = size
        await response.prepare(request)
        while size > 0 and (piece := await asyncio.to_thread(file.read, min(size, _PIECE))):
            size -= len(piece)
            await response.write(piece)
        await response.write_eof()
        return response

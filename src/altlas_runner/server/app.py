"""`make_app`: the service as an aiohttp application, to be served alone or embedded in another one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import cache

from aiohttp import hdrs, web
from pydantic_core import to_json

from altlas_runner.config import RunnerConfig
from altlas_runner.server.answering import base_of
from altlas_runner.server.bundles import BundleEndpoints
from altlas_runner.server.config import ServerConfig
from altlas_runner.server.executing import ExecutingEndpoints
from altlas_runner.server.following import FollowingEndpoints
from altlas_runner.server.guarding import Guard, add_headers
from altlas_runner.server.metrics import metrics_of
from altlas_runner.server.openapi import openapi_document
from altlas_runner.server.operations import JSON, Answer, Operation, Text
from altlas_runner.server.page_files import PageEndpoints
from altlas_runner.server.problems import Problem
from altlas_runner.server.service import Service
from altlas_runner.server.standing import StandingEndpoints

__all__ = ["SERVICE", "make_app"]

SERVICE = web.AppKey("altlas_runner_service", Service)
"""Where the application keeps its service."""

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def make_app(config: RunnerConfig | None = None, server: ServerConfig | None = None) -> web.Application:
    """The service as an application.

    Served by another program's aiohttp, it keeps everything but what concerns connections: deadlines for the heads of
    requests, their number, and the end after SIGTERM are then that program's. When the application is cleaned up, every
    run is cancelled and its bundle written.

    Args:
        config: of the runs; None reads environment and defaults.
        server: of everything else; None takes the defaults.

    Raises:
        ConfigurationError: a handler that is configured cannot be found or used.

    Example:
        >>> app = web.Application()
        >>> app.add_subapp("/runner/", make_app(RunnerConfig(ai_protocol="local")))  # doctest: +SKIP
    """
    server = server or ServerConfig()
    service = Service(config or RunnerConfig(), server)
    guard = Guard(server)
    metrics = metrics_of(service.runs)
    app = web.Application(
        middlewares=[*([] if metrics is None else [metrics.middleware]), guard.middleware],
        client_max_size=server.max_body_bytes,
    )
    app[SERVICE] = service
    operations = [
        *ExecutingEndpoints(service).operations(),
        *FollowingEndpoints(service).operations(),
        *BundleEndpoints(service).operations(),
        *StandingEndpoints(service, metrics).operations(),
        *PageEndpoints().operations(),
    ]

    @cache
    def document(base: str) -> bytes:
        return to_json(openapi_document(operations, with_token=server.token is not None, base=base))

    async def openapi(request: web.Request) -> web.StreamResponse:
        return web.Response(body=document(base_of(request, "/openapi.json")), content_type=JSON)

    operations.append(
        Operation(
            "GET",
            "/openapi.json",
            "openapi",
            "This description.",
            openapi,
            {200: Answer("OpenAPI 3.1.", Text(JSON, {"type": "object"}))},
            is_open=True,
        )
    )
    for operation in operations:
        handler = operation.handler if operation.is_open else _with_token(guard, operation.handler)
        app.router.add_route(
            operation.method,
            operation.route or operation.path,
            handler,
            name=operation.name,
            expect_handler=_expect,
        )
    app.on_response_prepare.append(add_headers)
    app.cleanup_ctx.append(_open(service))
    return app


def _with_token(guard: Guard, handler: _Handler) -> _Handler:
    async def guarded(request: web.Request) -> web.StreamResponse:
        guard.check_token(request)
        return await handler(request)

    return guarded


def _open(service: Service) -> Callable[[web.Application], AsyncIterator[None]]:
    async def opened(app: web.Application) -> AsyncIterator[None]:
        async with service:
            yield

    return opened


async def _expect(request: web.Request) -> None:
    """Nothing but 100-continue can be expected of this service; whoever waits for that is asked when all is well."""
    if request.headers.get(hdrs.EXPECT, "").lower() != "100-continue":
        raise Problem(417, "this service can only do 100-continue")

"""Connections that nobody can keep for nothing: how many there are, and how long the head of a request may take.

aiohttp bounds how long a connection may be idle, but not how long a request may be on its way, nor how many connections
there are. This is its protocol with that added; errors that it finds itself are told as problems.
"""

from __future__ import annotations

import asyncio
import logging
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from altlas_runner.server.config import ServerConfig
from altlas_runner.server.problems import PROBLEM_TYPE, problem_body

__all__ = ["Connections"]

_log = logging.getLogger("altlas_runner")

_HEADERS = {"Cache-Control": "no-store", "Server": "altlas-runner", "X-Content-Type-Options": "nosniff"}


class Connections:
    """Makes the protocol of each connection.

    Args:
        server: handles the requests.
        config: the limits.
    """

    def __init__(self, server: web.Server, config: ServerConfig) -> None:
        self.config = config
        self.count = 0
        self._server = server
        self._loop = asyncio.get_running_loop()

    def __call__(self) -> asyncio.Protocol:
        """A protocol for a connection that is about to be made."""
        return _Connection(
            self,
            self._server,
            loop=self._loop,
            keepalive_timeout=self.config.idle_seconds,
            lingering_time=1.0,
            auto_decompress=False,
            access_log=None,
            logger=_log,
        )


class _Connection(RequestHandler):
    """One connection."""

    __slots__ = ("_connections", "_head_timer", "_stall_timer")

    def __init__(self, connections: Connections, server: web.Server, **settings: Any) -> None:
        super().__init__(server, **settings)
        self._connections = connections
        self._head_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, or refuse it when there are as many as may be."""
        connections = self._connections
        connections.count += 1
        super().connection_made(transport)
        if connections.count > connections.config.max_connections:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "there are too many connections; try again later")
        else:
            self._await_head()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the connection."""
        self._connections.count -= 1
        self._head_came()
        self._client_reads()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Watch whether a head is on its way."""
        before = self._request_count
        super().data_received(data)
        if self._request_count != before:
            self._head_came()
        elif self._head_timer is None and not self._request_in_progress and not self._messages:
            self._await_head()

    def pause_writing(self) -> None:
        """The client reads nothing: give it some time."""
        super().pause_writing()
        if self._stall_timer is None:
            self._stall_timer = self._loop.call_later(self._connections.config.idle_seconds, self._abort)

    def resume_writing(self) -> None:
        """The client reads again."""
        self._client_reads()
        super().resume_writing()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Tell an error that aiohttp found, without anything of the inside; the connection is closed after it."""
        if request.writer.output_size > 0:
            raise ConnectionError("the answer had begun")
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            _log.error("a request failed", exc_info=exc)
            detail = "an error inside the service; its log says more"
        else:
            _log.debug("not HTTP: %s", message)
            detail = "the request is not as HTTP/1.1 has it"
        response = web.Response(
            status=status,
            body=problem_body(status, detail),
            content_type=PROBLEM_TYPE,
            headers=_HEADERS,
        )
        response.force_close()
        return response

    def _await_head(self) -> None:
        self._head_timer = self._loop.call_later(self._connections.config.head_seconds, self._head_is_late)

    def _head_came(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _client_reads(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None

    def _head_is_late(self) -> None:
        self._head_timer = None
        if not self._request_in_progress and not self._messages:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, "the head of the request did not come in time")

    def _refuse(self, status: HTTPStatus, detail: str) -> None:
        """Say why, and close the connection."""
        body = problem_body(status, detail)
        if self.transport is not None:
            head = (
                f"HTTP/1.1 {status} {status.phrase}\r\nContent-Type: {PROBLEM_TYPE}\r\nContent-Length: {len(body)}\r\n"
                "Connection: close\r\nRetry-After: 5\r\n"
                + "".join(f"{name}: {value}\r\n" for name, value in _HEADERS.items())
                + "\r\n"
            )
            self.transport.write(head.encode() + body)
        self.force_close()

    def _abort(self) -> None:
        self._stall_timer = None
        if isinstance(self.transport, asyncio.Transport):
            self.transport.abort()

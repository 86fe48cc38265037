"""Connections to a service, and what the HTTP library leaves open about them."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection

from altlas_runner.ai_service.body import BodyError
from altlas_runner.ai_service.config import AiServiceConfig
from altlas_runner.errors import ConfigurationError

__all__ = ["Connections", "end_with_the_connection", "tls_context"]

OPENING_SECONDS = 0.0003
"""From one beginning to the next: about the time that opening one takes."""


class Connections(aiohttp.TCPConnector):
    """Opens connections one after the other, and keeps them for further requests.

    None is kept on which something came that nobody asked for: the HTTP library would take that, such as a second
    answer to one request, for the answer to the next request.
    """

    _next_opening = 0.0

    async def _create_connection(self, *request: Any) -> ResponseHandler:
        """Begin to open one, a moment after the last one began.

        An event loop takes all that begins at once through every step together: of 64 connections the first would be
        open when the last one is. So the first requests are under way while others are still being connected, and the
        service gets no burst.
        """
        now = self._loop.time()
        begin = max(now, self._next_opening)
        self._next_opening = begin + OPENING_SECONDS
        if begin > now:
            await asyncio.sleep(begin - now)
        return await super()._create_connection(*request)

    async def _get(self, *key: Any) -> Connection | None:
        while (connection := await super()._get(*key)) is not None:
            if connection.protocol is not None and not connection.protocol.should_close:
                return connection
            connection.close()
        return None


def end_with_the_connection(protocol: ResponseHandler, content: aiohttp.StreamReader) -> None:
    """Let the reader of a body learn that its connection is gone.

    The HTTP library forgets to tell it when chunks break the rules of HTTP: the reader would wait for its timeout.
    """
    closed = protocol.closed
    if closed is None:  # it is gone already, and the reader knows
        return

    def tell(closed: asyncio.Future[None]) -> None:
        closed.cancelled() or closed.exception()  # looked at, so that nobody is told of it as lost
        if not content.is_eof() and content.exception() is None:
            content.set_exception(BodyError("the answer's body breaks the rules of HTTP"))

    closed.add_done_callback(tell)


def tls_context(config: AiServiceConfig) -> ssl.SSLContext | bool:
    """The authorities to trust; True stands for the system's.

    Raises:
        ConfigurationError: the CA bundle cannot be used.
    """
    if config.ca_bundle is None:
        return True
    try:
        return ssl.create_default_context(cafile=str(config.ca_bundle))
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror if type(error) in (FileNotFoundError, PermissionError) else "it is no PEM bundle"
        raise ConfigurationError(f"the CA bundle {config.ca_bundle} cannot be used: {reason}") from error

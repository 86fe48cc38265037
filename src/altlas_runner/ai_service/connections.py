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


class Connections(aiohttp.TCPConnector):
    """Keeps connections for further requests, but none on which something came that nobody asked for.

    The HTTP library would take that, such as a second answer to one request, for the answer to the next request.
    """

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

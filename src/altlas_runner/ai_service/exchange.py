"""One request and its answer over a connection of the pool, with as little as possible made anew for each.

The HTTP library's own session makes a dozen objects for a request, for redirects, cookies, uploads and middleware that
are not wanted here; they cost as much as everything else together. Its pool, its TLS, its proxies and its parser are
what is used of it.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp.connector import Connection
from aiohttp.http_exceptions import HttpProcessingError
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from altlas_runner.ai_service.config import AiServiceConfig
from altlas_runner.ai_service.connections import Connections, end_with_the_connection, tls_context

__all__ = ["Answer", "Exchange"]

_WHOLE_BODY: dict[str, Any] = {"read_until_eof": True, "auto_decompress": False}
_OURS = ("Content-Length", "Transfer-Encoding")


class Answer:
    """The head of an answer, and its body as it comes. To be used in an `async with` block, which frees the connection.

    Attributes:
        status: the HTTP status.
        headers: of the answer.
        content: reads the body, as it was sent.
    """

    __slots__ = ("_connection", "content", "headers", "status")

    def __init__(
        self, status: int, headers: CIMultiDictProxy[str], content: aiohttp.StreamReader, connection: Connection
    ) -> None:
        self.status = status
        self.headers = headers
        self.content = content
        self._connection: Connection | None = connection
        content.on_eof(self._release)
        if self._connection is not None and connection.protocol is not None:
            end_with_the_connection(connection.protocol, content)

    @property
    def content_type(self) -> str:
        """The media type, without its parameters."""
        return str(self.headers.get("Content-Type", "")).partition(";")[0].strip().lower()

    def close(self) -> None:
        """Close the connection: what was not read is no answer to the next request."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()  # harmless when the body was read to its end: then the connection has gone back to the pool

    def _release(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.release()


class Exchange:
    """Makes requests to one service.

    Args:
        config: where the service is, how it is reached, and what every request has.
        headers: what every request has besides; those of the configuration win.

    Raises:
        ConfigurationError: the CA bundle cannot be used.
    """

    def __init__(self, config: AiServiceConfig, headers: Mapping[str, str]) -> None:
        self._config = config
        self._headers = headers
        self._connections = Connections(limit=config.max_connections, ssl=tls_context(config))
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=config.connect_timeout_seconds)
        self._prepared: dict[Any, tuple[aiohttp.ClientRequest, bytes, bool]] = {}

    async def aclose(self) -> None:
        """Close all connections."""
        await self._connections.close()

    async def post(
        self, path: str, headers: Mapping[str, str], body: bytes, key: str, more: Mapping[str, str] | None
    ) -> Answer:
        """Send a request, and read the head of its answer.

        Args:
            path: behind the base URL.
            headers: what requests of this kind have; those of the configuration win.
            body: JSON.
            key: the idempotency key.
            more: headers that only this request has, or None.

        Raises:
            aiohttp.ClientError: there is no answer, or it is not HTTP.
            OSError: the connection failed.
        """
        kind = (path, *headers.items())
        prepared = self._prepared.get(kind)
        if prepared is None:
            prepared = self._prepared[kind] = self._prepare(path, headers)
        request, head, has_key = prepared
        try:
            connection = await self._connections.connect(request, [], self._timeout)
        except TimeoutError as error:
            raise aiohttp.ConnectionTimeoutError(f"no connection to {request.host}") from error
        try:
            protocol = connection.protocol
            assert protocol is not None
            assert protocol.transport is not None
            protocol.set_response_params(**_WHOLE_BODY)
            lines = "" if has_key else f"Idempotency-Key: {key}\r\n"
            if more is not None:
                lines += "".join(f"{name}: {value}\r\n" for name, value in more.items())
            ours = f"{lines}Content-Length: {len(body)}\r\n\r\n"
            protocol.transport.write(b"".join((head, ours.encode("latin-1"), body)))
            while True:
                message, content = await protocol.read()
                if message.code >= 200 or message.code == 101:
                    return Answer(message.code, message.headers, content, connection)
        except HttpProcessingError as error:
            connection.close()
            raise aiohttp.ClientResponseError(
                request.request_info, (), status=error.code, message=error.message
            ) from error
        except BaseException:
            connection.close()
            raise

    def _prepare(self, path: str, headers: Mapping[str, str]) -> tuple[aiohttp.ClientRequest, bytes, bool]:
        """What requests of one kind share: who is asked, the head, and whether that has an idempotency key already."""
        config = self._config
        query = {name: value.get_secret_value() for name, value in config.extra_query.items()}
        url = URL(config.base_url + path)
        if query:
            url = url.extend_query(query)
        proxy = URL(config.proxy.get_secret_value()) if config.proxy else None
        loop = asyncio.get_running_loop()
        request = aiohttp.ClientRequest("POST", url, loop=loop, proxy=proxy)
        fields: CIMultiDict[str] = CIMultiDict({"Host": request.headers["Host"], **self._headers})
        fields.update(headers)
        fields.update({name: value.get_secret_value() for name, value in config.extra_headers.items()})
        target = url.raw_path_qs
        if proxy is not None and url.scheme == "http":
            target = str(url)
            if proxy.user is not None or proxy.password is not None:
                credentials = f"{proxy.user or ''}:{proxy.password or ''}".encode()
                fields["Proxy-Authorization"] = f"Basic {b64encode(credentials).decode()}"
        has_key = "Idempotency-Key" in fields
        lines = [f"POST {target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in fields.items() if name.title() not in _OURS]
        return request, "\r\n".join([*lines, ""]).encode("latin-1"), has_key

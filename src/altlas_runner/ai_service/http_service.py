"""One attempt over HTTP. Loaded when a client first needs it, because the HTTP library takes long to import."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import aiohttp
from multidict import CIMultiDict

from altlas_runner import __version__
from altlas_runner.ai_service.body import BodyError, BodyReader, BodyTooLargeError, parse_json
from altlas_runner.ai_service.config import AiServiceConfig
from altlas_runner.ai_service.failures import (
    BODY_LIMIT,
    bad_response,
    classify_exception,
    classify_status,
    service_message,
    too_large,
    truncated,
)
from altlas_runner.ai_service.wire_format import ParameterError, WireFormat
from altlas_runner.errors import ConfigurationError
from altlas_runner.execution import Outcome, TaskAttempt

__all__ = ["HttpService"]

ERROR_BODY_LIMIT = 64 * 1024
"""Most bytes that are read to learn what a service says about its error."""
ERROR_BODY_SECONDS = 2.0
"""How long to wait for them: the status alone tells enough."""


class HttpService:
    """A service behind one wire format, over one session that is opened by the first attempt.

    Args:
        config: where and how.
        wire_format: makes the requests and reads the answers.
        more_headers: gives headers that belong to the moment of a request, such as the trace it is part of; or None.
    """

    def __init__(
        self,
        config: AiServiceConfig,
        wire_format: WireFormat,
        more_headers: Callable[[], Mapping[str, str]] | None = None,
    ) -> None:
        self._config = config
        self._format = wire_format
        self._more_headers = more_headers
        self._session: aiohttp.ClientSession | None = None
        self._proxy = config.proxy.get_secret_value() if config.proxy else None
        self._query = {name: value.get_secret_value() for name, value in config.extra_query.items()}

    @property
    def room(self) -> int:
        """How many attempts may be under way at one time."""
        return self._config.max_connections

    def open(self) -> None:
        """Open the session unless it is open; nothing is sent.

        Raises:
            ConfigurationError: the CA bundle cannot be used.
        """
        if self._session is not None:
            return
        config = self._config
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=config.max_connections, ssl=_tls_context(config)),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=config.connect_timeout_seconds),
            auto_decompress=False,
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "gzip, deflate",
                "Content-Type": "application/json",
                "User-Agent": f"altlas-runner/{__version__}",
            },
        )

    async def aclose(self) -> None:
        """Close the session and its connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def answer(self, attempt: TaskAttempt) -> Outcome:
        """Ask once. The caller bounds the time."""
        try:
            request = self._format.request(self._config, attempt)
            payload = json.dumps(request.body, allow_nan=False).encode()
        except ParameterError as error:
            return Outcome.failed("AI_BAD_PARAMETER", str(error))
        except (ValueError, TypeError, RecursionError):
            return Outcome.failed("AI_BAD_PARAMETER", "the parameters or the context hold a value that JSON has not")
        self.open()
        assert self._session is not None
        headers: CIMultiDict[str] = CIMultiDict(request.headers)
        headers["Idempotency-Key"] = attempt.idempotency_key
        if self._more_headers is not None:
            headers.update(self._more_headers())
        for name, value in self._config.extra_headers.items():
            headers[name] = value.get_secret_value()
        try:
            async with self._session.post(
                self._config.base_url + request.path,
                data=payload,
                headers=headers,
                params=self._query,
                proxy=self._proxy,
                allow_redirects=False,
            ) as response:
                _end_with_the_connection(response)
                return await self._read(response)
        except (aiohttp.ClientError, OSError, UnicodeError) as error:  # the last: a host that no resolver takes
            return classify_exception(error, connect_timeout=self._config.connect_timeout_seconds)

    async def _read(self, response: aiohttp.ClientResponse) -> Outcome:
        try:
            if not 200 <= response.status < 300:
                body = await _error_body(response)
                return classify_status(response.status, response.headers, body, now=datetime.now(UTC))
            return await self._read_answer(response)
        finally:
            # What was not read is no answer to the next request; some send a body after a 304, which has none.
            if not response.content.at_eof() or 300 <= response.status < 400:
                response.close()

    async def _read_answer(self, response: aiohttp.ClientResponse) -> Outcome:
        try:
            reader = BodyReader(response.headers.get("Content-Encoding", ""), BODY_LIMIT)
            async for chunk in response.content.iter_any():
                reader.feed(chunk)
            body = reader.finish()
        except BodyTooLargeError:
            return too_large()
        except BodyError as error:
            return bad_response(str(error))
        except (aiohttp.ClientConnectionError, OSError) as error:
            return truncated(str(error) or "the connection was lost")
        if body is None:
            return truncated("its compressed form has no end")
        return self._outcome(response, body)

    def _outcome(self, response: aiohttp.ClientResponse, body: bytes) -> Outcome:
        try:
            answer: Any = parse_json(body)
        except ValueError as error:
            said = service_message(body[:ERROR_BODY_LIMIT], response.headers.get("Content-Type", ""))
            what = f"; it says: {said}" if said else "; it is empty"
            return bad_response(f"the service answered {response.status}, but not with JSON ({error}){what}")
        if response.status == 206:
            return bad_response("the service answered 206, a part of an answer that was not asked for in parts")
        return self._format.outcome(answer)


def _end_with_the_connection(response: aiohttp.ClientResponse) -> None:
    """Let the reader of a body learn that its connection is gone.

    The HTTP library forgets to tell it when chunks break the rules of HTTP: the reader would wait for its timeout.
    """
    protocol = response.connection.protocol if response.connection else None
    closed: asyncio.Future[None] | None = getattr(protocol, "closed", None)
    if closed is None:  # the body has come already
        return

    def tell(closed: asyncio.Future[None]) -> None:
        closed.cancelled() or closed.exception()  # looked at, so that nobody is told of it as lost
        content = response.content
        if not content.is_eof() and content.exception() is None:
            content.set_exception(BodyError("the answer's body breaks the rules of HTTP"))

    closed.add_done_callback(tell)


async def _error_body(response: aiohttp.ClientResponse) -> bytes:
    """The beginning of an error's body, or what can be had of it."""
    try:
        reader = BodyReader(response.headers.get("Content-Encoding", ""), ERROR_BODY_LIMIT)
    except BodyError:
        return b""
    with contextlib.suppress(aiohttp.ClientError, OSError, BodyError):  # a timeout is an OSError
        async with asyncio.timeout(ERROR_BODY_SECONDS):
            async for chunk in response.content.iter_any():
                reader.feed(chunk)
    return reader.so_far()[:ERROR_BODY_LIMIT]


def _tls_context(config: AiServiceConfig) -> ssl.SSLContext | bool:
    if config.ca_bundle is None:
        return True
    try:
        return ssl.create_default_context(cafile=str(config.ca_bundle))
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror if type(error) in (FileNotFoundError, PermissionError) else "it is no PEM bundle"
        raise ConfigurationError(f"the CA bundle {config.ca_bundle} cannot be used: {reason}") from error

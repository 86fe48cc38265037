"""One attempt over HTTP. Loaded when a client first needs it, because the HTTP library takes long to import."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import aiohttp
from pydantic_core import to_json

from altlas_runner import __version__
from altlas_runner.ai_service.body import PIECE, BodyError, BodyReader, BodyTooLargeError, parse_json
from altlas_runner.ai_service.config import AiServiceConfig
from altlas_runner.ai_service.deltas import Deltas
from altlas_runner.ai_service.event_stream import EventParser
from altlas_runner.ai_service.exchange import Answer, Exchange
from altlas_runner.ai_service.failures import (
    BODY_LIMIT,
    bad_response,
    classify_exception,
    classify_status,
    service_message,
    stream_truncated,
    too_large,
    truncated,
)
from altlas_runner.ai_service.response_schema import response_schema_of
from altlas_runner.ai_service.wire_format import AnswerError, ParameterError, WireFormat, WireRequest
from altlas_runner.errors import ReferenceNotFoundError
from altlas_runner.execution import Outcome, TaskAttempt
from altlas_runner.redaction import is_long

__all__ = ["HttpService"]

ERROR_BODY_LIMIT = 64 * 1024
"""Most bytes that are read to learn what a service says about its error."""
ERROR_BODY_SECONDS = 2.0
"""How long to wait for them: the status alone tells enough."""
LONG_BODY = 256 * 1024
"""Bytes of JSON that are not read in the event loop's own thread."""
SETTLE_SECONDS = 0.05
"""How long to wait for the end of a stream behind its terminal event."""
_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate",
    "Content-Type": "application/json",
    "User-Agent": f"altlas-runner/{__version__}",
}
_STREAM_HEADERS = {"Accept": "text/event-stream, application/json", "Accept-Encoding": "identity"}
"""What is packed on the way comes in lumps."""

_HOW_IT_IS_SENT = frozenset({"stream", "stream_options"})


class HttpService:
    """A service behind one wire format, over one pool of connections that is opened by the first attempt.

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
        self._exchange: Exchange | None = None

    @property
    def room(self) -> int:
        """How many attempts may be under way at one time."""
        return self._config.max_connections

    def open(self) -> None:
        """Make the pool of connections unless it is there; nothing is sent.

        Raises:
            ConfigurationError: the CA bundle cannot be used.
        """
        if self._exchange is None:
            self._exchange = Exchange(self._config, _HEADERS)

    def question(self, attempt: TaskAttempt) -> Mapping[str, Any]:
        """The body of the request, less what does not change the answer: how it is sent."""
        body = self._format.request(self._config.for_run(attempt.run.preferences), attempt).body
        return {name: value for name, value in body.items() if name not in _HOW_IT_IS_SENT}

    async def aclose(self) -> None:
        """Close all connections."""
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            await exchange.aclose()

    async def answer(self, attempt: TaskAttempt) -> Outcome:
        """Ask once. The caller bounds the time."""
        try:
            schema = await response_schema_of(attempt.task)
            config = self._config.for_run(attempt.run.preferences)
            if is_long(attempt.context):
                request, payload = await asyncio.to_thread(self._written, config, attempt)
            else:
                request, payload = self._written(config, attempt)
        except ParameterError as error:
            return Outcome.failed("AI_BAD_PARAMETER", str(error))
        except ReferenceNotFoundError as error:
            return Outcome.failed(error.code, f"the prompt template: {error}")
        except (ValueError, TypeError, RecursionError):
            return Outcome.failed("AI_BAD_PARAMETER", "the parameters or the context hold a value that JSON has not")
        self.open()
        assert self._exchange is not None
        headers = {**_STREAM_HEADERS, **request.headers} if config.use_streaming else request.headers
        more = self._more_headers() if self._more_headers is not None else None
        try:
            async with await self._exchange.post(
                request.path, headers, payload, attempt.idempotency_key, more
            ) as response:
                outcome = await self._read(response, attempt, streamed=config.use_streaming)
        except (aiohttp.ClientError, OSError, UnicodeError) as error:  # the last: a host that no resolver takes
            return classify_exception(error, connect_timeout=self._config.connect_timeout_seconds)
        if outcome.ok and schema is not None:
            return await schema.checked(outcome, in_text=self._format.json_in_text)
        return outcome

    def _written(self, config: AiServiceConfig, attempt: TaskAttempt) -> tuple[WireRequest, bytes]:
        """The request, and its body as it is sent."""
        request = self._format.request(config, attempt)
        return request, _as_json(request.body)

    async def _read(self, response: Answer, attempt: TaskAttempt, *, streamed: bool) -> Outcome:
        try:
            if not 200 <= response.status < 300:
                body = await _error_body(response)
                return classify_status(response.status, response.headers, body, now=datetime.now(UTC))
            if response.status == 206:
                return bad_response("the service answered 206, a part of an answer that was not asked for in parts")
            reader = BodyReader(response.headers.get("Content-Encoding", ""), BODY_LIMIT)
            if streamed and response.content_type == "text/event-stream":
                return await self._read_stream(response, reader, Deltas(attempt.emit))
            return await self._read_whole(response, reader)
        except BodyTooLargeError as error:
            return too_large(str(error))
        except (BodyError, AnswerError) as error:
            return bad_response(str(error))
        finally:
            # What was not read is no answer to the next request; some send a body after a 304, which has none.
            if not response.content.at_eof() or 300 <= response.status < 400:
                response.close()

    async def _read_whole(self, response: Answer, reader: BodyReader) -> Outcome:
        """The outcome of an answer in one piece."""
        body = bytearray()
        try:
            while chunk := await response.content.readany():
                for piece in reader.read(chunk):
                    body += piece
                    if len(piece) == PIECE:
                        await asyncio.sleep(0)  # other tasks have their turn, however much comes at once
        except (aiohttp.ClientConnectionError, OSError) as error:
            return truncated(str(error) or "the connection was lost")
        if reader.broke_off:
            return truncated("its compressed form has no end")
        try:
            if len(body) > LONG_BODY:
                return await asyncio.to_thread(self._understood, bytes(body))
            return self._understood(bytes(body))
        except BodyTooLargeError:
            raise
        except ValueError as error:
            said = service_message(bytes(body[:ERROR_BODY_LIMIT]), response.headers.get("Content-Type", ""))
            what = f"; it says: {said}" if said else "; it is empty"
            return bad_response(f"the service answered {response.status}, but not with JSON ({error}){what}")

    def _understood(self, body: bytes) -> Outcome:
        return self._format.outcome(parse_json(body))

    async def _read_stream(self, response: Answer, reader: BodyReader, deltas: Deltas) -> Outcome:
        """The outcome of an answer that comes as events; what follows the terminal one is not waited for."""
        parser, answer = EventParser(), self._format.streamed_answer()
        try:
            async for chunk in response.content.iter_any():
                for piece in reader.read(chunk):
                    for event in parser.feed(piece):
                        told = answer.take(event)
                        if isinstance(told, Outcome):
                            deltas.finish()
                            await _settle(response)
                            return told
                        deltas.add(told)
                    if len(piece) == PIECE:
                        await asyncio.sleep(0)
        except (aiohttp.ClientError, OSError) as error:
            return stream_truncated(str(error) or "the connection was lost")
        return stream_truncated("it lacks its terminal event")


def _as_json(body: Mapping[str, Any]) -> bytes:
    """The body as it is sent.

    Raises:
        ValueError: it holds a value that JSON has not.
        TypeError: the same.
    """
    payload = to_json(body)
    if b"NaN" in payload or b"Infinity" in payload:  # in a text, or in a number's place: the slower one knows
        return json.dumps(body, allow_nan=False).encode()
    return payload


async def _settle(response: Answer) -> None:
    """Give a stream whose answer is complete a moment to end, so that its connection can be used again."""
    with contextlib.suppress(aiohttp.ClientError, OSError, BodyError):
        async with asyncio.timeout(SETTLE_SECONDS):
            await response.content.readany()


async def _error_body(response: Answer) -> bytes:
    """The beginning of an error's body, or what can be had of it."""
    body = bytearray()
    with contextlib.suppress(aiohttp.ClientError, OSError, BodyError):  # a timeout is an OSError
        reader = BodyReader(response.headers.get("Content-Encoding", ""), BODY_LIMIT)
        async with asyncio.timeout(ERROR_BODY_SECONDS):
            async for chunk in response.content.iter_any():
                for piece in reader.read(chunk):
                    body += piece
                    if len(body) >= ERROR_BODY_LIMIT:
                        return bytes(body[:ERROR_BODY_LIMIT])
    return bytes(body[:ERROR_BODY_LIMIT])

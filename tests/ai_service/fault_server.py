"""A service on loopback that misbehaves on purpose: real sockets, bytes written one by one where it matters."""

import asyncio
import contextlib
import json
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Self

from altlas_runner.ai_service import AiServiceClient, AiServiceConfig
from altlas_runner.alt_file import Task
from altlas_runner.execution import Outcome, RunInfo, TaskAttempt

Behaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]
"""Answers one request on its connection, well or badly."""


@dataclass
class Request:
    """What the service was sent."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class FaultServer:
    """Answers the first request with the first behaviour and so on; the last one answers all further requests."""

    def __init__(self, *behaviours: Behaviour, tls: ssl.SSLContext | None = None) -> None:
        self._behaviours = behaviours
        self._tls = tls
        self._connections: set[asyncio.Task[None]] = set()
        self.requests: list[Request] = []
        self.times: list[float] = []
        self.open_requests = 0
        self.most_open_requests = 0
        self.url = ""

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while not writer.is_closing():
                self.requests.append(await _read_request(reader))
                self.times.append(asyncio.get_running_loop().time())
                behaviour = self._behaviours[min(len(self.requests), len(self._behaviours)) - 1]
                self.open_requests += 1
                self.most_open_requests = max(self.most_open_requests, self.open_requests)
                try:
                    await behaviour(writer)
                    await writer.drain()
                finally:
                    self.open_requests -= 1
        writer.close()


async def _read_request(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head[0].split(" ")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
    return Request(method, target, headers, await reader.readexactly(int(headers.get("content-length", 0))))


def raw(*pieces: bytes, pause: float = 0.0, then_close: bool = True) -> Behaviour:
    """Write exactly these bytes, with a pause between them."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)
        if then_close:
            writer.close()

    return behave


def answer(status: int = 200, body: bytes | str = b"", headers: dict[str, str] | None = None) -> Behaviour:
    """A well-formed answer that leaves the connection open."""
    body = body.encode() if isinstance(body, str) else body
    fields = {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}
    head = f"HTTP/1.1 {status} X\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n"
    return raw(head.encode() + body, then_close=False)


def answer_json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Behaviour:
    return answer(status, json.dumps(value), headers)


async def reset(writer: asyncio.StreamWriter) -> None:
    """Drop the connection the hard way."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"


def chunk(content: bytes) -> bytes:
    """One chunk of a body in chunks; the empty one is its end."""
    return b"%x\r\n%b\r\n" % (len(content), content)


def event_stream(*pieces: bytes, pause: float = 0.0, headers: bytes = b"", ends: bool = True) -> Behaviour:
    """A stream of server-sent events, each piece a chunk; broken off behind the last piece unless it ends."""
    head = STREAM_HEAD + headers + b"Transfer-Encoding: chunked\r\n\r\n"
    chunks = [*map(chunk, filter(None, pieces)), *([chunk(b"")] if ends else [])]
    return raw(head, *chunks, pause=pause, then_close=not ends)


def reset_after(sent: bytes) -> Behaviour:
    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        await writer.drain()
        await asyncio.sleep(0.05)  # so that the bytes are read before the reset discards them
        await reset(writer)

    return behave


async def hang(writer: asyncio.StreamWriter) -> None:
    """Never answer."""
    await asyncio.sleep(60)


def attempt_for(task: Task | None = None, **fields: Any) -> TaskAttempt:
    """A first attempt at a task."""
    values = {"number": 1, "run": RunInfo("last_1"), **fields}
    return TaskAttempt(task=task or Task(id="t", description="do it"), **values)


def attempt_once(*behaviours: Behaviour, attempt: TaskAttempt | None = None, **config: Any) -> tuple[Outcome, Request]:
    """One attempt against a server with this behaviour: how it ended, and what the server was sent."""

    async def main() -> tuple[Outcome, Request]:
        async with FaultServer(*behaviours) as server:
            async with AiServiceClient(AiServiceConfig(base_url=server.url, **config)) as client:
                outcome = await client.attempt(attempt or attempt_for())
            return outcome, server.requests[0]

    return asyncio.run(main())

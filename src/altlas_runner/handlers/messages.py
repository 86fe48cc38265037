"""What runner and worker process say to each other: JSON values, each with its length before it."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from typing import Any

__all__ = ["packed", "read", "receive"]

_LENGTH = struct.Struct(">Q")


def packed(message: Any) -> bytes:
    """The bytes of a message.

    Raises:
        ValueError: it is no JSON.
        TypeError: likewise.
    """
    body = json.dumps(message).encode()
    return _LENGTH.pack(len(body)) + body


async def read(reader: asyncio.StreamReader) -> Any:
    """The next message.

    Raises:
        EOFError: the other side is gone.
    """
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    return json.loads(await reader.readexactly(length))


def receive(connection: socket.socket) -> Any:
    """The next message; blocks until it is there.

    Raises:
        EOFError: the other side is gone.
    """
    (length,) = _LENGTH.unpack(_receive_exactly(connection, _LENGTH.size))
    return json.loads(_receive_exactly(connection, length))


def _receive_exactly(connection: socket.socket, count: int) -> bytes:
    content = bytearray()
    while len(content) < count:
        part = connection.recv(min(count - len(content), 1 << 20))
        if not part:
            raise EOFError
        content += part
    return bytes(content)

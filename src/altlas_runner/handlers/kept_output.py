"""The output of a program, kept up to a limit: its beginning and its end."""

from __future__ import annotations

import asyncio

__all__ = ["KeptOutput"]


class KeptOutput(asyncio.Protocol):
    """Reads a pipe to its end and keeps at most so many bytes: half from the beginning, half from the end.

    Args:
        limit: bytes.

    Attributes:
        ended: done when the pipe has ended.
    """

    def __init__(self, limit: int) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._head_limit = limit - limit // 2
        self._tail_limit = limit // 2
        self._head = bytearray()
        self._tail = bytearray()
        self._seen = 0

    @property
    def cut(self) -> int:
        """How many bytes were left out."""
        return self._seen - len(self._head) - len(self._tail)

    def text(self) -> str:
        """What was kept, read as UTF-8; where something was left out, a line says how much."""
        if not self.cut:
            return (self._head + self._tail).decode(errors="replace")
        head, tail = self._head.decode(errors="replace"), self._tail.decode(errors="replace")
        return f"{head}\n[… {self.cut} bytes left out …]\n{tail}"

    def data_received(self, data: bytes) -> None:
        """Keep the beginning and the end of all that came so far."""
        self._seen += len(data)
        room = self._head_limit - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        self._tail += data
        if len(self._tail) > self._tail_limit:
            del self._tail[: len(self._tail) - self._tail_limit]

    def connection_lost(self, error: Exception | None) -> None:
        """The pipe has ended."""
        if not self.ended.done():
            self.ended.set_result(None)

"""Server-sent events: bytes in, events out, as the HTML standard reads them. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from altlas_runner.ai_service.body import BodyError, BodyTooLargeError

__all__ = ["EVENT_LIMIT", "EventParser", "ServerSentEvent"]

EVENT_LIMIT = 1024 * 1024
"""Most bytes of one event."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One event of a stream.

    Attributes:
        name: what the stream calls it; `message` where it does not say.
        text: its data, lines joined by line feeds.
    """

    name: str
    text: str


class EventParser:
    r"""Reads a stream of events, in pieces cut anywhere.

    An event that the stream ends in the middle of never comes out.

    Args:
        limit: most bytes of one event, its longest line among them.

    Example:
        >>> parser = EventParser()
        >>> parser.feed(b"event: delta\ndata: Hel"), parser.feed(b"lo\n\n")
        ([], [ServerSentEvent(name='delta', text='Hello')])
    """

    def __init__(self, limit: int = EVENT_LIMIT) -> None:
        self._limit = limit
        self._line = bytearray()
        self._after_carriage_return = False
        self._is_first_line = True
        self._name = ""
        self._texts: list[str] = []
        self._size = 0

    def feed(self, piece: bytes) -> list[ServerSentEvent]:
        """The events that these bytes complete.

        Raises:
            BodyTooLargeError: an event passes the limit.
            BodyError: the bytes are not UTF-8.
        """
        if self._after_carriage_return and piece.startswith(b"\n"):
            piece = piece[1:]
            self._after_carriage_return = False
        if piece:
            self._after_carriage_return = piece.endswith(b"\r")
        events: list[ServerSentEvent] = []
        for part in piece.splitlines(keepends=True):
            content = part.rstrip(b"\r\n")
            self._line += content
            if self._size + len(self._line) > self._limit:
                raise BodyTooLargeError.over("an event of the stream", self._limit)
            if len(content) < len(part):
                self._take_line(events)
        return events

    def _take_line(self, events: list[ServerSentEvent]) -> None:
        try:
            line = self._line.removeprefix(_BYTE_ORDER_MARK if self._is_first_line else b"").decode()
        except UnicodeDecodeError as error:
            raise BodyError(f"the stream of events is not UTF-8: {error.reason}") from None
        size = len(self._line)
        self._line.clear()
        self._is_first_line = False
        if not line:
            if self._texts:
                events.append(ServerSentEvent(self._name or "message", "\n".join(self._texts)))
            self._name, self._texts, self._size = "", [], 0
            return
        field, _, value = line.partition(":")  # a comment has no field
        value = value.removeprefix(" ")
        if field == "data":
            self._texts.append(value)
            self._size += size + 1
        elif field == "event":
            self._name = value

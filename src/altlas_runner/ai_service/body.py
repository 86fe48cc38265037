"""Reading an answer's body safely: decompression with a limit, strict JSON. Pure: bytes in, bytes or a value out."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from typing import Any

from pydantic_core import from_json

__all__ = ["PIECE", "BodyError", "BodyReader", "BodyTooLargeError", "parse_json"]

PIECE = 64 * 1024
"""Most bytes that are dealt with at once."""
CONTAINER_LIMIT = 250_000
"""Most objects and arrays in one JSON: a million of them keep the process busy for a second."""
NAME_LIMIT = 500_000
"""Most names of fields in one JSON. Nothing else in the process goes on while it is read: half a microsecond a name."""
VALUE_LIMIT = 4_000_000
"""Most values in one JSON, counted by commas, for the same reason."""
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_BLANKS = b" \t\r\n"
_SHAPE = bytes.maketrans(b"123456789E", b"000000000e")
_SHAPES_THAT_MAY_OVERFLOW = (b"0e000", b"0e+000", b"0" * 300)


class BodyError(ValueError):
    """The bytes are not what the headers said."""


class BodyTooLargeError(BodyError):
    """A body is larger than its limit, after decompression; or an event of it is, or it holds too many values."""

    @classmethod
    def over(cls, what: str, limit: int) -> BodyTooLargeError:
        """What is larger than a limit in bytes."""
        return cls(f"{what} is larger than {limit / 1024**2:g} MiB")


class BodyReader:
    """Unpacks a body piece by piece, and never more of it than the limit.

    The HTTP library could decompress by itself, but some of its versions inflate a whole chunk before anybody can
    look at the size.

    Args:
        encoding: the Content-Encoding; empty, identity, gzip, x-gzip and deflate are understood.
        limit: most bytes after decompression.

    Raises:
        BodyError: the encoding is another one.
    """

    def __init__(self, encoding: str, limit: int) -> None:
        encoding = encoding.strip().lower()
        if encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise BodyError(f"the answer has the encoding {encoding}, which was not asked for")
        self._inflater = None if encoding in ("", "identity") else zlib.decompressobj(_GZIP_OR_ZLIB)
        self._limit = self._room = limit

    @property
    def broke_off(self) -> bool:
        """Whether the compressed form lacks its end."""
        return self._inflater is not None and not self._inflater.eof

    def read(self, chunk: bytes) -> Iterator[bytes]:
        """What the next bytes from the network stand for, in pieces of at most 64 KiB.

        Raises:
            BodyTooLargeError: the limit is passed.
            BodyError: the bytes cannot be decompressed.
        """
        if self._inflater is None:
            for start in range(0, len(chunk), PIECE):
                yield self._counted(chunk[start : start + PIECE])
            return
        try:
            while chunk:
                if self._inflater.eof:
                    raise BodyError("the compressed answer is followed by more bytes")
                yield self._counted(self._inflater.decompress(chunk, PIECE))
                chunk = self._inflater.unconsumed_tail or self._inflater.unused_data
        except zlib.error as error:
            raise BodyError(f"the answer cannot be decompressed: {error}") from None

    def _counted(self, piece: bytes) -> bytes:
        self._room -= len(piece)
        if self._room < 0:
            raise BodyTooLargeError.over("the answer", self._limit)
        return piece


def parse_json(body: bytes) -> Any:
    """The JSON value of a body: UTF-8 only, no NaN, no number that overflows, no half surrogate pairs.

    Raises:
        BodyTooLargeError: it holds more than 250,000 objects and arrays, 500,000 names or 4,000,000 values.
        ValueError: it is not JSON; the message says where it stops being so.
    """
    if len(body) > CONTAINER_LIMIT:
        _refuse_too_many(body)
    value = from_json(body.removeprefix(b"\xef\xbb\xbf"), allow_inf_nan=False, cache_strings="keys")
    shape = body.translate(_SHAPE)
    if any(overflowing in shape for overflowing in _SHAPES_THAT_MAY_OVERFLOW):
        _refuse_infinities(value)
    return value


def _refuse_too_many(body: bytes) -> None:
    if body.count(b"{") + body.count(b"[") > CONTAINER_LIMIT:
        raise BodyTooLargeError(f"the answer holds more than {CONTAINER_LIMIT:,} objects and arrays")
    if body.count(b",") > VALUE_LIMIT:
        raise BodyTooLargeError(f"the answer holds more than {VALUE_LIMIT:,} values")
    if body.translate(None, _BLANKS).count(b'":') > NAME_LIMIT:
        raise BodyTooLargeError(f"the answer holds more than {NAME_LIMIT:,} names of fields")


def _refuse_infinities(value: Any) -> None:
    open_values = [value]
    while open_values:
        item = open_values.pop()
        if isinstance(item, float) and math.isinf(item):
            raise ValueError("a number is too large")
        if isinstance(item, dict):
            open_values.extend(item.values())
        elif isinstance(item, list):
            open_values.extend(item)

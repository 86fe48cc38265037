"""Reading an answer's body safely: decompression with a limit, strict JSON. Pure: bytes in, bytes or a value out."""

from __future__ import annotations

import math
import re
import zlib
from typing import Any

from pydantic_core import from_json

__all__ = ["BodyError", "BodyReader", "BodyTooLargeError", "parse_json"]

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_MAY_OVERFLOW = re.compile(rb"[eE]\+?\d{3}|\d{300}")


class BodyError(ValueError):
    """The bytes are not what the headers said."""


class BodyTooLargeError(BodyError):
    """The body is larger than the limit, after decompression."""


class BodyReader:
    """Collects a body chunk by chunk, and never holds more than the limit.

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
        self._limit = limit
        self._body = bytearray()

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes from the network.

        Raises:
            BodyTooLargeError: the limit is passed.
            BodyError: the bytes cannot be decompressed.
        """
        if self._inflater is None:
            self._take(chunk)
            return
        try:
            while chunk:
                if self._inflater.eof:
                    raise BodyError("the compressed answer is followed by more bytes")
                self._take(self._inflater.decompress(chunk, self._limit + 1 - len(self._body)))
                chunk = self._inflater.unconsumed_tail or self._inflater.unused_data
        except zlib.error as error:
            raise BodyError(f"the answer cannot be decompressed: {error}") from None

    def finish(self) -> bytes | None:
        """The whole body; None when its compressed form broke off before its end."""
        if self._inflater is not None and not self._inflater.eof:
            return None
        return bytes(self._body)

    def so_far(self) -> bytes:
        """What has come."""
        return bytes(self._body)

    def _take(self, piece: bytes) -> None:
        self._body += piece
        if len(self._body) > self._limit:
            raise BodyTooLargeError("the answer is larger than the limit")


def parse_json(body: bytes) -> Any:
    """The JSON value of a body: UTF-8 only, no NaN, no number that overflows, no half surrogate pairs.

    Raises:
        ValueError: it is not JSON; the message says where it stops being so.
    """
    value = from_json(body.removeprefix(b"\xef\xbb\xbf"), allow_inf_nan=False)
    if _MAY_OVERFLOW.search(body):
        _refuse_infinities(value)
    return value


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

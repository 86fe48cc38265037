"""How data lies in the page: JSON, compressed, in base64, so that no text in it can ever be markup."""

from __future__ import annotations

import gzip
from binascii import b2a_base64
from typing import Any

from pydantic_core import to_json

__all__ = ["packed"]

_LEVEL = 5


def packed(value: Any) -> str:
    """A JSON value as gzip in base64; equal values give equal texts, because no time is written into it."""
    return b2a_base64(gzip.compress(to_json(value), _LEVEL, mtime=0), newline=False).decode()

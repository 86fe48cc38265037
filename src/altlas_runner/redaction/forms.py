"""The forms in which a secret may stand in a text: URL-encoded, in base64, in JSON; and quick marks of them."""

from __future__ import annotations

import re
from base64 import b64encode
from binascii import a2b_qp
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "base64_forms",
    "base64_marks",
    "decoded_mark",
    "in_utf8",
    "longest_form",
    "url_form",
    "without_url_encoding",
]

_MIN_BASE64_DIGITS = 5
_BASE64_DIGIT = "[-+/_0-9A-Za-z]?"
_AS_QUOTED_PRINTABLE = bytes.maketrans(b"%=\r\n+", b"=\0\0\0 ")
_MEANS_SOMETHING = re.compile(r"%[^%]{0,2}|[=\r\n+ \0]", re.DOTALL)


def in_utf8(text: str) -> bytes:
    """The text in UTF-8, with lone surrogates."""
    return text.encode("utf-8", "surrogatepass")


def without_url_encoding(content: bytes) -> bytes:
    """The content with every %XX as the byte that it stands for, and + as a blank: `decoded_mark` tells what is lost.

    Nothing in the standard library decodes that as quickly as this, which is made for =XX.
    """
    for _ in range(2):
        content = content.replace(b"%%", b"%25%")  # else the first one would take the second
    return a2b_qp(content.translate(_AS_QUOTED_PRINTABLE))


def decoded_mark(secret: str) -> str:
    """A text that stands in `without_url_encoding` of every text that holds the secret in URL-encoding.

    The longest part without what means something there, or is taken for the end of a %XX that begins before.
    """
    parts = _MEANS_SOMETHING.split(secret)
    parts[0] = re.sub("^[0-9A-Fa-f]{1,2}", "", parts[0])
    return max(parts, key=len)


def longest_form(secret: str) -> int:
    """Characters of the longest form of a secret, or more."""
    return 3 * len(secret.encode("utf-8", "surrogatepass")) + 8


def url_form(secret: str) -> str:
    """A pattern for the secret as it is and in every URL-encoding of it."""
    return "".join(map(_url_forms_of, secret))


def _url_forms_of(character: str) -> str:
    encoded = "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))
    digits = re.sub("[A-F]", lambda letter: f"[{letter[0]}{letter[0].lower()}]", encoded)
    return f"(?:{re.escape(character)}|{digits}{'|[+]' if character == ' ' else ''})"


def base64_forms(secret: str) -> Iterator[str]:
    """Patterns for the secret within base64, one for each place modulo three at which it may begin.

    Characters at its ends that also hold bits of a neighbour are taken with it.
    """
    for mark, begins_within, ends_within in _base64_cuts(secret):
        digits = "".join({"+": "[-+]", "/": "[/_]"}.get(digit, digit) for digit in mark)
        before, behind = (_BASE64_DIGIT if shared else "" for shared in (begins_within, ends_within))
        yield f"{before}{digits}{behind}={{0,2}}"


def base64_marks(secret: str) -> Iterator[str]:
    """The texts of which one stands in every text that holds the secret in base64."""
    for mark, _, _ in _base64_cuts(secret):
        yield mark
        if "+" in mark or "/" in mark:
            yield mark.replace("+", "-").replace("/", "_")


def _base64_cuts(secret: str) -> Iterator[tuple[str, bool, bool]]:
    """For each beginning modulo three the digits that the secret alone decides, and whether shared ones are beside."""
    raw = secret.encode("utf-8", "surrogatepass")
    for before in range(3):
        first, end = -(-8 * before // 6), 8 * (before + len(raw)) // 6
        if end - first >= _MIN_BASE64_DIGITS:
            digits = b64encode(bytes(before) + raw + bytes(2)).decode()[first:end]
            yield digits, bool(8 * before % 6), bool(8 * (before + len(raw)) % 6)

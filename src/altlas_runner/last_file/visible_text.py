"""Text of strangers made safe to look at: characters that act instead of showing become visible."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["shortened", "text_width", "visible"]

_ACTING = re.compile(
    "["
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls, but neither tab nor line feed
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # direction of text
    "\u00ad\u115f\u1160\u180e\u200b\u2028\u2029\u2060-\u2065\u206a-\u206f"  # shows as nothing
    "\u3164\ufeff\uffa0\ufff9-\ufffb"  # shows as nothing either
    "\ud800-\udfff\ufffe\uffff"  # no characters
    "\U0001d173-\U0001d17a\U000e0000-\U000e007f"  # music controls, tags
    "]"
)


def visible(text: str) -> str:
    r"""The text with control, bidirectional and invisible characters as `⟨U+202E⟩`.

    Tabs and line feeds stay, a carriage return before a line feed goes. The joiners that Persian, Indic scripts and
    emoji need stay.

    Example:
        >>> visible("a\x1b[31m\u202eb")
        'a⟨U+001B⟩[31m⟨U+202E⟩b'
    """
    return _ACTING.sub(lambda match: f"⟨U+{ord(match[0]):04X}⟩", text.replace("\r\n", "\n"))


def shortened(text: str, limit: int) -> str:
    """The text on one line, cut to `limit` characters with an ellipsis as the last."""
    line = " ".join(text[: 4 * limit].split())
    return line if len(line) <= limit and len(text) <= 4 * limit else line[: limit - 1] + "…"


def text_width(text: str) -> int:
    """How many columns a text takes in a font of fixed width: 2 for wide characters, 0 for what joins the one before.

    Example:
        >>> text_width("abc"), text_width("e\u0301"), text_width("漢字")
        (3, 1, 4)
    """
    return len(text) if text.isascii() else sum(map(_character_width, text))


def _character_width(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf") or "\u1160" <= char <= "\u11ff":  # Hangul vowels and finals
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1

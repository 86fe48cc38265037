"""Times as RFC 3339 writes them, read exactly: no number and no other spelling passes."""

from __future__ import annotations

import re
from datetime import datetime

__all__ = ["RFC3339_PATTERN", "parse_rfc3339"]

_LEAP_YEAR = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
_DAY_OF_ANY_YEAR = (
    "(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    "|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    "|02-(?:0[1-9]|1[0-9]|2[0-8]))"
)
_DATE = f"(?!0000)(?:[0-9]{{4}}-{_DAY_OF_ANY_YEAR}|{_LEAP_YEAR}-02-29)"
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?"
_ZONE = "(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])?"

# $(?!\n) is the very end in the regular expressions of Python and of ECMAScript, which JSON Schema names.
RFC3339_PATTERN = rf"^{_DATE}[Tt ]{_TIME}{_ZONE}$(?!\n)"
"""What `parse_rfc3339` accepts, as a regular expression for JSON Schema."""

_RFC3339 = re.compile(RFC3339_PATTERN)
_BEYOND_MICROSECONDS = re.compile(r"(\.[0-9]{6})[0-9]+")


def parse_rfc3339(text: str) -> datetime:
    """Read a time such as `2026-03-01T12:00:00.5+01:00`; what is finer than a microsecond is cut off.

    The zone may be missing, and is then missing in the result. There are no leap seconds.

    Raises:
        ValueError: the text is no such time.
    """
    if not _RFC3339.match(text):
        raise ValueError("not a time as RFC 3339 writes it")
    return datetime.fromisoformat(_BEYOND_MICROSECONDS.sub(r"\1", text).upper())

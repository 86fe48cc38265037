"""Names of fields that hold secrets, and the secrets under them."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import orjson

__all__ = ["REDACTED", "SCHEMES", "is_key_like", "redact_key_like", "secrets_in"]

REDACTED = "[redacted]"
SCHEMES = frozenset({"basic", "bearer", "token"})
"""Words that may stand before a credential, in lower case."""

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_KEY_LIKE_WORDS = frozenset(
    {"authorization", "apikey", "token", "password", "passwd", "passphrase", "secret", "secrets", "cookie", "cookies"}
    | {"credential", "credentials", "bearer"}
)
_KEY_LIKE_ENDS = (
    "authorization",
    "apikey",
    "accesskey",
    "privatekey",
    "secretkey",
    "token",
    "password",
    "passwd",
    "secret",
)
_MIN_FOUND_LENGTH = 8
_NAME = re.compile(rb'"([^"\\]*+(?:\\.[^"\\]*+)*+)"\s*:')


@lru_cache(maxsize=4096)  # the same few names stand in every task of a file
def is_key_like(name: str) -> bool:
    """Whether a field of this name holds a secret (authorization, api_key, token, …, in any case and spelling).

    Example:
        >>> [is_key_like(name) for name in ("X-API-Key", "accessToken", "max_tokens", "tokenizer")]
        [True, True, False, False]
    """
    words = [word.lower() for word in _WORDS.findall(name)]
    return not _KEY_LIKE_WORDS.isdisjoint(words) or "".join(words).endswith(_KEY_LIKE_ENDS)


def redact_key_like(value: Any, is_harmless: Callable[[Any], bool] = lambda value: value is None) -> Any:
    """A JSON value in which every value under a key-like name stands as `[redacted]`; the same object without any.

    Args:
        value: any JSON value.
        is_harmless: whether a value may stand as it is even there; None may.
    """
    return _redacted(value, is_harmless) if _may_have_key_like(value) else value


def _may_have_key_like(value: Any) -> bool:
    """Whether a field may have such a name: a look at the text costs a tenth of one at every field."""
    try:
        names = set(_NAME.findall(orjson.dumps(value)))
    except TypeError:  # an integer of any size, or a value that is none of JSON
        return True
    return any(b"\\" in name or is_key_like(name.decode()) for name in names)


def _redacted(value: Any, is_harmless: Callable[[Any], bool]) -> Any:
    if isinstance(value, dict):
        return {
            name: REDACTED if is_key_like(str(name)) and not is_harmless(item) else _redacted(item, is_harmless)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [_redacted(item, is_harmless) for item in value]
    return value


def secrets_in(value: Any) -> set[str]:
    """Every text under a key-like name in a JSON value: what must not show even when a service echoes it.

    Of a text with an authentication scheme before it, the credential alone counts too. Texts shorter than eight
    characters do not count: looked for everywhere, they would tear ordinary words apart.

    Example:
        >>> sorted(secrets_in({"headers": {"Authorization": "Bearer k-1234567"}, "model": "m"}))
        ['Bearer k-1234567', 'k-1234567']
    """
    found: set[str] = set()
    open_values = [(value, False)]
    while open_values:
        item, secret = open_values.pop()
        if isinstance(item, dict):
            open_values.extend((v, secret or is_key_like(str(k))) for k, v in item.items())
        elif isinstance(item, list):
            open_values.extend((v, secret) for v in item)
        elif secret and isinstance(item, str):
            found.add(item)
            scheme, _, credential = item.partition(" ")
            if scheme.lower() in SCHEMES:
                found.add(credential.strip())
    return {text for text in found if len(text) >= _MIN_FOUND_LENGTH}

"""Keys never show: the one place that removes secrets from text and values before they leave the process."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["REDACTED", "Redactor", "is_key_like", "redact_key_like", "secrets_in"]

REDACTED = "[redacted]"

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
_MIN_SECRET_LENGTH = 4
_MIN_FOUND_LENGTH = 8
_SCHEMES = frozenset({"basic", "bearer", "token"})


def is_key_like(name: str) -> bool:
    """Whether a field of this name holds a secret (authorization, api_key, token, …, in any case and spelling).

    Example:
        >>> [is_key_like(name) for name in ("X-API-Key", "accessToken", "max_tokens", "tokenizer")]
        [True, True, False, False]
    """
    words = [word.lower() for word in _WORDS.findall(name)]
    return not _KEY_LIKE_WORDS.isdisjoint(words) or "".join(words).endswith(_KEY_LIKE_ENDS)


def redact_key_like(value: Any) -> Any:
    """A copy of a JSON value in which every value under a key-like name stands as `[redacted]`."""
    if isinstance(value, dict):
        return {k: REDACTED if v is not None and is_key_like(str(k)) else redact_key_like(v) for k, v in value.items()}
    if isinstance(value, list):
        return [redact_key_like(item) for item in value]
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
            if scheme.lower() in _SCHEMES:
                found.add(credential.strip())
    return {text for text in found if len(text) >= _MIN_FOUND_LENGTH}


class Redactor:
    """Replaces known secrets wherever they stand in a text or a JSON value.

    Args:
        secrets: the texts that must never show; shorter ones than four characters are not looked for, because they
            would tear ordinary words apart.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        known = sorted({s for s in secrets if len(s) >= _MIN_SECRET_LENGTH}, key=len, reverse=True)
        self._known = known
        self._pattern = re.compile("|".join(map(re.escape, known))) if known else None
        encoded = sorted((text.encode("utf-8", "surrogatepass") for text in known), key=len, reverse=True)
        self._encoded = re.compile(b"|".join(map(re.escape, encoded))) if known else None
        self._longest = len(encoded[0]) if known else 0

    def __bool__(self) -> bool:
        """Whether there is anything to look for."""
        return self._pattern is not None

    def __or__(self, other: Redactor) -> Redactor:
        """One that looks for the secrets of both."""
        return Redactor([*self._known, *other._known])

    def text(self, text: str) -> str:
        """The text without the secrets."""
        return self._pattern.sub(REDACTED, text) if self._pattern else text

    def value(self, value: Any) -> Any:
        """A JSON value without the secrets, in keys and values; the same object when there is nothing to look for."""
        if self._pattern is None:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.value(k): self.value(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self.value(item) for item in value]
        return value

    def stream(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Content in UTF-8 without the secrets, piece by piece; also one that two pieces share is found."""
        if self._encoded is None:
            yield from chunks
            return
        held = b""
        for chunk in chunks:
            held += chunk
            certain = len(held) - self._longest + 1  # a secret that begins before this place is whole
            clean, place = [], 0
            for match in self._encoded.finditer(held):
                if match.start() >= certain:
                    break
                clean += [held[place : match.start()], REDACTED.encode()]
                place = match.end()
            if place < certain:
                clean.append(held[place:certain])
                place = certain
            held = held[place:]
            yield b"".join(clean)
        yield self._encoded.sub(REDACTED.encode(), held)

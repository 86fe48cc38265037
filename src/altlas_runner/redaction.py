"""Keys never show: the one place that removes secrets from text and values before they leave the process."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from binascii import a2b_qp
from functools import lru_cache
from operator import is_
from typing import TYPE_CHECKING, Any, AnyStr, Generic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["REDACTED", "PieceByPiece", "Redactor", "is_key_like", "is_long", "redact_key_like", "secrets_in"]

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
_MIN_BASE64_DIGITS = 5
_BASE64_DIGIT = "[-+/_0-9A-Za-z]?"
_WORD = re.compile(r"[!-~]*")
_NOTHING = re.compile(r"(?!)")
_PIECE = 64 * 1024
_TEXTS_TOGETHER = 4096
_LONG = 256 * 1024
_CHARACTERS_PER_ITEM = 8
"""Looking at a number or an empty text takes as long as looking at so many characters."""
_DEEPEST = 200
_CONTAINERS = (dict, list, tuple)
_ONLY_TEXTS = {str}
_NO_TEXTS = {int, float, bool, type(None)}
_AS_QUOTED_PRINTABLE = bytes.maketrans(b"%=\r\n+", b"=\0\0\0 ")
_MEANS_SOMETHING = re.compile(r"%[^%]{0,2}|[=\r\n+ \0]", re.DOTALL)
_SCHEMES = frozenset({"basic", "bearer", "token"})


@lru_cache(maxsize=4096)  # the same few names stand in every task of a file
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
    """Replaces known secrets wherever they stand in a text or a JSON value, also encoded for URLs, in base64 or JSON.

    In base64 a secret is found wherever it begins in what was encoded, in both alphabets, with padding and without.

    Args:
        secrets: the texts that must never show; shorter ones than four characters are not looked for, because they
            would tear ordinary words apart.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        given = {secret for secret in secrets if len(secret) >= _MIN_SECRET_LENGTH}
        in_json = {json.dumps(secret, ensure_ascii=plain)[1:-1] for secret in given for plain in (True, False)}
        self._known = known = sorted(given | in_json, key=len, reverse=True)
        forms = [form for secret in known for form in (_url_form(secret), *_base64_forms(secret))]
        self._pattern = re.compile("|".join(forms)) if forms else None
        self._in_bytes = re.compile(_in_utf8("|".join(forms))) if forms else None
        self._longest = max(map(_longest_form, known), default=1)
        marks = [mark for secret in known for mark in (secret, *_base64_marks(secret))]
        self._shortest = min(map(len, marks), default=0)
        self._marks = list(dict.fromkeys(map(_in_utf8, marks)))
        self._decoded_marks = list(dict.fromkeys(_in_utf8(_decoded_mark(secret)) for secret in known))
        self._has_blanks = any(" " in secret for secret in known)

    def __bool__(self) -> bool:
        """Whether there is anything to look for."""
        return self._pattern is not None

    def __or__(self, other: Redactor) -> Redactor:
        """One that looks for the secrets of both."""
        return Redactor([*self._known, *other._known])

    def text(self, text: str) -> str:
        """The text without the secrets; the same object when it holds none."""
        if self._pattern is None or len(text) < self._shortest:
            return text
        clean: list[str] = []
        place = 0
        for start in range(0, len(text), _PIECE):
            end = start + _PIECE
            within = end + self._longest  # a secret that begins in this piece is whole
            if not self._may_stand_in(_in_utf8(text[start:within])):
                continue
            for match in self._pattern.finditer(text, max(start, place), within):
                if match.start() >= end:
                    break
                clean += [text[place : match.start()], REDACTED]
                place = match.end()
        return "".join([*clean, text[place:]]) if clean else text

    def value(self, value: Any) -> Any:
        """A JSON value without the secrets, in keys and values; the same object when it holds none."""
        if self._pattern is None or not self._may_stand_among(_texts_in(value)):
            return value
        return self._cleaned(value, ())

    def stream(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Content in UTF-8 without the secrets, piece by piece; also one that two pieces share is found."""
        if self._in_bytes is None:
            yield from chunks
            return
        text = PieceByPiece(self._in_bytes, self._may_stand_in, self._longest, REDACTED.encode())
        for chunk in chunks:
            yield text.add(chunk)
        yield text.finish()

    def piece_by_piece(self) -> PieceByPiece[str]:
        """For text that comes in whole words, a word being printable ASCII without a space, as most secrets are.

        Its end is held back only when there are secrets of several words, as far as one of them may reach.
        """
        several = [secret for secret in self._known if not _WORD.fullmatch(self._without_scheme(secret))]
        longest = max(map(_longest_form, several), default=1)
        return PieceByPiece(self._pattern or _NOTHING, self._may_stand_in_text, longest, REDACTED)

    def _without_scheme(self, secret: str) -> str:
        """The credential behind an authentication scheme, when it is known by itself: the scheme may show."""
        scheme, _, credential = secret.partition(" ")
        return credential if scheme.lower() in _SCHEMES and credential in self._known else secret

    def _may_stand_in_text(self, text: str) -> bool:
        return self._may_stand_in(_in_utf8(text))

    def _cleaned(self, value: Any, around: tuple[int, ...]) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if not isinstance(value, _CONTAINERS):
            return value
        if id(value) in around or len(around) >= _DEEPEST:  # nobody can look into it to its end
            return REDACTED
        inside = (*around, id(value))
        if isinstance(value, dict):
            clean = {self.text(k) if isinstance(k, str) else k: self._cleaned(v, inside) for k, v in value.items()}
            same = all(
                k is other and v is seen for (k, v), (other, seen) in zip(clean.items(), value.items(), strict=False)
            )
            return value if same and len(clean) == len(value) else clean
        items = [self._cleaned(item, inside) for item in value]
        return value if all(map(is_, items, value)) else items

    def _may_stand_among(self, lots: Iterable[list[str]]) -> bool:
        """Whether a secret may stand in one of the texts. Looking at many in one go is what makes it quick."""
        together: list[str] = []
        for texts in lots:
            together += texts
            if len(together) >= _TEXTS_TOGETHER:
                if self._may_stand_in_pieces("\n".join(together)):
                    return True
                together = []
        return self._may_stand_in_pieces("\n".join(together))

    def _may_stand_in_pieces(self, text: str) -> bool:
        if len(text) <= _PIECE:
            return self._may_stand_in(_in_utf8(text))
        pieces = (text[start : start + _PIECE + self._longest] for start in range(0, len(text), _PIECE))
        return any(self._may_stand_in(_in_utf8(piece)) for piece in pieces)

    def _may_stand_in(self, content: bytes) -> bool:
        """Whether the pattern may find anything. Most texts hold nothing, and this is many times quicker than it."""
        for mark in self._marks:
            if mark in content:
                return True
        if b"%" not in content and not (self._has_blanks and b"+" in content):
            return False
        decoded = _without_url_encoding(content)
        return any(mark in decoded for mark in self._decoded_marks)


class PieceByPiece(Generic[AnyStr]):
    """Takes secrets out of a text or of bytes that come in pieces, also those that two pieces share.

    Args:
        pattern: finds a secret.
        may_find: whether the pattern may find one in a text; quicker than the pattern.
        longest: of what the pattern finds in more than one piece, 1 or more.
        mark: what stands in the place of a secret.
    """

    def __init__(
        self, pattern: re.Pattern[AnyStr], may_find: Callable[[AnyStr], bool], longest: int, mark: AnyStr
    ) -> None:
        self._pattern: re.Pattern[AnyStr] = pattern
        self._may_find: Callable[[AnyStr], bool] = may_find
        self._longest = longest
        self._mark: AnyStr = mark
        self._held: AnyStr = mark[:0]

    def add(self, piece: AnyStr) -> AnyStr:
        """Take the next piece; what is certain by now, without secrets."""
        held = self._held + piece
        certain = len(held) - self._longest + 1  # a secret that begins before this place is whole
        clean: list[AnyStr] = []
        place = 0
        for match in self._pattern.finditer(held) if self._may_find(held) else ():
            if match.start() >= certain:
                break
            clean += [held[place : match.start()], self._mark]
            place = match.end()
        if place < certain:
            clean.append(held[place:certain])
            place = certain
        self._held = held[place:]
        return self._mark[:0].join(clean)

    def finish(self) -> AnyStr:
        """What is left, without secrets."""
        held, self._held = self._held, self._mark[:0]
        return self._pattern.sub(self._mark, held)


def is_long(value: Any) -> bool:
    """Whether a JSON value is so long that looking through it would keep an event loop waiting."""
    room = _LONG
    open_values = [value]
    while open_values and room > 0:
        item = open_values.pop()
        if isinstance(item, str):
            room -= len(item)
        elif isinstance(item, _CONTAINERS):
            room -= _CHARACTERS_PER_ITEM * len(item)
            if room > 0:
                open_values += item.values() if isinstance(item, dict) else item
    return room <= 0


def _texts_in(value: Any) -> Iterator[list[str]]:
    """All texts in a JSON value, keys among them, those of a list or an object together."""
    seen: set[int] = set()  # a value of a handler may contain itself
    open_values = [value]
    while open_values:
        item = open_values.pop()
        if isinstance(item, str):
            yield [item]
        elif isinstance(item, _CONTAINERS) and id(item) not in seen:
            seen.add(id(item))
            members = [*item, *item.values()] if isinstance(item, dict) else item
            kinds = set(map(type, members))
            if kinds == _ONLY_TEXTS:
                yield list(members)
            elif not kinds <= _NO_TEXTS:
                yield [member for member in members if isinstance(member, str)]
                open_values += [member for member in members if isinstance(member, _CONTAINERS)]


def _in_utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _without_url_encoding(content: bytes) -> bytes:
    """The content with every %XX as the byte that it stands for, and + as a blank: `_decoded_mark` tells what is lost.

    Nothing in the standard library decodes that as quickly as this, which is made for =XX.
    """
    for _ in range(2):
        content = content.replace(b"%%", b"%25%")  # else the first one would take the second
    return a2b_qp(content.translate(_AS_QUOTED_PRINTABLE))


def _decoded_mark(secret: str) -> str:
    """A text that stands in `_without_url_encoding` of every text that holds the secret in URL-encoding.

    The longest part without what means something there, or is taken for the end of a %XX that begins before.
    """
    parts = _MEANS_SOMETHING.split(secret)
    parts[0] = re.sub("^[0-9A-Fa-f]{1,2}", "", parts[0])
    return max(parts, key=len)


def _longest_form(secret: str) -> int:
    """Characters of the longest form of a secret, or more."""
    return 3 * len(secret.encode("utf-8", "surrogatepass")) + 8


def _url_form(secret: str) -> str:
    """A pattern for the secret as it is and in every URL-encoding of it."""
    return "".join(map(_url_forms_of, secret))


def _url_forms_of(character: str) -> str:
    encoded = "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))
    digits = re.sub("[A-F]", lambda letter: f"[{letter[0]}{letter[0].lower()}]", encoded)
    return f"(?:{re.escape(character)}|{digits}{'|[+]' if character == ' ' else ''})"


def _base64_forms(secret: str) -> Iterator[str]:
    """Patterns for the secret within base64, one for each place modulo three at which it may begin.

    Characters at its ends that also hold bits of a neighbour are taken with it.
    """
    for mark, begins_within, ends_within in _base64_cuts(secret):
        digits = "".join({"+": "[-+]", "/": "[/_]"}.get(digit, digit) for digit in mark)
        before, behind = (_BASE64_DIGIT if shared else "" for shared in (begins_within, ends_within))
        yield f"{before}{digits}{behind}={{0,2}}"


def _base64_marks(secret: str) -> Iterator[str]:
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

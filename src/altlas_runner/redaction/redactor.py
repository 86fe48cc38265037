"""Redactor: replaces known secrets wherever they stand."""

from __future__ import annotations

import json
import re
from operator import is_
from typing import TYPE_CHECKING, Any

import orjson

from altlas_runner.redaction.forms import (
    base64_forms,
    base64_marks,
    decoded_mark,
    in_utf8,
    longest_form,
    url_form,
    without_url_encoding,
)
from altlas_runner.redaction.json_texts import CONTAINERS, texts_in
from altlas_runner.redaction.key_names import REDACTED, SCHEMES
from altlas_runner.redaction.pieces import PieceByPiece

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Redactor"]

_MIN_SECRET_LENGTH = 4
_WORD = re.compile(r"[!-~]*")
_NOTHING = re.compile(r"(?!)")
_PIECE = 64 * 1024
_TEXTS_TOGETHER = 4096
_DEEPEST = 200


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
        forms = [form for secret in known for form in (url_form(secret), *base64_forms(secret))]
        self._pattern = re.compile("|".join(forms)) if forms else None
        self._in_bytes = re.compile(in_utf8("|".join(forms))) if forms else None
        self._longest = max(map(longest_form, known), default=1)
        marks = [mark for secret in known for mark in (secret, *base64_marks(secret))]
        self._shortest = min(map(len, marks), default=0)
        self._marks = list(dict.fromkeys(map(in_utf8, marks)))
        self._decoded_marks = list(dict.fromkeys(in_utf8(decoded_mark(secret)) for secret in known))
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
            if not self._may_stand_in(in_utf8(text[start:within])):
                continue
            for match in self._pattern.finditer(text, max(start, place), within):
                if match.start() >= end:
                    break
                clean += [text[place : match.start()], REDACTED]
                place = match.end()
        return "".join([*clean, text[place:]]) if clean else text

    def value(self, value: Any) -> Any:
        """A JSON value without the secrets, in keys and values; the same object when it holds none."""
        if self._pattern is None or not self._may_stand_in_value(value):
            return value
        return self._cleaned(value, ())

    def _may_stand_in_value(self, value: Any) -> bool:
        """Whether a secret may stand in a JSON value: one look at its text, where that has no escapes, else at all."""
        try:
            text = orjson.dumps(value)
        except TypeError:  # a handler may return anything
            return self._may_stand_among(texts_in(value))
        return self._may_stand_in(text) if b"\\" not in text else self._may_stand_among(texts_in(value))

    def found_in(self, value: Any) -> list[str]:
        """Those of the secrets that stand in a JSON value: whoever is given it must keep them, and no others."""
        if self._pattern is None or not self._may_stand_in_value(value):
            return []
        text = "\n".join(text for texts in texts_in(value) for text in texts)
        return [secret for secret in self._known if Redactor([secret]).text(text) is not text]

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
        longest = max(map(longest_form, several), default=1)
        return PieceByPiece(self._pattern or _NOTHING, self._may_stand_in_text, longest, REDACTED)

    def _without_scheme(self, secret: str) -> str:
        """The credential behind an authentication scheme, when it is known by itself: the scheme may show."""
        scheme, _, credential = secret.partition(" ")
        return credential if scheme.lower() in SCHEMES and credential in self._known else secret

    def _may_stand_in_text(self, text: str) -> bool:
        return self._may_stand_in(in_utf8(text))

    def _cleaned(self, value: Any, around: tuple[int, ...]) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if not isinstance(value, CONTAINERS):
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
            return self._may_stand_in(in_utf8(text))
        pieces = (text[start : start + _PIECE + self._longest] for start in range(0, len(text), _PIECE))
        return any(self._may_stand_in(in_utf8(piece)) for piece in pieces)

    def _may_stand_in(self, content: bytes) -> bool:
        """Whether the pattern may find anything. Most texts hold nothing, and this is many times quicker than it."""
        for mark in self._marks:
            if mark in content:
                return True
        if b"%" not in content and not (self._has_blanks and b"+" in content):
            return False
        decoded = without_url_encoding(content)
        return any(mark in decoded for mark in self._decoded_marks)

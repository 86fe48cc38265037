"""What an artifact is, judged by what it holds, what it is said to be and what it is called. Pure."""

from __future__ import annotations

import mimetypes
import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from altlas_runner.results import ArtifactType

__all__ = ["HEAD_LENGTH", "artifact_type_of", "is_text", "is_textual", "mime_type_of", "shown_type"]

HEAD_LENGTH = 65_536
"""How many of the first bytes are looked at."""

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"\x7fELF", "application/x-elf"),
)
_MIME = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}")
_TEXTUAL = re.compile(
    r"text/.*|application/(json|xml|yaml|toml|javascript|sql|x-sh|x-ndjson)|.*\+(json|xml)|image/svg\+xml"
)
_ZIPPED = re.compile(r"application/(vnd\.openxmlformats-.*|vnd\.oasis\..*|epub\+zip|java-archive|x-zip.*)")


def is_text(head: bytes) -> bool:
    """Whether the first bytes are UTF-8 without NUL; a character that the end cuts in two counts as whole."""
    if b"\0" in head:
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return len(head) >= HEAD_LENGTH and error.reason == "unexpected end of data"
    return True


def is_textual(mime_type: str) -> bool:
    """Whether content of this type is text."""
    return _TEXTUAL.fullmatch(mime_type) is not None


def mime_type_of(name: str, said: str | None, head: bytes) -> str:
    r"""The MIME type: what the content shows goes before what is said, and that before the name.

    Args:
        name: of the file.
        said: what its maker says; parameters such as a charset are dropped, and what is no MIME type is passed over.
        head: the first `HEAD_LENGTH` bytes.

    Example:
        >>> mime_type_of("a.txt", "text/html; charset=utf-8", b"<p>")
        'text/html'
        >>> mime_type_of("a.html", None, b"\x89PNG\r\n\x1a\n")
        'image/png'
    """
    text = is_text(head)
    shown = shown_type(head) if not text or head.startswith(b"%PDF-") else None
    for claim in (said, _types().guess_type(name, strict=False)[0]):
        claimed = claim.partition(";")[0].strip().lower() if isinstance(claim, str) else ""
        if not _MIME.fullmatch(claimed):
            continue
        if shown is not None:
            if shown == "application/zip" and _ZIPPED.fullmatch(claimed):
                return claimed
        elif is_textual(claimed) == text and not _can_be_seen(claimed):
            return claimed
    return shown or ("text/plain" if text else "application/octet-stream")


def artifact_type_of(name: str, mime_type: str) -> ArtifactType:
    """The kind of artifact, for people: image, json, log, text, file (some known format) or other.

    Example:
        >>> artifact_type_of("run.log", "text/plain"), artifact_type_of("a", "application/octet-stream")
        ('log', 'other')
    """
    if mime_type.startswith("image/"):
        return "image"
    if mime_type in ("application/json", "application/x-ndjson") or mime_type.endswith("+json"):
        return "json"
    if is_textual(mime_type):
        return "log" if name.lower().endswith(".log") or mime_type == "text/x-log" else "text"
    return "other" if mime_type == "application/octet-stream" else "file"


def shown_type(head: bytes) -> str | None:
    """The MIME type that the first bytes show, or None."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return next((mime_type for magic, mime_type in _MAGIC if head.startswith(magic)), None)


def _can_be_seen(mime_type: str) -> bool:
    """Whether content of this type shows it in its first bytes, so that a claim without them is wrong."""
    return mime_type == "image/webp" or any(mime_type == each for _, each in _MAGIC)


@cache
def _types() -> mimetypes.MimeTypes:
    """The types that Python knows by itself: the same on every machine."""
    types = mimetypes.MimeTypes()
    types.add_type("text/markdown", ".md")
    types.add_type("application/yaml", ".yaml")
    types.add_type("application/yaml", ".yml")
    types.add_type("application/x-ndjson", ".jsonl")
    types.add_type("text/plain", ".log")
    return types

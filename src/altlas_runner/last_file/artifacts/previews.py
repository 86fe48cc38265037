"""The beginning of an artifact, kept in its record so that a report made from `result.last` alone can show it. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from altlas_runner.last_file.artifacts.types import is_text, is_textual, shown_type

if TYPE_CHECKING:
    from altlas_runner.results import Artifact

__all__ = ["MOST_PREVIEW_BYTES", "PICTURES", "PREVIEW", "Preview", "preview_of", "read_preview"]

PREVIEW = "preview"
"""The name of the preview in the metadata of an artifact."""

MOST_PREVIEW_BYTES = 2_000_000
"""All previews of a bundle together, as JSON."""

_CHARACTERS = 2_000
_PICTURE_BYTES = 32_768
PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
"""What browsers show and what cannot act: no SVG."""

_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")


@dataclass(frozen=True, slots=True)
class Preview:
    """What can be shown of an artifact.

    Attributes:
        text: its first characters, or empty when it is a picture.
        picture: MIME type and base64 of the whole content, or None.
        is_json: whether the text is JSON, or its beginning.
        is_shortened: whether the artifact has more text.
    """

    text: str = ""
    picture: tuple[str, str] | None = None
    is_json: bool = False
    is_shortened: bool = False


def preview_of(mime_type: str, size_bytes: int, head: bytes) -> dict[str, Any] | None:
    r"""The preview as it stands in the metadata; None for what cannot be shown.

    Args:
        mime_type: of the artifact.
        size_bytes: of its content.
        head: its first bytes, 32,768 at least if it has so many, free of secrets.

    Example:
        >>> preview_of("text/plain", 5, b"hello")
        {'text': 'hello'}
        >>> preview_of("image/gif", 6, b"GIF89a")
        {'base64': 'R0lGODlh'}
    """
    if mime_type in PICTURES:
        return {"base64": base64.b64encode(head).decode()} if size_bytes == len(head) <= _PICTURE_BYTES else None
    if not head or not is_textual(mime_type) or not is_text(head):
        return None
    text = head[: 4 * _CHARACTERS].decode("utf-8", "ignore")[:_CHARACTERS]  # the end may cut a character in two
    return {"text": text, "shortened": True} if len(text.encode()) < size_bytes else {"text": text}


def read_preview(artifact: Artifact) -> Preview | None:
    """The preview of an artifact of a bundle that anybody may have written; None when it has no sound one."""
    found = (artifact.metadata or {}).get(PREVIEW)
    if not isinstance(found, dict):
        return None
    text, content = found.get("text"), found.get("base64")
    if isinstance(text, str) and text:
        shortened = bool(found.get("shortened")) or len(text) > _CHARACTERS
        return Preview(text[:_CHARACTERS], None, artifact.artifact_type == "json", shortened)
    if isinstance(content, str) and artifact.mime_type in PICTURES and _is_picture(artifact.mime_type, content):
        return Preview(picture=(artifact.mime_type, content))
    return None


def _is_picture(mime_type: str, content: str) -> bool:
    if len(content) > 2 * _PICTURE_BYTES or not _BASE64.fullmatch(content):
        return False
    try:
        return shown_type(base64.b64decode(content, validate=True)) == mime_type
    except binascii.Error:
        return False

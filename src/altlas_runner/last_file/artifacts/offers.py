"""What a task offers as artifacts: looked at piece by piece, so that a bad one costs only itself. Pure."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["ArtifactLimits", "Offer", "has_offers", "offers_of"]

_LONGEST_TEXT = 2000


@dataclass(frozen=True, slots=True)
class ArtifactLimits:
    """How much a task may give away.

    Attributes:
        count: artifacts of one task.
        size_bytes: of one artifact.
    """

    count: int = 1000
    size_bytes: int = 1 << 30


@dataclass(frozen=True, slots=True)
class Offer:
    """One artifact as it was offered.

    Attributes:
        name: as its maker calls it.
        content: the content itself, or None when it is in a file.
        path: of that file, in the directory that the handler was given, or None.
        mime_type: as its maker says, or None.
        description: free text, or None.
    """

    name: str
    content: bytes | None = None
    path: str | None = None
    mime_type: str | None = None
    description: str | None = None


def has_offers(output: Any) -> bool:
    """Whether an output has `artifacts` that are a list with something in it."""
    return isinstance(output, dict) and isinstance(output.get("artifacts"), list) and bool(output["artifacts"])


def offers_of(
    output: Any, given: Sequence[Mapping[str, Any]], *, may_name_files: bool, limits: ArtifactLimits
) -> Iterator[Offer | str]:
    """Everything a task offers: each as an `Offer`, or as the words that say why it is none.

    Args:
        output: of the task; each item of its `artifacts` has `name` and `content` (text) or `content_base64`, and
            may have `mime_type` and `description`. When the task may name files, items with a `path` are passed over:
            they are among the given ones.
        given: what the executor gave beside the output: items of the same kind, or with a `path`.
        may_name_files: whether the task is a handler's; a service never names a path.
        limits: what is too many or too large.
    """
    listed = output["artifacts"] if has_offers(output) else []
    items = [("artifacts of the executor", number, item) for number, item in enumerate(given)]
    items += [
        ("output.artifacts", number, item)
        for number, item in enumerate(listed)
        if not (may_name_files and isinstance(item, dict) and "path" in item)
    ]
    for place, number, item in items[: limits.count]:
        offer = _offer_of(item, may_name_files and place != "output.artifacts", limits)
        yield offer if isinstance(offer, Offer) else f"{place}[{number}]: {offer}"
    if len(items) > limits.count:
        yield f"only the first {limits.count:,} of {len(items):,} artifacts are kept"


def _offer_of(item: Any, may_name_files: bool, limits: ArtifactLimits) -> Offer | str:
    if not isinstance(item, dict):
        return f"it is {_kind(item)}, not an object with name and content or content_base64"
    name = item.get("name")
    if not isinstance(name, str) or not name.strip():
        return "its name is missing or empty" if name is None or isinstance(name, str) else f"its name is {_kind(name)}"
    mime_type, description = (_text(item.get(key)) for key in ("mime_type", "description"))
    given = [key for key in ("content", "content_base64", "path") if item.get(key) is not None]
    if given == ["path"]:
        if not may_name_files:
            return "it names a file, which only a handler may; send content or content_base64"
        if not isinstance(item["path"], str):
            return f"its path is {_kind(item['path'])}, not a text"
        return Offer(name, None, item["path"], mime_type, description)
    if len(given) != 1:
        return f"it has {' and '.join(given) or 'no content'}; give either content or content_base64"
    content = item[given[0]]
    if not isinstance(content, str):
        return f"its {given[0]} is {_kind(content)}, not a text"
    if given[0] == "content":
        raw = content.encode("utf-8", "replace")
    else:
        try:
            raw = base64.b64decode("".join(content.split()), validate=True)
        except (binascii.Error, ValueError) as error:
            return f"its content_base64 is not base64: {error}"
    if len(raw) > limits.size_bytes:
        return f"it has {len(raw):,} bytes, more than {limits.size_bytes:,}"
    return Offer(name, raw, None, mime_type, description)


def _text(value: Any) -> str | None:
    return value[:_LONGEST_TEXT] if isinstance(value, str) else None


def _kind(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    names = {str: "a text", list: "an array", dict: "an object", int: "a number", float: "a number"}
    return names.get(type(value), f"a {type(value).__name__}")

"""Names of artifacts made safe for every file system: what a stranger calls a file is only ever a suggestion. Pure."""

from __future__ import annotations

import hashlib
import re
import unicodedata

__all__ = ["UniqueNames", "directory_name", "safe_name"]

_LONGEST_NAME = 120
"""Bytes in UTF-8. File systems allow 255; a number and `.gz` may come behind, and people have to read it."""

_LONGEST_SUFFIX = 20
_LONGEST_READ = 4096
_FORBIDDEN = frozenset('<>:"|?*')
_DEVICES = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|clock\$|(?:com|lpt)[0-9¹²³])", re.IGNORECASE)
_PLAIN_TASK_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


def safe_name(name: str) -> str:
    r"""A name for a file that no system takes for anything else, in normal form C and as near to the given as may be.

    Only what stands behind the last slash or backslash counts. Characters that control, hide or turn text, and those
    that some system forbids, become `_`; dots and spaces at the ends go; names of Windows devices and names that begin
    with a hyphen get a `_` before them; what is too long is cut before its suffix.

    Example:
        >>> [safe_name(each) for each in ("../../etc/passwd", "C:\\nul.txt", "a\x00b.txt", "...", "-rf")]
        ['passwd', '_nul.txt', 'a_b.txt', 'artifact', '_-rf']
    """
    last = re.split(r"[/\\]", name[-_LONGEST_READ:].rstrip("/\\"))[-1]
    normal = unicodedata.normalize("NFC", last.encode("utf-8", "replace").decode())
    shown = "".join("_" if _acts(char) else char for char in normal)
    trimmed = shown.strip(". \u3000\xa0") or "artifact"
    stem = trimmed.partition(".")[0].rstrip()
    if _DEVICES.fullmatch(stem) or trimmed.startswith(("-", "~")):
        trimmed = f"_{trimmed}"
    return _cut(trimmed, _LONGEST_NAME)


def directory_name(task_id: str) -> str:
    """The name of the directory for the artifacts of a task: its id where that is a plain name, else one like it.

    Example:
        >>> directory_name("fetch"), directory_name("Fetch/1")
        ('fetch', 'Fetch_1-73cfbb84')
    """
    if _PLAIN_TASK_ID.fullmatch(task_id) and not _DEVICES.fullmatch(task_id):
        return task_id
    digest = hashlib.sha256(task_id.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{re.sub(r'[^A-Za-z0-9_]+', '_', task_id[:40]) or 'task'}-{digest}"


class UniqueNames:
    """Hands out names in one directory, none twice: not in another letter case or unicode form, nor with `.gz` behind.

    Args:
        taken: the names that are there already.
    """

    def __init__(self, taken: list[str]) -> None:
        self._taken = {_key(name) for name in taken}

    def take(self, name: str) -> str:
        """The name, or one with a number before its suffix when it is taken."""
        stem, suffix = _split(name)
        candidate, number = name, 1
        while not self._taken.isdisjoint({_key(candidate), _key(f"{candidate}.gz")}):
            number += 1
            candidate = f"{stem}-{number}{suffix}"
        self._taken |= {_key(candidate), _key(f"{candidate}.gz")}
        return candidate


def _acts(char: str) -> bool:
    """Whether a character does something else than to be seen."""
    return char in _FORBIDDEN or unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def _key(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


def _split(name: str) -> tuple[str, str]:
    """The name without and with only its suffix; a long one is no suffix."""
    stem, dot, suffix = name.rpartition(".")
    return (stem, dot + suffix) if stem and 0 < len(suffix.encode()) <= _LONGEST_SUFFIX else (name, "")


def _cut(name: str, limit: int) -> str:
    if len(name.encode()) <= limit:
        return name
    stem, suffix = _split(name)
    return stem.encode()[: limit - len(suffix.encode())].decode("utf-8", "ignore").rstrip(". ") + suffix

"""Where a run comes from: facts about the ALT file and the host that its LAST file keeps."""

from __future__ import annotations

import hashlib
import os
import platform
from pathlib import Path

from altlas_runner.alt_file import AltFile

__all__ = ["facts_about"]


def facts_about(source: AltFile | Path | str | bytes) -> dict[str, str]:
    """The path and SHA-256 of what was run, as far as it has any, and the kind of host; nothing that names a person.

    Args:
        source: an ALT file, the path of one, or its bytes.
    """
    facts = {"host": f"{platform.system()} {platform.machine()}, {os.cpu_count() or 1} CPUs"}
    if isinstance(source, AltFile):
        return facts
    if not isinstance(source, bytes):
        facts["alt_file_path"] = str(source)
        if not Path(source).is_file():
            return facts  # a pipe cannot be read a second time
        source = Path(source).read_bytes()
    return facts | {"alt_file_sha256": hashlib.sha256(source).hexdigest()}

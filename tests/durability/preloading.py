"""Compiles the libraries of `preloaded/`, which go before the C library of a process."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.needs import need

__all__ = ["compiled"]


def compiled(name: str, place: Path) -> Path:
    """The shared library made of `preloaded/<name>.c`, in a directory."""
    need("Linux, for LD_PRELOAD", sys.platform == "linux")
    need("a C compiler (Debian: gcc)", shutil.which("cc") is not None)
    source, library = Path(__file__).parent / "preloaded" / f"{name}.c", place / f"{name}.so"
    options = ["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    subprocess.run(["cc", *options, "-o", library, source, "-ldl"], check=True, timeout=60)
    return library

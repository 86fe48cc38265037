"""Compiles the libraries of `preloaded/`, which go before the C library of a process."""

from __future__ import annotations

import atexit
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

from tests.needs import need

__all__ = ["compiled"]


@cache
def compiled(name: str) -> Path:
    """The shared library made of `preloaded/<name>.c`, once for all tests."""
    need("Linux, for LD_PRELOAD", sys.platform == "linux")
    need("a C compiler (Debian: gcc)", shutil.which("cc") is not None)
    place = Path(tempfile.mkdtemp(prefix="altlas-preloaded-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    source, library = Path(__file__).parent / "preloaded" / f"{name}.c", place / f"{name}.so"
    options = ["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    subprocess.run(["cc", *options, "-o", library, source, "-ldl"], check=True, timeout=60)
    return library

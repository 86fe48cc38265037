"""Tells compilers where the C library is, and builds it: `python -m altlas_runner.ffi --cflags --libs`.

A wheel carries the library below `altlas_runner/c_library`, in the folders lib and include. In a checkout it is built
below `build/c_library`.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from pathlib import Path

__all__ = ["library_path", "main", "prefix"]

LIBRARY = "libaltlas_runner.so.0"

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parent.parent


def prefix() -> Path:
    """The folder that holds lib/ and include/ of the library, whether it was built or not."""
    installed = _PACKAGE / "c_library"
    return installed if installed.is_dir() else _CHECKOUT / "build" / "c_library"


def library_path() -> Path:
    """The library itself, for ctypes and other loaders, whether it was built or not."""
    return prefix() / "lib" / LIBRARY


def main(arguments: list[str] | None = None) -> int:
    """Print what a compiler needs, or build the library; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m altlas_runner.ffi", description=__doc__)
    parser.add_argument("--build", action="store_true", help="compile the library for this interpreter")
    parser.add_argument("--prefix", type=Path, help="where it is, or is built, instead of the usual place")
    parser.add_argument("--cflags", action="store_true", help="print the flags for compiling")
    parser.add_argument("--libs", action="store_true", help="print the flags for linking")
    parser.add_argument("--path", action="store_true", help="print the path of the library")
    asked = parser.parse_args(arguments)
    if not (asked.build or asked.cflags or asked.libs or asked.path):
        parser.error("say what: --build, --cflags, --libs or --path")
    place = asked.prefix.resolve() if asked.prefix else prefix()
    if asked.build and not _build(place):
        return 1
    library = place / "lib" / LIBRARY
    if not library.exists():
        sys.stderr.write(f"{library} is not there; build it: {sys.executable} -m altlas_runner.ffi --build\n")
        return 1
    flags = []
    if asked.cflags:
        flags.append(f"-I{place / 'include'}")
    if asked.libs:
        flags += [f"-L{library.parent}", f"-Wl,-rpath,{library.parent}", "-laltlas_runner"]
    if flags:
        sys.stdout.write(shlex.join(flags) + "\n")
    if asked.path or (asked.build and not flags):
        sys.stdout.write(f"{library}\n")
    return 0


def _build(place: Path) -> bool:
    """Run the builder that stands beside the C sources; it says itself what is missing."""
    folders = [_PACKAGE / "c_library" / "ffi", _CHECKOUT / "ffi"]
    builder = next((folder / "build.py" for folder in folders if (folder / "build.py").exists()), None)
    if builder is None:
        sys.stderr.write(f"the C sources are not installed (looked in {folders[0]}); install the sdist\n")
        return False
    try:
        import cffi  # noqa: F401
    except ImportError:
        sys.stderr.write(f"cffi is missing: {sys.executable} -m pip install 'altlas-runner[ffi]'\n")
        return False
    return subprocess.run([sys.executable, builder, place], check=False).returncode == 0  # noqa: S603  our own file


if __name__ == "__main__":
    sys.exit(main())

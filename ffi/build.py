"""Builds libaltlas_runner: `python build.py PREFIX` makes lib/ and include/ there, with files for pkg-config and CMake.

It stands beside the C sources, in a checkout and in an installed wheel, and needs cffi, a C compiler and a Python with
a shared libpython. Use it through `make ffi` or `python -m altlas_runner.ffi --build`.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
from pathlib import Path

from cffi import FFI

sys.path.insert(0, str(Path(__file__).parent))

from definitions import cdef, declarations, header_version

__all__ = ["BuildError", "build"]

HERE = Path(__file__).resolve().parent
HEADER = HERE.parent / "include" / "altlas_runner.h"
PROJECT = HERE.parent / "pyproject.toml"
LIBRARY = "libaltlas_runner.so.0"
SIDECAR = "libaltlas_runner.python"
MODULE = "_altlas_runner_c"

# Python's side is bound when cffi starts; the C side has imported the package before, so that nothing can fail here.
INIT_CODE = f"""
from {MODULE} import ffi, lib
from altlas_runner.capi import bind
bind(ffi, lib)
"""


class BuildError(Exception):
    """The library cannot be built here; the message says what is missing."""


def build(prefix: Path, *, with_sidecar: bool = True) -> None:
    """Make the library and what belongs to it below `prefix`; each file appears whole, the library last.

    Args:
        prefix: made when it is missing.
        with_sidecar: whether a file beside the library names this interpreter, for a library that lies outside of its
            environment.

    Raises:
        BuildError: something is missing, or the compiler refuses.
    """
    header = HEADER.read_text()
    project = tomllib.loads(PROJECT.read_text())["project"]
    if header_version(header) != project["version"]:
        raise BuildError(f"{HEADER.name} is of version {header_version(header)}, the package {project['version']}")
    prefix.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=prefix, prefix=".build-") as name:
        work = Path(name)
        made = {"include/altlas_runner.h": HEADER}
        for target, template in {
            "lib/pkgconfig/altlas_runner.pc": "altlas_runner.pc.in",
            "lib/cmake/altlas_runner/altlas_runner-config.cmake": "altlas_runner-config.cmake",
            "lib/cmake/altlas_runner/altlas_runner-config-version.cmake": "altlas_runner-config-version.cmake.in",
        }.items():
            made[target] = work / Path(target).name
            made[target].write_text(_filled(HERE / template, project))
        if with_sidecar:
            made[f"lib/{SIDECAR}"] = work / SIDECAR
            made[f"lib/{SIDECAR}"].write_text(f"{sys.executable}\n")
        made[f"lib/{LIBRARY}"] = _compile(work, header, project)
        for target, source in made.items():
            place = prefix / target
            place.parent.mkdir(parents=True, exist_ok=True)
            temporary = work / "whole"
            shutil.copy(source, temporary)
            temporary.replace(place)
        link = work / "link"
        link.symlink_to(LIBRARY)
        link.replace(prefix / "lib" / "libaltlas_runner.so")


def _filled(template: Path, project: dict[str, str]) -> str:
    text = template.read_text().replace("@VERSION@", project["version"])
    return text.replace("@DESCRIPTION@", project["description"])


def _compile(work: Path, header: str, project: dict[str, str]) -> Path:
    libpython, includes = _python_to_link()
    (work / "constants.h").write_text(_constants(project))
    builder = FFI()
    builder.cdef(cdef(header))
    builder.embedding_api("")  # embeds, and exports nothing: what is exported stands in the prelude
    builder.set_source(MODULE, f'#include "altlas_runner.h"\n{declarations(header)}#include "prelude.c"\n')
    builder.embedding_init_code(INIT_CODE)
    with contextlib.redirect_stdout(None):  # it tells what it generates
        builder.emit_c_code(str(work / "exports.c"))
    library = work / LIBRARY
    sources = [HERE / name for name in ("live_strings.c", "last_error.c", "finding.c", "starting.c")]
    command: list[str | Path] = [
        *shlex.split(os.environ.get("CC", "cc")),
        *("-std=gnu11", "-O2", "-g", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wno-unused-function"),
        *("-shared", "-pthread", "-include", work / "constants.h"),
        *(f"-I{folder}" for folder in (HERE, HEADER.parent, *includes)),
        *(work / "exports.c", *sources),
        *("-o", library, f"-Wl,-soname,{LIBRARY}", f"-Wl,--version-script={HERE / 'exports.map'}"),
        *("-Wl,-z,nodelete", "-Wl,-z,relro", "-Wl,-z,now", "-Wl,--no-undefined"),
        *(f"-Wl,-rpath,{libpython.parent}", libpython, "-ldl"),
    ]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603  a compiler, asked for by name
    except FileNotFoundError as error:
        raise BuildError(f"there is no C compiler {command[0]} (Debian: apt-get install gcc)") from error
    except subprocess.CalledProcessError as error:
        raise BuildError(f"the C compiler refused:\n{error.stderr}") from error
    return library


def _python_to_link() -> tuple[Path, list[str]]:
    """The shared libpython of this interpreter, the very file, and the folders of its headers."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    libpython = Path(sysconfig.get_config_var("LIBDIR") or "", sysconfig.get_config_var("INSTSONAME") or "")
    if ".so" not in libpython.name or not libpython.exists():
        raise BuildError(
            f"{sys.executable} has no shared libpython (Debian: apt-get install libpython{version}; "
            "a Python built by hand or with pyenv needs --enable-shared)"
        )
    includes = [sysconfig.get_path("include"), sysconfig.get_path("platinclude")]
    if not any(Path(folder, "Python.h").exists() for folder in includes):
        raise BuildError(f"Python.h is not in {includes[0]} (Debian: apt-get install libpython{version}-dev)")
    return libpython, list(dict.fromkeys(includes))


def _constants(project: dict[str, str]) -> str:
    authors = ", ".join(author["name"] for author in project["authors"])  # type: ignore[index]
    about = {
        "version": project["version"],
        "name": project["name"],
        "authors": authors,
        "description": project["description"],
    }
    texts = {
        "ALTLAS_VERSION": project["version"],
        "ALTLAS_VERSION_JSON": json.dumps(about),
        "ALTLAS_BUILT_WITH": sys.executable,
        "ALTLAS_PYTHON_VERSION": f"{sys.version_info[0]}.{sys.version_info[1]}",
    }
    # A string of C is one of JSON as long as it is ASCII and holds no \u escape.
    return "".join(f"#define {name} {json.dumps(text, ensure_ascii=False)}\n" for name, text in texts.items())


if __name__ == "__main__":
    try:
        build(Path(sys.argv[1]).resolve())
    except BuildError as problem:
        sys.exit(f"libaltlas_runner cannot be built: {problem}")

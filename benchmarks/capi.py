"""What the C library costs: its calls, and parsing through it beside parsing in Python."""

import ctypes
import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from altlas_runner import AltParser
from benchmarks.alt_files import text
from benchmarks.measure import Row, prepared_cpu_seconds, rows

COUNT = 100_000
CALLS = 100_000
TRIVIAL_SECONDS = 1e-6
SOURCE = Path(__file__).with_name("capi_calls.c")


def run() -> list[Row]:
    with TemporaryDirectory() as folder:
        build = [sys.executable, "-m", "altlas_runner.ffi", "--build", "--prefix", folder]
        subprocess.run(build, check=True, stdout=subprocess.PIPE)
        library = Path(folder, "lib", "libaltlas_runner.so.0")
        return _call_rows(library) + _parse_rows(library)


def _call_rows(library: Path) -> list[Row]:
    """Calls from a program in C; the first two are trivial, the third makes the text of its refusal."""
    program = library.with_name("calls")
    lib = library.parent
    link = [f"-I{lib.parent / 'include'}", f"-L{lib}", f"-Wl,-rpath,{lib}", "-laltlas_runner"]
    flags = ["-std=c11", "-O2", "-D_POSIX_C_SOURCE=200809L"]
    subprocess.run(["cc", *flags, str(SOURCE), "-o", str(program), *link], check=True)
    spent = json.loads(subprocess.run([str(program), "5", str(CALLS)], check=True, stdout=subprocess.PIPE).stdout)
    name = f"{CALLS:,} calls from C"
    table = []
    for key, subject, bound in (
        ("error", "get_last_error, free", 1.0),
        ("start", "init again: into Python and back", 1.0),
        ("nothing", "a refusal and its reason", None),
    ):
        seconds = spent[key]
        table.append(Row(name, subject, seconds * CALLS, 1e6 * seconds, "1 µs", seconds / TRIVIAL_SECONDS, bound))
    return table


def _parse_rows(library: Path) -> list[Row]:
    """In one process, one after the other; each begins with nothing kept."""
    content = text("layered", COUNT)
    lib = ctypes.CDLL(str(library))
    lib.runner_parse_alt_file.argtypes = [ctypes.c_char_p]

    def through_c() -> Callable[[], Any]:
        assert lib.runner_init() == 1
        return partial(lib.runner_parse_alt_file, content)

    def in_python() -> Callable[[], Any]:
        return partial(AltParser().parse_from_string, content)

    seconds = prepared_cpu_seconds({"AltParser": in_python, "runner_parse_alt_file": through_c}, 6)
    assert lib.runner_cleanup() == 1
    return rows(f"parse {COUNT:,} tasks", seconds, COUNT, "AltParser", {"runner_parse_alt_file": 1.1})

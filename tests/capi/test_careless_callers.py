"""Whatever callers get wrong ends in a 0 or NULL and a reason; memory stays sound and does not grow."""

import re
from pathlib import Path

import pytest

from tests.capi.building import EXAMPLES, NIGHTLY, Done, Library, run
from tests.needs import need
from tests.capi.building import need_compiler

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
LEAST_CALLS = 75


def check_abuse(done: Done) -> None:
    assert done.returncode == 0, done.stdout + done.stderr
    calls = re.search(r"^(\d+) calls, 0 wrong$", done.stdout, re.MULTILINE)
    assert calls, done.stdout
    assert int(calls[1]) >= LEAST_CALLS


def test_every_abuse_is_refused_with_a_reason(library: Library, tmp_path: Path) -> None:
    done = run(library.program("abuse"), tmp_path)
    check_abuse(done)
    assert done.stderr == ""


@pytest.mark.parametrize("program", ["abuse", "many_threads"])
def test_a_host_with_the_address_sanitizer_finds_nothing(program: str, library: Library, tmp_path: Path) -> None:
    """Leaks are looked for too; what Python and pydantic keep from their start is known."""
    probe = tmp_path / "probe.c"
    probe.write_text("int main(void) { return 0; }\n")
    flags = ("-fsanitize=address", "-fno-omit-frame-pointer")
    need("libasan (Debian: gcc)", run("/usr/bin/env", "cc", *flags, probe, "-o", tmp_path / "probe", PATH="/usr/bin:/bin:/usr/local/bin").returncode == 0)
    options = {"LSAN_OPTIONS": f"suppressions={HERE / 'leaks.supp'}:print_suppressions=0", "ASAN_OPTIONS": "abort_on_error=0"}
    if program == "abuse":
        check_abuse(run(library.program("abuse", *flags), tmp_path, **options))
    else:
        calls = "10000" if NIGHTLY else "1000"
        done = run(library.compile(EXAMPLES / "many_threads.c", *flags), "16", calls, timeout=600, **options)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("program", ["abuse", "many_threads"])
def test_valgrind_finds_no_invalid_access_and_no_loss(program: str, library: Library, tmp_path: Path) -> None:
    valgrind = need_compiler("valgrind", "valgrind")
    watch = (
        *(valgrind, "--quiet", "--error-exitcode=9", "--leak-check=full", "--errors-for-leak-kinds=definite"),
        *("--show-leak-kinds=definite", f"--suppressions={HERE / 'valgrind.supp'}"),
    )
    if program == "abuse":
        check_abuse(run(*watch, library.program("abuse"), tmp_path, timeout=900))
    else:
        calls = "10000" if NIGHTLY else "50"
        done = run(*watch, library.compile(EXAMPLES / "many_threads.c"), "16", calls, timeout=3600)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_same_work_again_needs_no_more_memory(library: Library, tmp_path: Path) -> None:
    """50,000 rounds at night, a tenth by day; the allocators of C and Python may keep a little for later."""
    done = run(library.program("memory"), "50000" if NIGHTLY else "5000", tmp_path, timeout=900)
    grown = re.search(r"0 wrong, 0 strings left, grew (-?\d+) KiB", done.stdout)
    assert grown, done.stdout + done.stderr
    assert done.returncode == 0
    assert int(grown[1]) < 2048

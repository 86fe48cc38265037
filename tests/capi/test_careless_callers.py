"""Whatever callers get wrong ends in a 0 or NULL and a reason; memory stays sound and does not grow."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.capi.building import EXAMPLES, NIGHTLY, WITH_PATH, Done, Library, need_compiler, run
from tests.needs import need

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
LEAST_CALLS = 75
ADDRESS_SANITIZER = ("-fsanitize=address", "-fno-omit-frame-pointer")


def check_abuse(done: Done) -> None:
    assert done.returncode == 0, done.stdout + done.stderr
    calls = re.search(r"^(\d+) calls, 0 wrong$", done.stdout, re.MULTILINE)
    assert calls, done.stdout
    assert int(calls[1]) >= LEAST_CALLS


def sanitized(library: Library, source: Path, *arguments: str | Path) -> Done:
    """Run a host with the address sanitizer, which looks for leaks too; what Python keeps from its start is known."""
    need_compiler("cc", "gcc")
    libasan = Path(run("/bin/sh", "-c", "cc -print-file-name=libasan.so", env=WITH_PATH).stdout.strip())
    need("libasan (Debian: gcc)", libasan.is_absolute())
    options = f"suppressions={HERE / 'leaks.supp'}:print_suppressions=0"
    return run(library.compile(source, *ADDRESS_SANITIZER), *arguments, timeout=900, env={"LSAN_OPTIONS": options})


def watched(library: Library, source: Path, *arguments: str | Path) -> Done:
    """Run a host under valgrind."""
    valgrind = need_compiler("valgrind", "valgrind")
    return run(
        *(valgrind, "--quiet", "--error-exitcode=9", "--leak-check=full", "--errors-for-leak-kinds=definite"),
        *("--show-leak-kinds=definite", f"--suppressions={HERE / 'valgrind.supp'}"),
        *(library.compile(source), *arguments),
        timeout=3600,
    )


def test_every_abuse_is_refused_with_a_reason(library: Library, tmp_path: Path) -> None:
    done = run(library.program("abuse"), tmp_path)
    check_abuse(done)
    assert done.stderr == ""


def test_the_address_sanitizer_finds_nothing_in_a_careless_host(library: Library, tmp_path: Path) -> None:
    check_abuse(sanitized(library, HERE / "programs" / "abuse.c", tmp_path))


def test_the_address_sanitizer_finds_nothing_in_a_host_with_many_threads(library: Library) -> None:
    done = sanitized(library, EXAMPLES / "many_threads.c", "16", "10000" if NIGHTLY else "1000")
    assert done.returncode == 0, done.stdout + done.stderr


def test_valgrind_finds_no_invalid_access_and_no_loss(library: Library, tmp_path: Path) -> None:
    """The careless host and the one with many threads, side by side: valgrind is slow, and has large texts at night."""
    less = () if NIGHTLY else ("nothing large",)
    with ThreadPoolExecutor() as pool:
        careless = pool.submit(watched, library, HERE / "programs" / "abuse.c", tmp_path, *less)
        threads = pool.submit(watched, library, EXAMPLES / "many_threads.c", "16", "10000" if NIGHTLY else "50")
    check_abuse(careless.result())
    assert threads.result().returncode == 0, threads.result().stdout + threads.result().stderr


def test_leak_checkers_see_a_text_that_was_never_freed(library: Library) -> None:
    for done in (
        sanitized(library, HERE / "programs" / "leak.c"),
        watched(library, HERE / "programs" / "leak.c"),
    ):
        assert done.returncode != 0
        assert "altlas_new_string" in done.stderr


def test_the_same_work_again_needs_no_more_memory(library: Library, tmp_path: Path) -> None:
    """50,000 rounds at night, a tenth by day; the allocators of C and Python may keep a little for later."""
    done = run(library.program("memory"), "50000" if NIGHTLY else "5000", tmp_path, timeout=900)
    grown = re.search(r"0 wrong, 0 strings left, grew (-?\d+) KiB", done.stdout)
    assert grown, done.stdout + done.stderr
    assert done.returncode == 0
    assert int(grown[1]) < 2048

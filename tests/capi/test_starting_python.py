"""Which Python the library starts, from wherever it lies; and what it says when there is none that it can use."""

import shutil
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.capi.building import (
    ROOT,
    THIS_VERSION,
    WITH_PATH,
    Library,
    build,
    build_where_possible,
    leave_a_mark,
    make_environment,
    other_pythons,
    run,
    site_packages,
    version_of,
)

pytestmark = pytest.mark.slow


def test_it_starts_with_an_empty_environment_in_any_directory(library: Library) -> None:
    done = run(library.program("start"), cwd=Path("/"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "1 No error\n", "")


def test_a_python_host_that_has_looked_into_a_capsule_can_start_it(library: Library, tmp_path: Path) -> None:
    """cffi keeps its lock in the type of capsules, and aborted where that was in use."""
    host = tmp_path / "host.py"
    host.write_text(
        "import ctypes, datetime, sys\n"
        "hasattr(datetime.datetime_CAPI, 'anything')\n"
        "print(ctypes.CDLL(sys.argv[1]).runner_init())\n"
    )
    done = run(sys.executable, host, library.path)
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr


def test_variables_of_python_and_the_path_have_no_effect(library: Library, tmp_path: Path) -> None:
    """PYTHONHOME alone would end the process."""
    hostile = tmp_path / "altlas_runner"
    hostile.mkdir()
    (hostile / "__init__.py").write_text("raise SystemExit('the wrong package')\n")
    done = run(
        library.program("start"),
        cwd=tmp_path,
        env={
            "PYTHONHOME": "/nowhere",
            "PYTHONPATH": str(tmp_path),
            "PATH": "/nowhere",
            "PYTHONSTARTUP": str(hostile / "__init__.py"),
        },
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "1 No error\n", "")


def test_the_variable_goes_before_everything(library: Library, tmp_path: Path) -> None:
    python = make_environment(tmp_path / "environment")
    mark = tmp_path / "environment" / leave_a_mark(tmp_path / "environment")
    done = run(library.program("start"), env={"ALTLAS_RUNNER_PYTHON": str(python)})
    assert (done.returncode, done.stdout) == (0, "1 No error\n")
    assert mark.exists()


def wrong_pythons(folder: Path) -> list[tuple[str, str]]:
    script = folder / "python"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    environment = folder / "old" / "bin"
    environment.mkdir(parents=True)
    (environment / "python").symlink_to(sys.executable)
    (folder / "old" / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.2.1\n")
    return [
        ("/nowhere/bin/python", "there is no such file"),
        ("bin/python", "its path is not absolute"),
        (str(folder), "no standard library"),
        (str(script), "no standard library"),
        ("/etc/passwd", "it cannot be executed"),
        (str(environment / "python"), f"it is not Python {THIS_VERSION}"),
    ]


def test_a_variable_that_names_nothing_usable_is_refused_instead_of_passed_over(
    library: Library, tmp_path: Path
) -> None:
    for python, reason in wrong_pythons(tmp_path):
        done = run(library.program("start"), env={"ALTLAS_RUNNER_PYTHON": python})
        assert done.returncode == 1
        assert done.stdout.startswith(f"0 ALTLAS_RUNNER_PYTHON={python} cannot be used: "), done.stdout
        assert reason in done.stdout


def test_a_missing_package_is_told_and_a_later_start_finds_it(library: Library, tmp_path: Path) -> None:
    """Nothing is printed, and the same process goes on once the package has been installed."""
    python = make_environment(tmp_path / "environment", packages=False)
    folder = site_packages(tmp_path / "environment")
    packages = sysconfig.get_path("purelib")
    install = f"ln -s {packages}/[!_]* {packages}/_cffi* {ROOT}/src/altlas_runner {folder}/"
    done = run(library.program("start"), install, env=WITH_PATH | {"ALTLAS_RUNNER_PYTHON": str(python)})
    first, *_, last = done.stdout.splitlines()
    assert first == f"0 {python} cannot load the package: ModuleNotFoundError: No module named '_cffi_backend'"
    assert "install it there: pip install 'altlas-runner[ffi]'" in done.stdout
    assert f"sys.path: ['{Path(sysconfig.get_path('stdlib')).parent}" in done.stdout
    assert last == "1 No error", done.stdout
    assert (done.returncode, done.stderr) == (0, "")


def test_a_package_of_another_version_is_refused(library: Library, tmp_path: Path) -> None:
    python = make_environment(tmp_path / "environment", packages=False)
    folder = site_packages(tmp_path / "environment")
    (folder / "seen.pth").write_text(sysconfig.get_path("platlib") + "\n")
    (folder / "altlas_runner" / "capi").mkdir(parents=True)
    (folder / "altlas_runner" / "__init__.py").write_text("__version__ = '9.9.9'\n")
    (folder / "altlas_runner" / "capi" / "__init__.py").touch()
    done = run(library.program("start"), env={"ALTLAS_RUNNER_PYTHON": str(python)})
    assert done.returncode == 1
    assert f"{python} has 9.9.9" in done.stdout
    assert "-m altlas_runner.ffi --build" in done.stdout


def test_the_environment_around_the_library_is_found_also_after_a_move(library: Library, tmp_path: Path) -> None:
    """The library lies in it, as a wheel puts it there; the place it was built at plays no part."""
    made = tmp_path / "made"
    make_environment(made)
    inside = site_packages(made).relative_to(made) / "altlas_runner" / "c_library"
    shutil.copytree(library.prefix, made / inside, symlinks=True)
    mark = leave_a_mark(made)
    moved = tmp_path / "somewhere else" / "moved"
    moved.parent.mkdir()
    made.rename(moved)
    done = run(library.program("opened_locally"), moved / inside / "lib" / library.path.name, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (moved / mark).exists()


def test_the_file_beside_the_library_names_an_interpreter(library: Library, tmp_path: Path) -> None:
    """As for editable installs, where the library lies outside of its environment."""
    python = make_environment(tmp_path / "environment")
    mark = tmp_path / "environment" / leave_a_mark(tmp_path / "environment")
    shutil.copytree(library.prefix, tmp_path / "library")
    (tmp_path / "library" / "lib" / "libaltlas_runner.python").write_text(f"{python}\n")
    done = run(library.program("opened_locally"), tmp_path / "library" / "lib" / library.path.name, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert mark.exists()


def test_the_python_it_was_built_with_is_the_last_to_be_tried(library: Library, tmp_path: Path) -> None:
    shutil.copytree(library.prefix, tmp_path / "library")
    sidecar = tmp_path / "library" / "lib" / "libaltlas_runner.python"
    place = sidecar.with_name(library.path.name)
    for content in (None, "", "/nowhere/bin/python\n"):
        if content is None:
            sidecar.unlink()
        else:
            sidecar.write_text(content)
        done = run(library.program("opened_locally"), place, tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_all_that_was_tried_is_named_when_no_python_is_found(tmp_path: Path, library: Library) -> None:
    """The environment that it was built with is gone."""
    gone = tmp_path / "gone"
    python = make_environment(gone)
    prefix = tmp_path / "library"
    assert build(prefix, python).returncode == 0
    shutil.rmtree(gone)
    done = run(library.program("opened_locally"), prefix / "lib" / library.path.name, tmp_path)
    assert done.returncode == 1
    assert f"no Python {THIS_VERSION} with the package altlas_runner was found" in done.stdout
    assert done.stdout.count(f"{python}: there is no such file") == 2
    assert "ALTLAS_RUNNER_PYTHON" in done.stdout


def test_a_library_built_with_another_python_of_this_version_works(library: Library, tmp_path: Path) -> None:
    """Such as Debian's beside one of one's own; each with its own libpython of the same name."""
    others = [python for python in other_pythons() if version_of(python) == THIS_VERSION]
    if not others:
        pytest.skip(f"there is no other Python {THIS_VERSION}")
    for number, other in enumerate(others):
        python = make_environment(tmp_path / f"environment{number}", python=other)
        prefix = tmp_path / f"library{number}"
        build_where_possible(prefix, python)
        done = run(library.program("opened_locally"), prefix / "lib" / library.path.name, tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), other

"""What is built, and how compilers and package managers find it."""

import re
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

import definitions
from altlas_runner import __version__, ffi
from tests.capi.building import (
    EXAMPLES,
    NIGHTLY,
    ROOT,
    THIS_VERSION,
    WITH_PATH,
    Library,
    build,
    make_environment,
    need_compiler,
    other_pythons,
    run,
    site_packages,
    version_of,
)

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
HEADER = (ROOT / "include" / "altlas_runner.h").read_text()
FUNCTIONS = definitions.exported(HEADER)


def output(*command: str | Path) -> str:
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout


def test_exactly_the_listed_symbols_are_exported(library: Library) -> None:
    nm = need_compiler("nm", "binutils")
    names = sorted(line.split()[-1] for line in output(nm, "-D", "--defined-only", library.path).splitlines())
    assert names == sorted((HERE / "exported_symbols.txt").read_text().split())
    assert {name.partition("@")[0] for name in names} - {"ALTLAS_RUNNER_0"} == set(FUNCTIONS)


def test_the_version_script_names_what_the_header_declares() -> None:
    script = (ROOT / "ffi" / "exports.map").read_text()
    assert re.findall(r"(runner_\w+);", script) == sorted(FUNCTIONS)


def test_the_library_has_its_name_its_place_of_python_and_stays_loaded(library: Library) -> None:
    readelf = need_compiler("readelf", "binutils")
    dynamic = output(readelf, "-d", library.path)
    assert "Library soname: [libaltlas_runner.so.0]" in dynamic
    assert f"[{sysconfig.get_config_var('LIBDIR')}]" in dynamic
    assert f"[{sysconfig.get_config_var('INSTSONAME')}]" in dynamic
    assert "NODELETE" in dynamic
    assert "BIND_NOW" in dynamic or "NOW" in dynamic
    assert (library.prefix / "lib" / "libaltlas_runner.so").readlink() == Path("libaltlas_runner.so.0")
    assert (library.prefix / "include" / "altlas_runner.h").read_text() == HEADER


def test_nothing_half_built_is_left(library: Library) -> None:
    assert sorted(path.name for path in library.prefix.iterdir()) == ["include", "lib"]


def test_the_sources_compile_without_a_warning(library: Library, tmp_path: Path) -> None:
    """All but the file that cffi writes, whose warnings are not ours."""
    constants = tmp_path / "constants.h"
    constants.write_text(
        '#define ALTLAS_VERSION "1"\n#define ALTLAS_BUILT_WITH "1"\n#define ALTLAS_PYTHON_VERSION "1"\n'
    )
    for source in ("live_strings.c", "last_error.c", "finding.c", "starting.c"):
        done = run(
            *(need_compiler("cc", "gcc"), "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Wshadow", "-Werror", "-c"),
            *("-include", constants, f"-I{sysconfig.get_path('include')}", ROOT / "ffi" / source, "-o", tmp_path / "o"),
            env=WITH_PATH,
        )
        assert done.returncode == 0, done.stderr


def test_a_compiler_that_refuses_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    need_compiler("cc", "gcc")
    for compiler, reason in (("false", "the C compiler refused"), ("no-such-compiler", "there is no C compiler")):
        done = build(tmp_path / "prefix", CC=compiler)
        assert done.returncode == 1
        assert f"libaltlas_runner cannot be built: {reason}" in done.stderr
        assert list((tmp_path / "prefix").iterdir()) == []


def test_the_module_tells_flags_and_path(library: Library, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--prefix", str(library.prefix)]
    assert ffi.main(["--cflags", "--libs", *where]) == 0
    lib = library.path.parent
    flags = f"-I{library.prefix / 'include'} -L{lib} -Wl,-rpath,{lib} -laltlas_runner\n"
    assert capsys.readouterr().out == flags
    assert ffi.main(["--path", *where]) == 0
    assert capsys.readouterr().out == f"{library.path}\n"
    assert ffi.main(["--libs", "--prefix", "/nowhere"]) == 1
    assert "-m altlas_runner.ffi --build" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        ffi.main([])


def test_pkg_config_leads_to_it_wherever_it_is_moved(library: Library, tmp_path: Path) -> None:
    pkg_config = need_compiler("pkg-config", "pkg-config")
    moved = tmp_path / "moved"
    subprocess.run(["cp", "-r", library.prefix, moved], check=True)
    env = {"PKG_CONFIG_PATH": str(moved / "lib" / "pkgconfig"), **WITH_PATH}
    assert run(pkg_config, "--modversion", "altlas_runner", env=env).stdout == f"{__version__}\n"
    flags = run(pkg_config, "--cflags", "--libs", "altlas_runner", env=env).stdout.split()
    program = tmp_path / "program"
    source = EXAMPLES / "parse_and_report.c"
    done = run(need_compiler("cc", "gcc"), source, "-o", program, *flags, env=WITH_PATH)
    assert done.returncode == 0, done.stderr
    done = run(program, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert str(moved) in output("ldd", program)


CMAKE = """
cmake_minimum_required(VERSION 3.16)
project(host C)
find_package(altlas_runner 0.1 REQUIRED)
add_executable(program {source})
target_link_libraries(program altlas_runner::altlas_runner)
"""


def test_cmake_finds_it(library: Library, tmp_path: Path) -> None:
    cmake = need_compiler("cmake", "cmake")
    (tmp_path / "CMakeLists.txt").write_text(CMAKE.format(source=EXAMPLES / "parse_and_report.c"))
    env = WITH_PATH
    done = run(cmake, "-S", tmp_path, "-B", tmp_path / "out", f"-DCMAKE_PREFIX_PATH={library.prefix}", env=env)
    assert done.returncode == 0, done.stderr
    done = run(cmake, "--build", tmp_path / "out", env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert run(tmp_path / "out" / "program", cwd=tmp_path).returncode == 0


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel, made from an sdist: what is not in the sdist cannot be in it."""
    need_compiler("cc", "gcc")
    folder = tmp_path_factory.mktemp("wheel")
    code = f"import hatchling.build; print(hatchling.build.build_sdist({str(folder)!r}))"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)
    (sdist,) = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    (unpacked,) = (folder / "unpacked").iterdir()
    code = f"import hatchling.build; print(hatchling.build.build_wheel({str(folder)!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=unpacked, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (made,) = folder.glob("*.whl")
    return made


def install(wheel: Path, environment: Path) -> Path:
    """Put a wheel into an environment that sees the packages of the tests, but not their altlas_runner."""
    python = make_environment(environment, packages=False)
    folder = site_packages(environment)
    (folder / "seen.pth").write_text(f"{sysconfig.get_path('purelib')}\n{sysconfig.get_path('platlib')}\n")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return python


def test_a_wheel_from_an_sdist_carries_the_library_and_what_it_is_built_from(wheel: Path) -> None:
    tag = f"cp{THIS_VERSION.replace('.', '')}"
    assert f"-{tag}-{tag}-" in wheel.name
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for name in (
        *("lib/libaltlas_runner.so.0", "lib/libaltlas_runner.so", "lib/pkgconfig/altlas_runner.pc"),
        *("include/altlas_runner.h", "ffi/build.py", "ffi/prelude.c", "ffi/exports.map", "pyproject.toml"),
    ):
        assert f"altlas_runner/c_library/{name}" in names
    assert not [name for name in names if name.endswith("libaltlas_runner.python")]


def test_an_installed_wheel_works_also_from_a_moved_environment(wheel: Path, tmp_path: Path) -> None:
    """Compiled with the flags that the module tells, and run from an empty environment."""
    install(wheel, tmp_path / "made")
    moved = tmp_path / "moved"
    (tmp_path / "made").rename(moved)
    python = moved / "bin" / "python3"
    done = run(python, "-m", "altlas_runner.ffi", "--cflags", "--libs")
    assert done.returncode == 0, done.stderr
    assert str(moved) in done.stdout
    program = tmp_path / "program"
    compiler = need_compiler("cc", "gcc")
    source = EXAMPLES / "parse_and_report.c"
    done = run(compiler, source, "-o", program, *done.stdout.split(), env=WITH_PATH)
    assert done.returncode == 0, done.stderr
    done = run(program, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_installed_package_builds_the_library_anew(wheel: Path, tmp_path: Path) -> None:
    python = install(wheel, tmp_path / "environment")
    library = site_packages(tmp_path / "environment") / "altlas_runner" / "c_library" / "lib" / "libaltlas_runner.so.0"
    library.unlink()
    done = run(python, "-m", "altlas_runner.ffi", "--build", env=WITH_PATH)
    assert (done.returncode, done.stdout) == (0, f"{library}\n"), done.stderr
    assert library.exists()


def test_without_a_compiler_the_wheel_is_one_of_python_alone(tmp_path: Path) -> None:
    code = f"import hatchling.build; print(hatchling.build.build_wheel({str(tmp_path)!r}))"
    done = run(sys.executable, "-c", code, cwd=ROOT, env=WITH_PATH | {"CC": "no-such-compiler"})
    assert done.returncode == 0, done.stderr
    assert "the wheel carries no C library: there is no C compiler" in done.stdout + done.stderr
    (made,) = tmp_path.glob("*.whl")
    assert made.name.endswith("-py3-none-any.whl")


@pytest.mark.skipif(
    not NIGHTLY, reason="installs the package for other Pythons, which takes minutes; make test-nightly"
)
@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_a_library_built_for_a_newer_python_works_there(version: str, tmp_path: Path, library: Library) -> None:
    found = [python for python in other_pythons() if version_of(python) == version]
    if not found:
        pytest.skip(f"there is no Python {version}")
    subprocess.run([found[0], "-m", "venv", tmp_path / "environment"], check=True)
    python = tmp_path / "environment" / "bin" / "python"
    install_it = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"{ROOT}[ffi]"]
    subprocess.run([python, *install_it, "--constraint", ROOT / "constraints.txt"], check=True)
    done = run(python, "-m", "altlas_runner.ffi", "--path")
    assert done.returncode == 0, done.stderr
    place = done.stdout.strip()
    done = run(library.program("opened_locally"), place, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    done = run(python, ROOT / "examples" / "python" / "ctypes_client.py", place, cwd=tmp_path)
    assert done.returncode == 0, done.stderr

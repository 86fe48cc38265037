"""Compiles and runs C programs against the library, and makes environments for it to be found in."""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.needs import need

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(__file__).parent / "programs"
EXAMPLES = ROOT / "examples" / "c"
NIGHTLY = os.environ.get("ALTLAS_EXAMPLES") == "nightly"

STRICT = ("-Wall", "-Wextra", "-Werror", "-pedantic")

Done = subprocess.CompletedProcess[str]

WITH_PATH = {"PATH": os.environ["PATH"]}
"""The environment of compilers and build tools, which call others."""


def need_compiler(command: str, package: str) -> str:
    found = shutil.which(command)
    need(f"{command} (Debian: {package})", found is not None)
    assert found is not None
    return found


def run(
    *command: str | Path, timeout: float = 120, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> Done:
    """Run a program with nothing in its environment but what is given."""
    return subprocess.run(
        [str(part) for part in command], env=env or {}, cwd=cwd, capture_output=True, text=True, timeout=timeout
    )


def build(prefix: Path, python: str | Path = sys.executable, **env: str) -> Done:
    """Build the library below `prefix` with `python -m altlas_runner.ffi`."""
    return subprocess.run(
        [str(python), "-m", "altlas_runner.ffi", "--build", "--prefix", str(prefix)],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
    )


def build_where_possible(prefix: Path, python: str | Path = sys.executable) -> None:
    """The same for tests; what a machine lacks is a reason to skip them, what the compiler refuses is not."""
    need_compiler("cc", "gcc")
    done = build(prefix, python)
    assert "refused" not in done.stderr, done.stderr
    need(f"what the library is built from ({done.stderr.strip()})", done.returncode == 0)


@dataclass(frozen=True)
class Library:
    """A library that was built, and the programs compiled against it."""

    prefix: Path
    work: Path
    compiled: dict[tuple[object, ...], Path] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        return self.prefix / "lib" / "libaltlas_runner.so.0"

    def compile(self, source: Path, *flags: str, language: str = "c") -> Path:
        """A program that finds the library by itself; compiled once."""
        key = (source, flags, language)
        if key not in self.compiled:
            program = self.work / f"{source.stem}-{len(self.compiled)}"
            compiler = need_compiler("cc", "gcc") if language == "c" else need_compiler("c++", "g++")
            standard = ("-x", "c", "-std=c11") if language == "c" else ("-x", "c++", "-std=c++17")
            own = ("-D_DEFAULT_SOURCE",) if source.parent == PROGRAMS else ()
            done = run(
                *(compiler, *standard, *STRICT, *own, "-g", "-pthread", *flags, f"-I{self.prefix / 'include'}"),
                *(source, "-x", "none", "-o", program, f"-L{self.path.parent}", f"-Wl,-rpath,{self.path.parent}"),
                *("-laltlas_runner", "-ldl"),
                env=WITH_PATH,
            )
            assert done.returncode == 0, done.stderr
            self.compiled[key] = program
        return self.compiled[key]

    def program(self, name: str, *flags: str) -> Path:
        """One of the programs beside this file."""
        return self.compile(PROGRAMS / f"{name}.c", *flags)


def make_environment(folder: Path, *, python: str | Path = sys.executable, packages: bool = True) -> Path:
    """A virtual environment without pip; returns its Python.

    Args:
        folder: where.
        python: of which it is.
        packages: whether it sees what the environment of the tests has: altlas_runner and all that it needs.
    """
    subprocess.run([str(python), "-m", "venv", "--without-pip", str(folder)], check=True)
    if packages:
        lines = [str(ROOT / "src"), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
        (site_packages(folder) / "seen.pth").write_text("\n".join(lines) + "\n")
    return folder / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"


def site_packages(environment: Path) -> Path:
    (found,) = environment.glob("lib/python3*/site-packages")
    return found


def leave_a_mark(environment: Path) -> Path:
    """A file that Python makes when it starts in this environment, wherever that is moved to: its path within."""
    code = "import os, sys\nopen(os.path.join(sys.prefix, 'started'), 'w').close()\n"
    (site_packages(environment) / "sitecustomize.py").write_text(code)
    return Path("started")


def other_pythons() -> list[Path]:
    """Every other Python of this machine that may have a library built for it, one of each kind."""
    places = [Path("/usr/bin"), Path("/usr/local/bin"), *Path.home().glob(".pyenv/versions/*/bin")]
    found = {path.resolve() for place in places for path in place.glob("python3.1[0-9]")}
    found.discard(Path(sys.executable).resolve())
    return sorted(found)


def version_of(python: Path) -> str:
    return python.name.removeprefix("python")


THIS_VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"

"""Plants a fault: a copy of the package in which one text of one module is replaced by another."""

from __future__ import annotations

import shutil
from pathlib import Path

import altlas_runner
from tests.simulation.planting import Fault

__all__ = ["package_with"]

_SOURCE = Path(altlas_runner.__file__).parent


def package_with(fault: Fault, place: Path) -> Path:
    """A directory in which `altlas_runner` has this fault, for processes to import it from.

    Raises:
        LookupError: the text does not stand in the code exactly once. The code has changed: plant the fault anew.
    """
    copy = place / _SOURCE.name
    shutil.copytree(_SOURCE, copy)  # with what is compiled, and the times by which Python knows that it is up to date
    found = [path for path in copy.rglob("*.py") for _ in range(path.read_text(encoding="utf-8").count(fault.text))]
    if len(found) != 1:
        raise LookupError(
            f'the fault "{fault.name}" does not fit the code any more: its text stands there {len(found)} times; '
            f"give it one that stands there once instead of\n{fault.text}"
        )
    (module,) = found
    module.write_text(module.read_text(encoding="utf-8").replace(fault.text, fault.instead), encoding="utf-8")
    return place

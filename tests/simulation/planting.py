"""Plants a fault: a copy of the task manager in which one text of one module is replaced by another."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import altlas_runner
from altlas_runner.task_manager import TaskManager

__all__ = ["Fault", "manager_with"]

_ROOM = "altlas_runner.task_manager"
_SOURCE = Path(altlas_runner.__file__).parent


@dataclass(frozen=True, slots=True)
class Fault:
    """A mistake somebody could make.

    Attributes:
        name: what is wrong with it.
        text: what stands somewhere in the code now, exactly once.
        instead: what stands there with the mistake.
    """

    name: str
    text: str
    instead: str


def manager_with(fault: Fault) -> type[TaskManager]:
    """The class `TaskManager` of a copy of the room with this fault; the room itself stays as it is.

    Raises:
        LookupError: the text does not stand there exactly once. The code has changed: plant the fault anew.
    """
    sources = _sources()
    count = sum(source.count(fault.text) for source in sources.values())
    if count != 1:
        raise LookupError(
            f'the fault "{fault.name}" does not fit the code any more: its text stands there {count} times; '
            f"give it one that stands there once instead of\n{fault.text}"
        )
    path, source = next((path, source) for path, source in sources.items() if fault.text in source)
    name = ".".join(("altlas_runner", *path.relative_to(_SOURCE).with_suffix("").parts))
    planter = _Planter(name, str(path), source.replace(fault.text, fault.instead))
    with _without_modules(name):
        sys.meta_path.insert(0, planter)
        try:
            manager: type[TaskManager] = importlib.import_module(f"{_ROOM}.manager").TaskManager
        finally:
            sys.meta_path.remove(planter)
    assert planter.was_used, f"nothing imports {name}"
    return manager


@cache
def _sources() -> dict[Path, str]:
    """The code in which faults may be planted: the task manager, and what it asks for order and for retries."""
    paths = [*_SOURCE.glob("task_manager/**/*.py"), _SOURCE / "alt_file" / "planning.py", _SOURCE / "retrying.py"]
    return {path: path.read_text(encoding="utf-8") for path in paths}


class _Planter(importlib.abc.MetaPathFinder, importlib.abc.SourceLoader):  # type: ignore[misc]  # typeshed, not ours
    """Finds one module, with another source."""

    def __init__(self, name: str, path: str, source: str) -> None:
        self._name = name
        self._path = path
        self._source = source
        self.was_used = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return importlib.util.spec_from_loader(fullname, self) if fullname == self._name else None

    def get_filename(self, fullname: str) -> str:
        return self._path

    def get_data(self, path: str | bytes) -> bytes:
        self.was_used = True
        return self._source.encode()


@contextmanager
def _without_modules(name: str) -> Iterator[None]:
    """Let the room and one module be imported afresh; afterwards everything is as it was."""
    hidden = {each: sys.modules.pop(each) for each in list(sys.modules) if each == name or each.startswith(_ROOM)}
    try:
        yield
    finally:
        for each in list(sys.modules):
            if each == name or each.startswith(_ROOM):
                del sys.modules[each]
        sys.modules.update(hidden)
        for each, module in hidden.items():
            parent, _, child = each.rpartition(".")
            setattr(sys.modules[parent], child, module)

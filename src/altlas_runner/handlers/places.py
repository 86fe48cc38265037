"""Where another process finds a function, how it gets it there, and whether it is the same one."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from altlas_runner.errors import ConfigurationError

__all__ = ["FunctionPlace", "is_loading_script", "load_function", "place_of", "source_digest"]

_SCRIPT_NAME = "__altlas_handlers__"

_loading_script = False


@dataclass(frozen=True, slots=True)
class FunctionPlace:
    """A function at the top level of a module.

    Attributes:
        module: its name, or None for a script.
        script: the path of the script, or None.
        name: of the function in it.
    """

    module: str | None
    script: str | None
    name: str


def place_of(function: Any, handler_name: str) -> FunctionPlace:
    """Where another process finds the function of a handler.

    Raises:
        ConfigurationError: it is not at the top level of a module or a script.
    """
    module = getattr(function, "__module__", None)
    name = getattr(function, "__qualname__", None)
    found: Any = sys.modules.get(module or "")
    for part in (name or "").split("."):
        found = getattr(found, part, None)
    if found is not function or module is None or name is None:
        raise ConfigurationError(
            f'the handler "{handler_name}" runs in another process, so its function must stand at the top level of a '
            "module (no lambda, no inner function, no method)"
        )
    if module != "__main__":
        return FunctionPlace(module, None, name)
    return _place_in_main(sys.modules["__main__"], name, handler_name)


def load_function(place: FunctionPlace) -> Callable[..., Any]:
    """The function at a place, loaded into this process; what its module raises goes through."""
    if place.module is None and _SCRIPT_NAME not in sys.modules:
        _load_script(place.script or "")
    found: Any = importlib.import_module(place.module or _SCRIPT_NAME)
    for part in place.name.split("."):
        found = getattr(found, part)
    function: Callable[..., Any] = found
    return function


def is_loading_script() -> bool:
    """Whether this process is loading the script in which a handler stands."""
    return _loading_script


@lru_cache(maxsize=256)
def source_digest(place: FunctionPlace) -> str:
    """SHA-256 of the source in which the function stands, by which two processes know that they mean the same.

    Looked for once in a process: what it has loaded is what it runs.

    Raises:
        ConfigurationError: there is no such module or script, or its source cannot be read.
    """
    file = place.script if place.module is None else _source_of(place.module)
    try:
        return hashlib.sha256(Path(file or "").read_bytes()).hexdigest()
    except OSError as error:
        raise ConfigurationError(f"the source of {place.module or place.script} cannot be read") from error


def _source_of(module: str) -> str | None:
    try:
        spec = importlib.util.find_spec(module)
    except Exception as error:  # the packages around it are imported, and may raise anything
        raise ConfigurationError(f"the module {module} cannot be found: {type(error).__name__}: {error}") from error
    if spec is None:
        raise ConfigurationError(
            f"there is no module {module} here: install it on every worker, or name its directory in their PYTHONPATH, "
            "and start them anew"
        )
    return spec.origin


def _load_script(script: str) -> None:
    global _loading_script
    spec = importlib.util.spec_from_file_location(_SCRIPT_NAME, script)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[_SCRIPT_NAME] = loaded
    _loading_script = True
    try:
        spec.loader.exec_module(loaded)
    except BaseException:
        del sys.modules[_SCRIPT_NAME]
        raise
    finally:
        _loading_script = False


def _place_in_main(main: ModuleType, name: str, handler_name: str) -> FunctionPlace:
    spec = getattr(main, "__spec__", None)
    if spec is not None:  # started with python -m
        return FunctionPlace(spec.name, None, name)
    script = getattr(main, "__file__", None)
    if script is None:
        raise ConfigurationError(
            f'the handler "{handler_name}" runs in another process, which cannot find a function typed into a session: '
            "put it in a file"
        )
    return FunctionPlace(None, str(Path(script).absolute()), name)

"""What hatchling runs when it makes a wheel: the C library is compiled and goes into the wheel, with its sources.

Where it cannot be compiled the wheel is one of Python alone; `python -m altlas_runner.ffi --build` can make up for it.
An editable install gets none; `make ffi` builds it there.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

IN_PACKAGE = "altlas_runner/c_library"


class CLibraryHook(BuildHookInterface[Any]):
    """Adds `altlas_runner/c_library`: lib, include, and ffi with what they are built from."""

    PLUGIN_NAME = "c_library"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build before the wheel is put together."""
        if version == "editable":
            return
        root = Path(self.root)
        included: dict[str, str] = build_data["force_include"]
        for source in (root / "pyproject.toml", *(path for path in sorted((root / "ffi").iterdir()) if path.is_file())):
            included[str(source)] = f"{IN_PACKAGE}/{source.relative_to(root)}"
        self._built = TemporaryDirectory(prefix="altlas-runner-wheel-")
        prefix = Path(self._built.name)
        try:
            builder = _builder(root / "ffi" / "build.py")
            builder.build(prefix, with_sidecar=False)
        except Exception as error:  # whatever it is, Python alone works without
            self.app.display_warning(f"the wheel carries no C library: {error}")
            header = root / "include" / "altlas_runner.h"
            included[str(header)] = f"{IN_PACKAGE}/include/{header.name}"
            return
        for path in sorted(prefix.rglob("*")):
            if path.is_file():
                included[str(path)] = f"{IN_PACKAGE}/{path.relative_to(prefix)}"
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Take away what was built beside it."""
        if version != "editable":
            self._built.cleanup()


def _builder(path: Path) -> ModuleType:
    """The builder as a module; by its path, because other modules are called build."""
    spec = importlib.util.spec_from_file_location("altlas_runner_c_builder", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

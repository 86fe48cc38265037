"""Helpers for tests of programs that use altlas_runner: a clock that jumps, a scripted executor, ALT files to try.

The strategies (`alt_files`, `documents`, `graphs`, `json_values`, `tasks`) need Hypothesis, which only they import.

Example:
    >>> executor = FakeExecutor(durations={"fetch": 60.0})
    >>> results = run_in_virtual_time(lambda: TaskManager(alt_file, executor).run())  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from altlas_runner.testing.running import Call, FakeExecutor, VirtualClockLoop, alt_file_of, run_in_virtual_time

if TYPE_CHECKING:
    from altlas_runner.testing.strategies import alt_files, documents, graphs, json_values, tasks

__all__ = [
    "Call",
    "FakeExecutor",
    "VirtualClockLoop",
    "alt_file_of",
    "alt_files",
    "documents",
    "graphs",
    "json_values",
    "run_in_virtual_time",
    "tasks",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from altlas_runner.testing import strategies

    return getattr(strategies, name)

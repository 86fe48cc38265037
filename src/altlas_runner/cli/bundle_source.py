"""Where commands get a bundle from: a directory, its `result.last`, or `-` for a `result.last` on stdin."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from altlas_runner.cli.diagnostics import STDIN
from altlas_runner.errors import BundleError
from altlas_runner.last_file import LastFile, read_output
from altlas_runner.last_file.artifacts.reading import output_artifact
from altlas_runner.last_file.models import RESULT_NAME
from altlas_runner.results import TaskResult
from altlas_runner.task_manager.journal import JOURNAL_NAME

__all__ = ["Bundle", "bundle_argument", "read_bundle"]


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle that was read.

    Attributes:
        last_file: its `result.last`.
        directory: where its other files are; None when it came from stdin.
    """

    last_file: LastFile
    directory: Path | None

    def output_of(self, result: TaskResult) -> Any:
        """The whole output of a task.

        Raises:
            BundleError: it is an artifact that cannot be read.
        """
        if self.directory is not None:
            return read_output(self.directory, result)
        artifact = output_artifact(result)
        if artifact is not None:
            raise BundleError(artifact.path, "it holds an output, and stdin has only result.last: name the bundle")
        return result.output


def bundle_argument(name: str = "bundle") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The argument that names a bundle."""
    return click.argument(name, type=click.Path(path_type=Path, readable=False, allow_dash=True))


def read_bundle(path: Path) -> Bundle:
    """Read a bundle.

    Raises:
        BundleError: it cannot be read, or another version of altlas_runner wrote it.
    """
    if path == STDIN:
        if sys.stdin is None:  # closed by whoever started the command
            raise BundleError("stdin", "there is none to read from")
        return Bundle(LastFile.from_json(sys.stdin.buffer.read(), source="stdin"), None)
    if path.is_dir() and not (path / RESULT_NAME).exists() and (path / JOURNAL_NAME).exists():
        raise BundleError(
            path,
            f"its run has not ended: altlas-runner resume {path} goes on with it, "
            f"and altlas-runner show --recover {path} says how far it came",
        )
    return Bundle(LastFile.from_path(path), path if path.is_dir() else path.parent)

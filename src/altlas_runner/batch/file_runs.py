"""One file of a batch, run in this program: whatever it holds, there is a row for it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from altlas_runner.alt_file import AltParser
from altlas_runner.alt_file.diagnostics import quoted
from altlas_runner.batch.rows import BatchRow
from altlas_runner.errors import AltlasRunnerError, AltParseError, BundleError
from altlas_runner.statuses import TaskStatus

if TYPE_CHECKING:
    from altlas_runner.runner import Runner

__all__ = ["run_file_here"]

_log = logging.getLogger("altlas_runner")

_YAML_SUFFIXES = (".yaml", ".yml")
_MOST_DIAGNOSTICS = 20


async def run_file_here(
    runner: Runner,
    content: bytes,
    provenance: Mapping[str, str],
    *,
    inputs: Mapping[str, Any],
    seed: int | None,
    going_on: Path | None,
) -> BatchRow:
    """Run a file and say how it ended; it never raises for what the file holds.

    Args:
        runner: runs it.
        content: of the file.
        provenance: its path, its SHA-256 and that of its inputs, as `provenance_of` says them.
        inputs: of the file.
        seed: of the jitter between attempts.
        going_on: the bundle of an interrupted run of the same, which goes on; None begins one.

    Raises:
        BundleError: the bundle cannot be written.
    """
    path, sha256 = provenance["alt_file_path"], provenance["alt_file_sha256"]
    try:
        is_yaml = Path(path).suffix.lower() in _YAML_SUFFIXES
        alt_file = AltParser().parse_from_string(content, is_yaml=is_yaml)
        if going_on is not None:
            last_file = await runner.resume(going_on, alt_file, inputs=inputs, seed=seed)
        else:
            last_file = await runner.execute(alt_file, seed=seed, inputs=inputs, provenance=provenance)
    except AltParseError as error:
        found = [diagnostic.to_dict() for diagnostic in error.diagnostics[:_MOST_DIAGNOSTICS]]
        return BatchRow(path, sha256, "invalid", diagnostics=found)
    except BundleError:
        raise
    except AltlasRunnerError as error:
        return BatchRow(path, sha256, "refused", error=str(error))
    except Exception as error:  # one file must not end the batch
        _log.exception("the file %s could not be run", quoted(path))
        return BatchRow(path, sha256, "refused", error=f"{type(error).__name__}: {error}")
    cancelled = any(
        result.status is TaskStatus.CANCELLED and result.error_code == "CANCELLED" for result in last_file.task_results
    )
    return BatchRow.of_run(path, sha256, last_file, cancelled=cancelled)

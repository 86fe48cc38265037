"""Runs that are interrupted at a chosen place: some tasks have completed, the others wait for their answers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from time import monotonic, sleep

from tests.durability.command_line import PATIENCE_SECONDS, CommandLine, run
from tests.durability.flows import CountingService

__all__ = ["interrupted"]


def interrupted(
    programs: CommandLine,
    service: CountingService,
    alt: Path,
    output: Path,
    completed: Collection[str],
    env: Mapping[str, str] | None = None,
) -> Path:
    """Run a file until just these tasks have completed, then kill the process; the bundle that is left.

    The calls so far are forgotten, so that the service counts those of the resumed run alone.
    """
    service.gate = completed.__contains__
    process = programs.start(run(alt, output, service.url), env)
    patience = monotonic() + PATIENCE_SECONDS
    while process.completed() != set(completed):
        assert not process.has_ended(0.01), process.stderr
        assert monotonic() < patience, process.stderr
    sleep(0.05)
    process.kill()
    service.gate = lambda task_id: True
    (bundle,) = output.iterdir()
    service.ledgers.pop(bundle.name)
    return bundle

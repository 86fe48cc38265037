"""How large an ALT file may be before it is refused, so that no file can exhaust the program that reads it."""

from __future__ import annotations

from dataclasses import dataclass

from altlas_runner.alt_file.diagnostics import Diagnostic
from altlas_runner.alt_file.models import AltFile

__all__ = ["Limits"]

_SHORTEST_DEPENDENCY = len('"",')


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of an ALT file. The defaults let a local file with a million tasks through.

    Depth is bounded apart: values may be nested about 200 levels deep.

    Attributes:
        size_bytes: of the text.
        tasks: how many.
        dependencies: of all tasks together.
        help: what whoever meets one of them is told to do.
    """

    size_bytes: int = 1 << 30
    tasks: int = 2_000_000
    dependencies: int = 20_000_000
    help: str = "split it, or raise the limit with AltParser.with_limits"

    def size_problem(self, size: int) -> Diagnostic | None:
        """What is wrong with a text of this many bytes, or None."""
        if size <= self.size_bytes:
            return None
        return Diagnostic(
            "ALT306",
            f"the file is larger than {self.size_bytes:,} bytes",
            help=self.help,
        )

    def count_problems(self, alt_file: AltFile, size: int) -> list[Diagnostic]:
        """What is wrong with the number of tasks and dependencies of a file whose text has this many bytes."""
        tasks = alt_file.tasks
        dependencies = 0
        if size > self.dependencies * _SHORTEST_DEPENDENCY:  # in a smaller text there is no room for too many
            dependencies = sum(map(len, filter(None, [task.dependencies for task in tasks])))
        counts = (("tasks", len(tasks), self.tasks), ("dependencies", dependencies, self.dependencies))
        return [
            Diagnostic(
                "ALT306",
                f"the file has {count:,} {name}; {limit:,} are the limit",
                "/tasks",
                help=self.help,
            )
            for name, count, limit in counts
            if count > limit
        ]

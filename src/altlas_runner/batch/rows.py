"""What a batch writes down about each file, and adds up over all of them. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_args

from altlas_runner.event_json import rfc3339
from altlas_runner.last_file import LastFile
from altlas_runner.last_file.models import FORMAT_VERSION
from altlas_runner.statuses import STOPPING_CODES

__all__ = ["BatchRow", "BatchSummary", "RowStatus"]

RowStatus = Literal["success", "partial_success", "failure", "invalid", "refused", "cancelled", "lost"]
"""How a file ended: the first three as its LAST file says; invalid: it has errors (`diagnostics`); refused: it could
not be run as the batch is configured; cancelled: the batch was interrupted; lost: its worker was. A resume runs files
again that were cancelled or lost."""

_ALWAYS_SAID = ("sha256", "cost")


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One file: a line of `index.jsonl`.

    Attributes:
        path: of the file.
        sha256: of its content, or None when it cannot be read.
        status: how it ended.
        last_file_id: the id of its run, and the name of its bundle beside the index; None when nothing was run.
        tasks: how many results it has.
        completed: how many tasks completed.
        error_codes: how many tasks ended with each error code.
        error: the reason in words when nothing was run.
        diagnostics: what is wrong with the file (invalid).
        started_at: when its run began (RFC 3339, UTC).
        execution_time_ms: of its run.
        input_tokens: sent, over all its tasks.
        output_tokens: received.
        cost: or None when it is not known.
        worker: which worker of a cluster ran the file, or None.
    """

    path: str
    sha256: str | None
    status: RowStatus
    last_file_id: str | None = None
    tasks: int = 0
    completed: int = 0
    error_codes: Mapping[str, int] = field(default_factory=dict)
    error: str | None = None
    diagnostics: list[dict[str, Any]] = field(default_factory=list)
    started_at: str | None = None
    execution_time_ms: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None
    worker: str | None = None

    @property
    def is_finished(self) -> bool:
        """Whether a resume passes the file over as long as its content is the same."""
        return self.status not in ("cancelled", "lost") and self.sha256 is not None

    def to_line(self) -> bytes:
        """The row as one line of JSON; most of what is nothing is left out."""
        values = ((each.name, getattr(self, each.name)) for each in fields(self))
        said = {name: value for name, value in values if value or name in _ALWAYS_SAID}
        return json.dumps(said, ensure_ascii=True).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> BatchRow:
        """The row in a line.

        Raises:
            ValueError: the line is no row.
        """
        said = json.loads(line)
        if not isinstance(said, dict) or said.get("status") not in get_args(RowStatus):
            raise ValueError("not a row of a batch")
        try:
            return cls(**said)
        except TypeError as error:
            raise ValueError("not a row of a batch") from error

    @classmethod
    def of_run(cls, path: str, sha256: str, last_file: LastFile, *, cancelled: bool) -> BatchRow:
        """The row of a file that was run.

        Args:
            path: of the file.
            sha256: of its content.
            last_file: what came of it.
            cancelled: whether the run was ended from outside.
        """
        results = last_file.task_results
        usages = [result.usage for result in results if result.usage is not None]
        costs = [usage.cost for usage in usages if usage.cost is not None]
        return cls(
            path=path,
            sha256=sha256,
            status="cancelled" if cancelled else last_file.status.value,
            last_file_id=last_file.id,
            tasks=len(results),
            completed=len(last_file.get_successful_tasks()),
            error_codes=dict(Counter(result.error_code for result in results if result.error_code)),
            started_at=rfc3339(last_file.execution_started),
            execution_time_ms=last_file.total_execution_time_ms,
            input_tokens=sum(usage.input_tokens for usage in usages),
            output_tokens=sum(usage.output_tokens for usage in usages),
            cost=sum(costs) if usages and len(costs) == len(usages) else None,
        )


@dataclass(slots=True)
class BatchSummary:
    """All rows of a batch, added up: `batch.json`.

    Attributes:
        files: how many files the batch has.
        rows: how many of them have a row.
        skipped: how many of these are of an earlier run of the batch.
        statuses: how many rows have each status.
        tasks: results in all rows.
        completed: tasks that completed.
        error_codes: how many tasks ended with each error code.
        input_tokens: sent.
        output_tokens: received.
        cost: of the rows that know it.
        execution_time_ms: the time of all runs together; many go on at one time.
        elapsed_seconds: how long this run of the batch took.
        interrupted: whether it was ended before its last file.
    """

    files: int
    rows: int = 0
    skipped: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    tasks: int = 0
    completed: int = 0
    error_codes: Counter[str] = field(default_factory=Counter)
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0
    execution_time_ms: int = 0
    elapsed_seconds: float = 0.0
    interrupted: bool = False

    def add(self, row: BatchRow, *, earlier: bool = False) -> None:
        """Count a row; `earlier` when it is of an earlier run of the batch."""
        self.rows += 1
        self.skipped += earlier
        self.statuses[row.status] += 1
        self.tasks += row.tasks
        self.completed += row.completed
        self.error_codes.update(row.error_codes)
        self.input_tokens += row.input_tokens
        self.output_tokens += row.output_tokens
        self.cost += row.cost or 0.0
        self.execution_time_ms += row.execution_time_ms

    @property
    def is_success(self) -> bool:
        """Whether every file has a row and every task of every one completed."""
        return self.rows == self.files and self.statuses["success"] == self.files

    @property
    def files_per_second(self) -> float:
        """How many files this run of the batch ended in a second."""
        return (self.rows - self.skipped) / self.elapsed_seconds if self.elapsed_seconds else 0.0

    @property
    def was_stopped(self) -> bool:
        """Whether a budget or the deadline of a run stopped one."""
        return any(self.error_codes[code] for code in STOPPING_CODES)

    def to_json(self) -> dict[str, Any]:
        """The object in `batch.json`."""
        numbers = {each.name: getattr(self, each.name) for each in fields(self)}
        return {"format": FORMAT_VERSION, **numbers, "files_per_second": round(self.files_per_second, 3)}

"""`batch.json` and `batch.html`: how a batch went, for programs and for people. Written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from itertools import islice
from pathlib import Path
from urllib.parse import quote

from altlas_runner.atomic_file import write_atomically
from altlas_runner.batch.index import INDEX_NAME, rows_of
from altlas_runner.batch.rows import BatchRow, BatchSummary
from altlas_runner.batch.sources import SUMMARY_NAME, FileKey
from altlas_runner.errors import BundleError
from altlas_runner.last_file.report.formats import format_cost, format_duration
from altlas_runner.last_file.table_page import MOST_ROWS, table_page

__all__ = ["PAGE_NAME", "render_page", "write_pages"]

PAGE_NAME = "batch.html"

_LONGEST = 300


def write_pages(output_dir: Path, summary: BatchSummary, files: Collection[FileKey]) -> None:
    """Write both beside the index, whose rows of these files the page shows.

    Raises:
        BundleError: one of them cannot be written.
    """
    index = output_dir / INDEX_NAME
    troubled = islice((row for row in rows_of(index) if row.key in files and row.status != "success"), MOST_ROWS)
    successful = islice((row for row in rows_of(index) if row.key in files and row.status == "success"), MOST_ROWS)
    page = render_page(summary, list(troubled), list(successful))
    try:
        write_atomically(output_dir / SUMMARY_NAME, json.dumps(summary.to_json(), indent=2).encode() + b"\n")
        write_atomically(output_dir / PAGE_NAME, page.encode())
    except OSError as error:
        raise BundleError(output_dir, f"the page of the batch cannot be written: {error.strerror or error}") from error


def render_page(summary: BatchSummary, troubled: Iterable[BatchRow], successful: Iterable[BatchRow]) -> str:
    """The page. Pure.

    Args:
        summary: the numbers.
        troubled: the first rows of files that did not end well.
        successful: the first rows of those that did.
    """
    good = summary.statuses["success"]
    return table_page(
        "altlas_runner.batch",
        longest=_LONGEST,
        summary=summary,
        sections=(
            ("Files that need a look", list(troubled), summary.rows - good),
            ("Files that completed", list(successful), good),
        ),
        codes=summary.error_codes.most_common(20),
        duration=format_duration,
        cost=format_cost,
        reason=_reason,
        link=lambda row: f"{quote(row.last_file_id, safe='')}/report.html",
    )


def _reason(row: BatchRow) -> str:
    """Why a file did not end well, in a few words."""
    if row.error is not None:
        return row.error
    if row.diagnostics:
        first = row.diagnostics[0]
        more = f" … and {len(row.diagnostics) - 1:,} more" if len(row.diagnostics) > 1 else ""
        return f"{first.get('code')}: {first.get('message')}{more}"
    return ", ".join(f"{code} ({count:,})" for code, count in row.error_codes.items())

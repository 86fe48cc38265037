"""`batch.json` and `batch.html`: how a batch went, for programs and for people. Written whole or not at all."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from altlas_runner.atomic_file import write_atomically
from altlas_runner.batch.index import INDEX_NAME, rows_of
from altlas_runner.batch.rows import BatchRow, BatchSummary
from altlas_runner.errors import BundleError
from altlas_runner.last_file.report.formats import format_cost, format_duration
from altlas_runner.last_file.visible_text import shortened, visible

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = ["MOST_ROWS", "PAGE_NAME", "SUMMARY_NAME", "render_page", "write_pages"]

SUMMARY_NAME = "batch.json"
PAGE_NAME = "batch.html"

MOST_ROWS = 1000
"""How many files each table shows; what is left out is counted."""

_LONGEST = 300


def write_pages(output_dir: Path, summary: BatchSummary) -> None:
    """Write both beside the index, whose rows the page shows.

    Raises:
        BundleError: one of them cannot be written.
    """
    index = output_dir / INDEX_NAME
    troubled = islice((row for row in rows_of(index) if row.status != "success"), MOST_ROWS)
    successful = islice((row for row in rows_of(index) if row.status == "success"), MOST_ROWS)
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
    from markupsafe import Markup

    style = files("altlas_runner.batch").joinpath("page.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    good = summary.statuses["success"]
    return _template().render(
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
        style=Markup(style),  # noqa: S704 - a file of this package
        style_hash=f"sha256-{digest}",
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


def _finalize(value: Any) -> Any:
    """What happens to every expression of the template before it is escaped."""
    return visible(shortened(value, _LONGEST)) if type(value) is str else value


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, finalize=_finalize, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    text = files("altlas_runner.batch").joinpath("page.html").read_text(encoding="utf-8")
    return environment.from_string(text)

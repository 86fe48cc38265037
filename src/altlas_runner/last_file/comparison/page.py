"""`render_comparison`: two runs side by side as one self-contained HTML page, without scripts. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from altlas_runner.last_file.models import percent
from altlas_runner.last_file.report.formats import format_duration, format_time
from altlas_runner.last_file.table_page import MOST_ROWS, table_page

if TYPE_CHECKING:
    from altlas_runner.last_file.comparison.comparing import Comparison

__all__ = ["render_comparison"]

_LONGEST = 200


def render_comparison(comparison: Comparison) -> str:
    """The comparison as an HTML page; equal comparisons give equal bytes."""
    changes = comparison.changes
    sections = (
        ("Status", "ended otherwise", [change for change in changes if change.status_changed]),
        ("Output", "completed in both runs with other outputs", [c for c in changes if c.output_changed]),
        ("Duration", "took at least a quarter and 0.1 s more or less", [c for c in changes if c.duration_changed]),
    )
    return table_page(
        "altlas_runner.last_file.comparison",
        longest=_LONGEST,
        runs=(("Before", comparison.before), ("After", comparison.after)),
        sections=[(name, what, found[:MOST_ROWS], len(found)) for name, what, found in sections],
        task_count=comparison.task_count,
        duration=format_duration,
        time=format_time,
        percent=percent,
    )

"""`render_comparison`: two runs side by side as one self-contained HTML page, without scripts. Pure."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from altlas_runner.last_file.models import percent
from altlas_runner.last_file.report.formats import format_duration, format_time
from altlas_runner.last_file.visible_text import shortened, visible

if TYPE_CHECKING:
    from jinja2 import Template

    from altlas_runner.last_file.comparison.comparing import Comparison

__all__ = ["MOST_ROWS", "render_comparison"]

MOST_ROWS = 1000
"""How many tasks each table shows; what is left out is counted."""

_LONGEST = 200


def render_comparison(comparison: Comparison) -> str:
    """The comparison as an HTML page; equal comparisons give equal bytes."""
    from markupsafe import Markup

    style = files("altlas_runner.last_file.comparison").joinpath("page.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    changes = comparison.changes
    sections = (
        ("Status", "ended otherwise", [change for change in changes if change.status_changed]),
        ("Output", "completed in both runs with other outputs", [c for c in changes if c.output_changed]),
        ("Duration", "took at least a quarter and 0.1 s more or less", [c for c in changes if c.duration_changed]),
    )
    return _template().render(
        runs=(("Before", comparison.before), ("After", comparison.after)),
        sections=[(name, what, found[:MOST_ROWS], len(found)) for name, what, found in sections],
        task_count=comparison.task_count,
        duration=format_duration,
        time=format_time,
        percent=percent,
        style=Markup(style),  # noqa: S704 - a file of this package
        style_hash=f"sha256-{digest}",
    )


def _finalize(value: Any) -> Any:
    """What happens to every expression of the template before it is escaped."""
    return visible(shortened(value, _LONGEST)) if type(value) is str else value


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, finalize=_finalize, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    text = files("altlas_runner.last_file.comparison").joinpath("page.html").read_text(encoding="utf-8")
    return environment.from_string(text)

"""`render_report`: from a LAST file to one self-contained HTML page. Pure: equal LAST files give equal bytes."""

from __future__ import annotations

import gc
from functools import cache
from typing import TYPE_CHECKING, Any

from altlas_runner.last_file.report.details import CHUNK, detail_chunks
from altlas_runner.last_file.report.packing import packed
from altlas_runner.last_file.report.page_parts import LOOK, SYMBOLS, joined_scripts, page_part, policy_hash
from altlas_runner.last_file.report.run_record import RunRecord
from altlas_runner.last_file.report.view import view_of
from altlas_runner.last_file.visible_text import visible

if TYPE_CHECKING:
    from jinja2 import Template

    from altlas_runner.last_file.models import LastFile

__all__ = ["SCRIPTS", "render_report"]

SCRIPTS = (
    "elements",
    "text",
    "packed",
    "tasks",
    "choice",
    "scrolling",
    "table",
    "painting",
    "timeline",
    "graph",
    "json_colours",
    "drawer",
    "downloads",
    "theme",
    "page",
)
"""The scripts of the page in the order in which they are put together; a later one may use an earlier one."""

_PAGE, _PAGE_OF_A_TASK = 800_000, 188
"""Bytes that a page may have: 1 MB for 1,000 tasks, less than 20 MB for 100,000."""
_STATIC = 150_000  # what the page has beside graph, index and details


def render_report(last_file: LastFile) -> str:
    """The report of a run as an HTML page.

    It needs no other file and no network, and says so in its content security policy, which lets its own style sheet
    and script work and nothing else. Without scripts it still shows verdict, numbers, failures, graph and details.
    Long outputs are shortened and say where all of them is.

    Args:
        last_file: the only source: the same LAST file gives the same page, byte for byte.
    """
    collecting = gc.isenabled()
    gc.disable()  # 100,000 results are a million objects, none of them garbage
    try:
        return _rendered(last_file)
    finally:
        if collecting:
            gc.enable()


def _rendered(last_file: LastFile) -> str:
    from markupsafe import Markup

    style, script = page_part(LOOK) + page_part("style.css"), _script()
    record = RunRecord(last_file)
    view = view_of(record)
    index = packed({**view.index, "chunk": CHUNK})
    budget = _PAGE + _PAGE_OF_A_TASK * len(record) - _STATIC - len(index) - len(view.svg or "")
    budget -= sum(
        len(row.picture[1]) if row.picture else len((row.excerpt or {}).get("text", "")) for row in view.artifacts
    )
    return _template().render(
        view=view,
        svg=Markup(view.svg) if view.svg else None,  # noqa: S704 - the SVG escapes every text itself
        symbols=Markup(page_part(SYMBOLS).rstrip()),  # noqa: S704 - a file of this package
        style=Markup(style),  # noqa: S704 - a file of this package
        script=Markup(script),  # noqa: S704 - files of this package
        style_hash=policy_hash(style),
        script_hash=policy_hash(script),
        index=Markup(index),  # noqa: S704 - base64
        details=[Markup(chunk) for chunk in detail_chunks(record, budget=budget)],  # noqa: S704 - base64
    )


@cache
def _script() -> str:
    return joined_scripts(page_part(f"script/{name}.js") for name in SCRIPTS)


def _finalize(value: Any) -> Any:
    """What happens to every expression of the template before it is escaped."""
    return visible(value) if type(value) is str else value


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, finalize=_finalize, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(page_part("template.html"))

"""`render_report`: from a LAST file to one self-contained HTML page. Pure: equal LAST files give equal bytes."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from altlas_runner.last_file.report.view import view_of
from altlas_runner.last_file.visible_text import visible

if TYPE_CHECKING:
    from jinja2 import Template

    from altlas_runner.last_file.models import LastFile

__all__ = ["render_report"]


def render_report(last_file: LastFile) -> str:
    """The report of a run as an HTML page.

    It needs no other file, no network and no script, and says in its content security policy that it may use none.
    Outputs of more than 20,000 characters are shortened and say so.

    Args:
        last_file: the only source: the same LAST file gives the same page, byte for byte.
    """
    from markupsafe import Markup

    style = _package_text("style.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    view = view_of(last_file)
    return _template().render(
        view=view,
        svg=Markup(view.svg) if view.svg else None,  # noqa: S704 - the SVG escapes every text itself
        style=Markup(style),  # noqa: S704 - a file of this package
        style_hash=f"sha256-{digest}",
    )


def _finalize(value: Any) -> Any:
    """What happens to every expression of the template before it is escaped."""
    return visible(value) if type(value) is str else value


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, finalize=_finalize, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_package_text("template.html"))


def _package_text(name: str) -> str:
    return files("altlas_runner.last_file.report").joinpath(name).read_text(encoding="utf-8")

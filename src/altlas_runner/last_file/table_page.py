"""A page of tables with the look of the report and without scripts: for the comparison of two runs, and for batches."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from altlas_runner.last_file.report.page_parts import LOOK, page_part, policy_hash
from altlas_runner.last_file.visible_text import shortened, visible

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = ["MOST_ROWS", "table_page"]

MOST_ROWS = 1000
"""How many rows each table shows; what is left out is counted."""

_HERE = "altlas_runner.last_file"


def table_page(package: str, *, longest: int, **values: Any) -> str:
    """The page that `page.html` of a package fills into `table_page.html`, with `page.css` behind the common look.

    Args:
        package: where the two files are.
        longest: characters of each value that are shown.
        values: for the template; equal ones give equal bytes.
    """
    from markupsafe import Markup

    style = page_part(LOOK) + _part(_HERE, "table_page.css") + _part(package, "page.css")
    return _template(package, longest).render(
        **values,
        style=Markup(style),  # noqa: S704 - files of this package
        style_hash=policy_hash(style),
    )


def _part(package: str, name: str) -> str:
    return files(package).joinpath(name).read_text(encoding="utf-8")


@cache
def _template(package: str, longest: int) -> Template:
    from jinja2 import DictLoader, Environment, StrictUndefined

    def finalize(value: Any) -> Any:  # what happens to every expression before it is escaped
        return visible(shortened(value, longest)) if type(value) is str else value

    return Environment(
        loader=DictLoader(
            {"table_page.html": _part(_HERE, "table_page.html"), "page.html": _part(package, "page.html")}
        ),
        autoescape=True,
        finalize=finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    ).get_template("page.html")

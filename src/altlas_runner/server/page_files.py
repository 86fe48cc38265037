"""The page at `/` and the files it is made of: fixed texts, the same for everybody, under a strict policy."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.resources import files

from aiohttp import web

from altlas_runner.last_file.report.page_parts import LOOK, SYMBOLS, joined_scripts, page_part
from altlas_runner.server.operations import Answer, Operation, Text

__all__ = ["POLICY", "SCRIPTS", "PageEndpoints"]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
"""The page may load its own two files and ask its own service; nothing that it shows can become markup or script."""

_SHARED = ("elements", "text", "theme")
SCRIPTS = ("service", "standing", "statuses", "diagnostics", "paper", "submission", "runs", "run_view", "page")
"""The scripts of the page in the order in which they are put together, behind those of the report that it shares."""


class PageEndpoints:
    """Gives the page, which is open: it holds no secret, and asks for the token itself."""

    def operations(self) -> list[Operation]:
        """What is offered."""
        return [
            _fixed("/", "page", "The page for people.", "text/html", _document),
            _fixed("/assets/page.css", "pageStyle", "The style sheet of the page.", "text/css", _style),
            _fixed("/assets/page.js", "pageScript", "The script of the page.", "text/javascript", _script),
        ]


def _fixed(path: str, name: str, summary: str, media_type: str, text: Callable[[], str]) -> Operation:
    """The operation that gives a text of this package."""

    async def give(request: web.Request) -> web.StreamResponse:
        headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"}
        return web.Response(text=text(), content_type=media_type, charset="utf-8", headers=headers)

    return Operation("GET", path, name, summary, give, {200: Answer("It.", Text(media_type))}, is_open=True)


@cache
def _document() -> str:
    return _own("page.html").replace("{{ symbols }}", page_part(SYMBOLS).rstrip())


@cache
def _style() -> str:
    return page_part(LOOK) + _own("page.css")


@cache
def _script() -> str:
    shared = [page_part(f"script/{name}.js") for name in _SHARED]
    return joined_scripts([*shared, *(_own(f"script/{name}.js") for name in SCRIPTS)])


def _own(name: str) -> str:
    return files("altlas_runner.server").joinpath("page", *name.split("/")).read_text(encoding="utf-8")

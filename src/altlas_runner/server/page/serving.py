"""The page, its style sheet and its script as the service gives them: fixed texts, the same for everybody."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cache
from importlib.resources import files

from aiohttp import web

from altlas_runner.last_file.report.page_parts import LOOK, SYMBOLS, joined_scripts, page_part

__all__ = ["POLICY", "SCRIPTS", "page_routes"]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
"""The content security policy of the page: its own files and requests to its own service, nothing else."""

_SHARED = ("elements", "text", "theme")
SCRIPTS = ("service", "standing", "statuses", "diagnostics", "paper", "submission", "runs", "run_view", "page")
"""The scripts of the page in the order in which they are put together, behind those of the report that it shares."""


def page_routes() -> list[web.RouteDef]:
    """The routes of the page: `/`, `/assets/page.css` and `/assets/page.js`. They hold nothing that needs a token."""
    return [
        web.get("/", _fixed("text/html", _document)),
        web.get("/assets/page.css", _fixed("text/css", _style)),
        web.get("/assets/page.js", _fixed("text/javascript", _script)),
    ]


def _fixed(content_type: str, text: Callable[[], str]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(_: web.Request) -> web.Response:
        headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"}
        return web.Response(text=text(), content_type=content_type, charset="utf-8", headers=headers)

    return answer


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
    return files("altlas_runner.server.page").joinpath(name).read_text(encoding="utf-8")

"""The page at `/`, and the files it is made of: read once, given as they are, and allowed to load nothing else."""

from __future__ import annotations

from importlib.resources import files

from aiohttp import web

from altlas_runner.server.operations import Answer, Operation, Parameter, Text
from altlas_runner.server.problems import Problem

__all__ = ["PageEndpoints"]

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_INDEX = "index.html"


class PageEndpoints:
    """Gives the page, which is open: it holds no secret, and asks for the token itself."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[bytes, str]] = {}
        for file in files("altlas_runner.server").joinpath("page").iterdir():
            kind = _TYPES.get("." + file.name.rpartition(".")[2])
            if kind is not None:
                self._files[file.name] = (file.read_bytes(), kind)

    def operations(self) -> list[Operation]:
        """What is offered."""
        kinds = ",".join(kind.partition(";")[0] for kind in _TYPES.values())
        name = Parameter("name", "path", {"type": "string", "enum": sorted(self._files) or [_INDEX]}, "The file's.")
        return [
            Operation(
                "GET",
                "/",
                "page",
                "The page for people.",
                self.index,
                {200: Answer("The page.", Text("text/html"))},
                is_open=True,
            ),
            Operation(
                "GET",
                "/page/{name}",
                "pageFile",
                "A file that the page is made of.",
                self.file,
                {200: Answer("The file.", Text(kinds))},
                {404: "There is no such file."},
                (name,),
                is_open=True,
            ),
        ]

    async def index(self, request: web.Request) -> web.StreamResponse:
        """Give the page."""
        return self._give(_INDEX)

    async def file(self, request: web.Request) -> web.StreamResponse:
        """Give a file of it."""
        return self._give(request.match_info["name"])

    def _give(self, name: str) -> web.StreamResponse:
        if name not in self._files:
            raise Problem(404, "the page has no such file")
        content, kind = self._files[name]
        headers = {"Content-Type": kind, "Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"}
        return web.Response(body=content, headers=headers)

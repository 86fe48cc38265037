"""The endpoints that give the files of bundles, read-only: results, reports, graphs, artifacts."""

from __future__ import annotations

import asyncio
import os
from typing import BinaryIO
from urllib.parse import quote

from aiohttp import web

from altlas_runner.last_file.artifacts.places import open_file_below
from altlas_runner.last_file.artifacts.store import ARTIFACTS_NAME
from altlas_runner.last_file.bundle import REPORT_NAME, RUN_ID
from altlas_runner.last_file.models import RESULT_NAME
from altlas_runner.server.answering import file_answer
from altlas_runner.server.following import RUN_ID_PARAMETER
from altlas_runner.server.operations import JSON, Answer, Operation, Parameter, Text
from altlas_runner.server.problems import Problem
from altlas_runner.server.service import Service

__all__ = ["BundleEndpoints"]

_REPORT_POLICY = "sandbox allow-scripts allow-downloads allow-modals allow-popups; frame-ancestors 'self'"
"""A report shows what strangers wrote: it gets an origin of its own, and the rest of its policy is in the page."""

_NO_SUCH_FILE = {404: "There is no such run, or its bundle has no such file."}


class BundleEndpoints:
    """Gives files of bundles.

    Args:
        service: knows where they are, and what opens them.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def operations(self) -> list[Operation]:
        """What is offered."""
        report = {200: Answer("The report, one page.", Text("text/html"))}
        file = {200: Answer("The file.", Text(f"{JSON},text/vnd.graphviz,image/png,application/octet-stream", None))}
        ticket = Parameter(
            "ticket",
            "path",
            {"type": "string", "pattern": "^[0-9]{1,11}-[A-Za-z0-9_-]{1,64}$"},
            "As `report_url` has it.",
        )
        name = Parameter(
            "file",
            "path",
            {"type": "string", "minLength": 1},
            "`result.last`, `<id>.dot`, `<id>.png`, or the path of an artifact.",
        )
        plain, by_ticket = f"/runs/{{request_id:{RUN_ID}}}/", f"/views/{{ticket:[^/]+}}/runs/{{request_id:{RUN_ID}}}/"
        return [
            Operation(
                "GET",
                "/runs/{request_id}/report.html",
                "getReport",
                "The report of a run.",
                self.give,
                report,
                _NO_SUCH_FILE,
                (RUN_ID_PARAMETER,),
                route=plain + "{file:report\\.html}",
            ),
            Operation(
                "GET",
                "/runs/{request_id}/{file}",
                "getFile",
                "A file of a run's bundle; artifacts are downloads.",
                self.give,
                file,
                _NO_SUCH_FILE,
                (RUN_ID_PARAMETER, name),
                route=plain + "{file:.+}",
            ),
            Operation(
                "GET",
                "/views/{ticket}/runs/{request_id}/report.html",
                "viewReport",
                "The report of a run, for a browser that cannot show a token.",
                self.view,
                report,
                _NO_SUCH_FILE,
                (ticket, RUN_ID_PARAMETER),
                is_open=True,
                route=by_ticket + "{file:report\\.html}",
            ),
            Operation(
                "GET",
                "/views/{ticket}/runs/{request_id}/{file}",
                "viewFile",
                "A file of the bundle, by the same ticket.",
                self.view,
                file,
                _NO_SUCH_FILE,
                (ticket, RUN_ID_PARAMETER, name),
                is_open=True,
                route=by_ticket + "{file:.+}",
            ),
        ]

    async def view(self, request: web.Request) -> web.StreamResponse:
        """Give a file to whoever has a ticket."""
        if not self._service.admits(request.match_info["ticket"], request.match_info["request_id"]):
            raise Problem(404, "this address is no longer good; the run has a new one")
        return await self.give(request)

    async def give(self, request: web.Request) -> web.StreamResponse:
        """Give a file."""
        run_id, name = request.match_info["request_id"], request.match_info["file"]
        headers = _headers_of(run_id, name)
        if headers is None:
            raise Problem(404, "a bundle has no such file")
        try:
            file = await asyncio.to_thread(self._open, run_id, name)
        except (OSError, ValueError):  # ValueError: what no file system can name
            raise Problem(404, "there is no such run, or its bundle has no such file") from None
        return await file_answer(request, file, headers)

    def _open(self, run_id: str, name: str) -> BinaryIO:
        return os.fdopen(open_file_below(self._service.config.output_dir, [run_id, *name.split("/")]), "rb")


def _headers_of(run_id: str, name: str) -> dict[str, str] | None:
    """How a file is sent; None for one that bundles do not have, or that is nobody's business."""
    fixed = {
        REPORT_NAME: {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": _REPORT_POLICY},
        RESULT_NAME: {"Content-Type": JSON},
        f"{run_id}.dot": {"Content-Type": "text/vnd.graphviz; charset=utf-8"},
        f"{run_id}.png": {"Content-Type": "image/png"},
    }
    if name in fixed:
        return fixed[name]
    first, _, rest = name.partition("/")
    if first != ARTIFACTS_NAME or not rest:
        return None
    shown = quote(rest.rpartition("/")[2], safe="", errors="replace")
    return {
        "Content-Type": "application/octet-stream",
        "Content-Disposition": f"attachment; filename*=UTF-8''{shown}",
    }

"""Errors as RFC 9457 problem details, with the contract's `error` and `diagnostics` beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from aiohttp import web
from pydantic_core import to_json

from altlas_runner.alt_file import Diagnostic

__all__ = ["PROBLEM_TYPE", "Problem", "problem_body"]

PROBLEM_TYPE = "application/problem+json"


class Problem(web.HTTPException):
    """An answer that refuses; it is raised.

    Args:
        status: the HTTP status, 4xx or 5xx.
        detail: what is wrong and how to mend it; free of secrets and of anything about the inside of the program.
        diagnostics: the problems of an ALT file.
        headers: of the answer.
    """

    status_code = 500

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        diagnostics: Sequence[Diagnostic] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status_code = status
        super().__init__(
            headers=headers,
            reason=HTTPStatus(status).phrase,
            text=problem_body(status, detail, diagnostics).decode(),
            content_type=PROBLEM_TYPE,
        )
        self.detail = detail


def problem_body(status: int, detail: str, diagnostics: Sequence[Diagnostic] = ()) -> bytes:
    """The JSON of a problem."""
    problem: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "error": detail,
        "diagnostics": [diagnostic.to_dict() for diagnostic in diagnostics],
    }
    return to_json(problem)

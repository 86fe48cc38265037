"""Errors as RFC 9457 problem details, with the contract's `error` and `diagnostics` beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from aiohttp import web
from pydantic_core import to_json

from altlas_runner.alt_file import Diagnostic
from altlas_runner.alt_file.diagnostics import most_important

__all__ = ["PROBLEM_TYPE", "Problem", "problem_body", "told"]

PROBLEM_TYPE = "application/problem+json"

_MOST_TOLD = 1000
_MOST_BYTES = 1 << 20


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
        **told(diagnostics),
    }
    return to_json(problem)


def told(found: Sequence[Diagnostic]) -> dict[str, Any]:
    """What an answer tells of the problems of an ALT file: how many there are, and the most important of them.

    That is 1,000 at most, and no more than make 1 MiB of JSON: a small file can have very many, with very long names.
    """
    errors = sum(each.severity == "error" for each in found)
    diagnostics: list[dict[str, Any]] = []
    room = _MOST_BYTES
    for each in most_important(found, _MOST_TOLD):
        diagnostic = each.to_dict()
        room -= len(to_json(diagnostic))
        if room < 0 and diagnostics:
            break
        diagnostics.append(diagnostic)
    return {"diagnostics": diagnostics, "error_count": errors, "warning_count": len(found) - errors}

"""What a failure of the service means: its code, whether another attempt may help, how long to wait at least. Pure.

The table is the one of the public contract. Texts made here may hold whatever the service said; the client cleans,
redacts and shortens them where they leave.
"""

from __future__ import annotations

import html
import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from pydantic_core import from_json

from altlas_runner.execution import Outcome

__all__ = [
    "BODY_LIMIT",
    "bad_response",
    "classify_error",
    "classify_exception",
    "classify_status",
    "plain_text",
    "retry_after_seconds",
    "service_message",
    "shorten",
    "stream_truncated",
    "too_large",
    "truncated",
]

BODY_LIMIT = 32 * 1024 * 1024
"""Most bytes of an answer after decompression."""
ERROR_TEXT_LIMIT = 500
"""Most characters of an error text."""

_PERMANENT_5XX = frozenset({501, 505, 506, 510, 511})
_STATUS = re.compile(r"[45]\d\d")
_STATUS_OF_ERROR = {
    "invalid_request_error": 400,
    "bad_request": 400,
    "context_length_exceeded": 400,
    "exceed_context_size_error": 400,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "model_not_found": 404,
    "timeout": 408,
    "timeout_error": 408,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "too_many_requests": 429,
    "insufficient_quota": 429,
    "not_supported_error": 501,
    "unavailable_error": 503,
    "overloaded_error": 529,
}
"""The status that an error in the middle of a stream would have had; the types are those of OpenAI, Anthropic,
llama.cpp and vLLM. All others (`server_error`, `api_error`, …) count as 500."""
_TITLE = re.compile(r"<title[^<>]*>([^<]*)</title", re.IGNORECASE)
_DIGITS = re.compile(r"\d+(\.\d+)?")


def classify_status(status: int, headers: Mapping[str, str], body: bytes, *, now: datetime) -> Outcome:
    """The failure behind an answer that is not 2xx.

    Args:
        status: the HTTP status.
        headers: of the answer; looked up without regard to letter case when the mapping does so.
        body: of the answer, or its beginning.
        now: the current time, for a Retry-After that is a date.
    """
    said = service_message(body, headers.get("Content-Type", ""))
    text = f"the service answered {status}" + (f": {said}" if said else "")
    if 300 <= status < 400:
        place = headers.get("Location", "").partition("?")[0]
        text = f"the service answered {status}, a redirect" + (f" to {place}" if place else "")
        return Outcome.failed("AI_REDIRECT", f"{text}; redirects are never followed, mend the base URL")
    failure = _failure(status, text, quota_gone=status == 429 and quota_is_gone(error_object(body)))
    if status == 409 and headers.get("x-should-retry", "").strip().lower() == "true":
        return replace(failure, retry="yes")
    if failure.retry == "yes":
        return replace(failure, retry_after=retry_after_seconds(headers, now=now))
    return failure


def classify_error(error: Mapping[str, Any]) -> Outcome:
    """The failure behind an error object that came instead of an answer, or in the middle of one.

    Its `code` is the status that HTTP would have had, or else its `type` says so; an error of an unknown kind counts as
    500: the service began to answer, so it may well do better another time.

    Args:
        error: such as `{"type": "overloaded_error", "message": "…"}`.
    """
    names = [name for name in (error.get("type"), error.get("code"), error.get("status")) if isinstance(name, str)]
    numbers = [error.get(name) for name in ("code", "status", "status_code")]
    status = next((n for n in numbers if isinstance(n, int) and 400 <= n < 600), None)
    if status is None:
        known = (
            _STATUS_OF_ERROR.get(name.lower()) or (int(name) if _STATUS.fullmatch(name) else None) for name in names
        )
        status = next(filter(None, known), 500)
    said = error.get("message") or error.get("detail") or error.get("error")
    kind = f" ({names[0]})" if names else ""
    text = f"the service broke off with an error{kind}" + (f": {said}" if isinstance(said, str) else "")
    return _failure(status, text, quota_gone=quota_is_gone(error))


def _failure(status: int, text: str, *, quota_gone: bool) -> Outcome:
    """The row of the table for a status from 400 on."""
    if status == 429:
        return Outcome.failed("AI_RATE_LIMITED", text, retry="no" if quota_gone else "yes")
    if status == 408 or (500 <= status < 600 and status not in _PERMANENT_5XX):
        return Outcome.failed("AI_UPSTREAM", text, retry="yes")
    if status == 409:
        return Outcome.failed("AI_CONFLICT", text)
    if status == 425:
        return Outcome.failed("AI_TOO_EARLY", text, retry="once")
    return Outcome.failed(f"AI_HTTP_{status}", text)


def classify_exception(error: Exception, *, connect_timeout: float) -> Outcome:
    """The failure behind an exception that kept the answer from coming.

    Args:
        error: what the HTTP library or the operating system raised.
        connect_timeout: seconds, for the text.
    """
    import aiohttp

    reason = _first_line(error)
    match error:
        case aiohttp.ConnectionTimeoutError():
            return Outcome.failed("AI_CONNECT_TIMEOUT", f"no connection within {connect_timeout:g} s", retry="yes")
        case aiohttp.ClientConnectorDNSError() | UnicodeError():
            return Outcome.failed("AI_DNS", f"the name of the service is not known: {reason}", retry="yes")
        case aiohttp.ClientSSLError():
            return Outcome.failed("AI_TLS", f"no trusted TLS connection: {reason}")
        case aiohttp.ClientPayloadError():
            return Outcome.failed("AI_TRUNCATED", f"the answer broke off: {reason}", retry="yes")
        case aiohttp.ClientHttpProxyError() if error.status < 500:
            return Outcome.failed(f"AI_HTTP_{error.status}", f"the proxy refused with {error.status}")
        case aiohttp.ClientHttpProxyError():
            return Outcome.failed("AI_UPSTREAM", f"the proxy failed with {error.status}", retry="yes")
        case aiohttp.ClientResponseError():  # its own text would show the URL with its query
            return bad_response(f"the answer is not HTTP: {error.message}")
        case _:
            return Outcome.failed("AI_CONNECT", f"no connection to the service: {reason}", retry="yes")


def bad_response(reason: str) -> Outcome:
    """A 2xx answer that cannot be used: worth one more attempt."""
    return Outcome.failed("AI_BAD_RESPONSE", reason, retry="once")


def truncated(reason: str) -> Outcome:
    """An answer that is shorter than it promised to be."""
    return Outcome.failed("AI_TRUNCATED", f"the answer broke off: {reason}", retry="yes")


def stream_truncated(reason: str) -> Outcome:
    """A stream without its terminal event: what came of it is no answer."""
    return Outcome.failed(
        "AI_STREAM_TRUNCATED", f"the stream ended before its answer was complete: {reason}", retry="yes"
    )


def too_large(reason: str) -> Outcome:
    """An answer, or an event of it, over its limit; another one would be no smaller."""
    return Outcome.failed("AI_TOO_LARGE", reason)


def retry_after_seconds(headers: Mapping[str, str], *, now: datetime) -> float | None:
    """The seconds that `retry-after-ms` or `Retry-After` (seconds or a date) ask for; None when neither is usable.

    Example:
        >>> retry_after_seconds({"Retry-After": "7"}, now=datetime.now(UTC))
        7.0
    """
    milliseconds = headers.get("retry-after-ms", "").strip()
    if _DIGITS.fullmatch(milliseconds) and math.isfinite(float(milliseconds)):
        return float(milliseconds) / 1000
    value = headers.get("Retry-After", "").strip()
    if _DIGITS.fullmatch(value):
        return float(value) if math.isfinite(float(value)) else None
    try:
        date = parsedate_to_datetime(value)
        return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds())
    except (ValueError, OverflowError):
        return None


def quota_is_gone(error: Mapping[str, Any]) -> bool:
    """Whether an error says `insufficient_quota`: waiting would not help."""
    return "insufficient_quota" in (error.get("code"), error.get("type"))


def service_message(body: bytes, content_type: str) -> str:
    """What the service itself said about its error, from the usual places in JSON, HTML or plain text."""
    error = error_object(body)
    for name in ("message", "detail", "error_description", "error", "msg"):
        if isinstance(error.get(name), str) and error[name]:
            return str(error[name])
    text = body.decode("utf-8", "replace")
    if "html" in content_type.lower() or text.lstrip()[:1] == "<":
        title = _TITLE.search(text)
        return f"a page of HTML, “{html.unescape(title[1]).strip()}”" if title else "a page of HTML"
    return text


def plain_text(text: str) -> str:
    """The text on one line, without characters that steer a terminal, hide or turn text around."""
    spaced = " ".join(text.split())
    return "".join(c for c in spaced if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp"))


def shorten(text: str, limit: int = ERROR_TEXT_LIMIT) -> str:
    """At most `limit` characters, with … at the end where something is missing."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def error_object(body: bytes) -> dict[str, Any]:
    """The object that describes an error: `{"error": {…}}`, `{"error": "…"}`, or the document itself; else empty."""
    try:
        document = from_json(body)
    except ValueError:
        return {}
    if isinstance(document, list) and document:  # some services answer a list of one
        document = document[0]
    if not isinstance(document, dict):
        return {}
    inner = document.get("error")
    return inner if isinstance(inner, dict) else document


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__

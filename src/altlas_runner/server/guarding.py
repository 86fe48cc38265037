"""Who may ask, and how: the host that is asked, the token, the type of what is sent; and what every answer carries."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import logging
import re
from collections.abc import Awaitable, Callable

from aiohttp import HttpVersion10, HttpVersion11, hdrs, web

from altlas_runner.server.answering import operation_of
from altlas_runner.server.config import ServerConfig
from altlas_runner.server.problems import Problem

__all__ = ["Guard", "add_headers"]

_log = logging.getLogger("altlas_runner")

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
_HOST = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::[0-9]{1,5})?")
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
}


class Guard:
    """Looks at every request before anything else does.

    Args:
        config: who may ask.
    """

    def __init__(self, config: ServerConfig) -> None:
        self._hosts = {name.lower() for name in (*_LOOPBACK_NAMES, config.host, *config.allowed_hosts)}
        self._token = None if config.token is None else config.token.get_secret_value().encode()

    def check_head(self, request: web.Request) -> None:
        """Refuse requests of two meanings, and those to another name: a browser that was led here by somebody's DNS.

        Raises:
            Problem: 400 for a target that is no path, two lengths, no or two Host headers, another version of HTTP; 421
                for another host.
        """
        if not request.raw_path.startswith("/"):  # a proxy is asked so, and the Host header would count for nothing
            raise Problem(400, "the target of the request must be a path")
        if request.version not in (HttpVersion10, HttpVersion11):
            raise Problem(400, "this service speaks HTTP/1.1")
        if hdrs.CONTENT_LENGTH in request.headers and hdrs.TRANSFER_ENCODING in request.headers:
            raise Problem(400, "a body has either a Content-Length or a Transfer-Encoding")
        values = request.headers.getall(hdrs.HOST, [])
        match = _HOST.fullmatch(values[0]) if len(values) == 1 else None
        if match is None:
            raise Problem(400, "the request must have one Host header, a name or an address, with or without a port")
        name = (match["v6"] or match["name"]).lower().removesuffix(".")
        if name not in self._hosts and not _is_own_address(request, name):
            raise Problem(421, "this service is not known under the name in the Host header (--allowed-host adds one)")

    def check_token(self, request: web.Request) -> None:
        """Refuse requests without the token, where there is one.

        Raises:
            Problem: 401.
        """
        if self._token is None:
            return
        scheme, _, given = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        is_right = hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), self._token)
        if scheme.lower() != "bearer" or not is_right or len(request.headers.getall(hdrs.AUTHORIZATION)) != 1:
            raise Problem(
                401,
                "this needs the token of the service: Authorization: Bearer …",
                headers={"WWW-Authenticate": 'Bearer realm="altlas-runner"'},
            )

    @web.middleware
    async def middleware(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Check the request, and turn whatever goes wrong into a problem that tells nothing of the inside."""
        try:
            self.check_head(request)
            return await handler(request)
        except Problem:
            raise
        except web.HTTPException as error:  # those of the router: no such path, no such method
            if error.status < 400:
                raise
            allowed = {"Allow": error.headers[hdrs.ALLOW]} if hdrs.ALLOW in error.headers else None
            raise Problem(error.status, _WORDS.get(error.status, error.reason), headers=allowed) from None
        except (asyncio.CancelledError, ConnectionError):
            raise
        except Exception:
            _log.exception("%s failed", operation_of(request))
            raise Problem(500, "an error inside the service; its log says more") from None


_WORDS = {404: "there is nothing at this path", 405: "this path does not know this method"}


def _is_own_address(request: web.Request, name: str) -> bool:
    """Whether the name is the very address at which the request came in; nobody's DNS is needed for that."""
    own = request.transport.get_extra_info("sockname") if request.transport is not None else None
    try:
        return isinstance(own, tuple) and ipaddress.ip_address(name) == ipaddress.ip_address(own[0])
    except ValueError:
        return False


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Give an answer the headers that every one has, unless it has its own."""
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers[hdrs.SERVER] = "altlas-runner"

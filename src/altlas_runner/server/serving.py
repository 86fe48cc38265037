"""The service by itself: it listens, tells where, and stops in good order."""

from __future__ import annotations

import asyncio
import gc
import logging
import resource
import signal
from collections.abc import Callable

from aiohttp import web

from altlas_runner.config import RunnerConfig
from altlas_runner.errors import ConfigurationError
from altlas_runner.server.app import SERVICE, make_app
from altlas_runner.server.config import ServerConfig
from altlas_runner.server.connections import Connections

__all__ = ["serve"]

_log = logging.getLogger("altlas_runner")

_CLOSING_SECONDS = 5.0
_OTHER_FILES = 1024
"""Descriptors for everything but connections of clients: journals, bundles, the AI service."""


async def serve(config: RunnerConfig, server: ServerConfig, *, on_listening: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT.

    Then no further run is taken; those that run may go on for `grace_seconds`, then they are cancelled, as a second
    signal does at once. Everything else is answered until the bundle of each run is written.

    Args:
        config: of the runs.
        server: of everything else.
        on_listening: called with the URL when requests are answered.

    Raises:
        ConfigurationError: the address cannot be listened on, or something that is configured cannot be used.
    """
    _let_open(server.max_connections + _OTHER_FILES)
    app = make_app(config, server)
    loop = asyncio.get_running_loop()
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=_CLOSING_SECONDS)
    await runner.setup()
    try:
        assert runner.server is not None
        try:
            listening = await loop.create_server(
                Connections(runner.server, server), server.host, server.port, backlog=1024
            )
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ConfigurationError(f"cannot listen on {server.host}, port {server.port}: {reason}") from error
        service = app[SERVICE]
        asked = asyncio.Event()

        def stop(number: signal.Signals) -> None:
            if asked.is_set():
                _log.info("stopping at once: runs are cancelled, their bundles are written")
                service.runs.hurry()
            asked.set()

        for each in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(each, stop, each)
        gc.collect()
        gc.freeze()  # what was made until now is no garbage: looking at it again and again would make everybody wait
        try:
            host, port = listening.sockets[0].getsockname()[:2]
            on_listening(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")
            await asked.wait()
            await service.runs.stop(server.grace_seconds)
        finally:
            gc.unfreeze()
            listening.close()
            for each in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(each)
    finally:
        await runner.cleanup()


def _let_open(files: int) -> None:
    """See to it that the process may have so many files open: clients must not take those that runs need."""
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < files:
        _log.warning("only %d files may be open at one time; %d connections may leave none for runs", most, files)
        files = most
    if allowed != resource.RLIM_INFINITY and allowed < files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, most))

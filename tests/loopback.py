"""A real HTTP server on loopback that speaks the `altlas` wire format, for tests that run whole files."""

import asyncio
import inspect
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Self

from aiohttp import web

Answer = Callable[[Any], web.StreamResponse | Awaitable[web.StreamResponse]]


class LoopbackService:
    """Answers POST requests at its path in a thread of its own.

    `answers` maps a task id to a function of the request's JSON that makes the response; other tasks are completed.
    """

    def __init__(
        self, answers: Mapping[str, Answer] | None = None, *, delay: float = 0.0, path: str = "/execute"
    ) -> None:
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.at_once = self.most_at_once = 0
        self.url = ""
        self._answers = answers or {}
        self._delay = delay
        self._path = path
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._main())
        finally:
            self._loop.close()

    async def _main(self) -> None:
        self._stop = asyncio.Event()
        app = web.Application()
        app.router.add_post(self._path, self._execute)
        runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()

    async def _execute(self, request: web.Request) -> web.StreamResponse:
        body: dict[str, Any] = await request.json()
        self.requests.append(body)
        self.headers.append(dict(request.headers))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return await self._answer(body)
        finally:
            self.at_once -= 1

    async def _answer(self, body: dict[str, Any]) -> web.StreamResponse:
        if self._delay:
            await asyncio.sleep(self._delay)
        answer = self._answers.get(body["task_id"])
        if answer is not None:
            made = answer(body)
            return await made if inspect.isawaitable(made) else made
        return web.json_response({"answer": f"done: {body['description']}", "saw": sorted(body["context"])})

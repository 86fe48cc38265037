"""The endpoints that show runs: the list, one run, its events as they happen; and the one that cancels."""

from __future__ import annotations

import asyncio
import contextlib
from itertools import dropwhile, islice

from aiohttp import web

from altlas_runner.last_file.bundle import RUN_ID
from altlas_runner.runs import RunEntry
from altlas_runner.server.answering import base_of, json_answer
from altlas_runner.server.event_log import EventLog
from altlas_runner.server.models import RunAnswer, RunList
from altlas_runner.server.operations import JSON, Answer, Operation, Parameter, Text
from altlas_runner.server.past_runs import PastRun
from altlas_runner.server.problems import Problem
from altlas_runner.server.runs import Run
from altlas_runner.server.service import Service

__all__ = ["RUN_ID_PARAMETER", "FollowingEndpoints"]

RUN_ID_PARAMETER = Parameter(
    "request_id", "path", {"type": "string", "pattern": f"^{RUN_ID}$"}, "The id of the run, as `process` gave it."
)
_NO_SUCH_RUN = {404: "There is no such run."}
_MOST_LISTED = 200
_USUALLY_LISTED = 50
_AT_ONCE = 256
_HIGHEST = 2**53 - 1
"""The highest number that every JSON reader takes for itself."""
_PAST = 2**52
"""What is told of a past run has numbers from here on: it is less than what was told while the run went on, and who saw
some of that must not take the one for the other."""
_EVENT = {
    "type": "object",
    "required": ["id", "data"],
    "properties": {
        "id": {"type": "string", "pattern": "^[0-9]+$"},
        "data": {
            "type": "string",
            "contentMediaType": JSON,
            "contentSchema": {"type": "object", "required": ["event", "at"]},
        },
    },
}
_BEAT_SECONDS = 15.0
"""How often a comment shows that the connection lives, where nothing happens."""


class FollowingEndpoints:
    """Shows runs.

    Args:
        service: has them.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def operations(self) -> list[Operation]:
        """What is offered."""
        last_seen = Parameter(
            "Last-Event-ID",
            "header",
            {"type": "integer", "minimum": 0, "maximum": _HIGHEST},
            "The last event that was seen; those after it follow.",
        )
        return [
            Operation(
                "GET",
                "/api/v1/runs",
                "listRuns",
                "The runs, the newest first.",
                self.list_runs,
                {200: Answer("A page of them.", RunList)},
                {400: "A parameter does not fit.", 404: "There is no run that `before` could name."},
                (
                    Parameter(
                        "limit",
                        "query",
                        {"type": "integer", "minimum": 1, "maximum": _MOST_LISTED, "default": _USUALLY_LISTED},
                        "How many.",
                    ),
                    Parameter(
                        "before",
                        "query",
                        {"type": "string", "pattern": f"^{RUN_ID}$"},
                        "Only runs older than this one.",
                    ),
                ),
            ),
            Operation(
                "GET",
                "/api/v1/runs/{request_id}",
                "getRun",
                "One run.",
                self.get_run,
                {200: Answer("The run.", RunAnswer, links={"getReport": {"request_id": "$response.body#/request_id"}})},
                _NO_SUCH_RUN,
                (RUN_ID_PARAMETER,),
                route=f"/api/v1/runs/{{request_id:{RUN_ID}}}",
            ),
            Operation(
                "DELETE",
                "/api/v1/runs/{request_id}",
                "cancelRun",
                "Cancel a run. Its bundle is written all the same; one that has ended stays as it is.",
                self.cancel_run,
                {202: Answer("The run is told to stop.", RunAnswer), 200: Answer("It had ended before.", RunAnswer)},
                {**_NO_SUCH_RUN, 409: "Another process runs it."},
                (RUN_ID_PARAMETER,),
                route=f"/api/v1/runs/{{request_id:{RUN_ID}}}",
            ),
            Operation(
                "GET",
                "/api/v1/runs/{request_id}/events",
                "followRun",
                "The events of a run as they happen, as server-sent events; the stream ends after the run.",
                self.follow,
                {
                    200: Answer("Events: `id` is the number of one, `data` is it.", Text("text/event-stream", _EVENT)),
                    204: Answer("The run has ended and every event was seen: do not come again."),
                },
                {**_NO_SUCH_RUN, 400: "Last-Event-ID is no number."},
                (RUN_ID_PARAMETER, last_seen),
                route=f"/api/v1/runs/{{request_id:{RUN_ID}}}/events",
            ),
        ]

    async def list_runs(self, request: web.Request) -> web.StreamResponse:
        """A page of runs."""
        limit = _number(request.query.get("limit", str(_USUALLY_LISTED)), 1, _MOST_LISTED)
        if limit is None:
            raise Problem(400, f"limit must be a number from 1 to {_MOST_LISTED}")
        runs = await self._service.newest_first()
        before = request.query.get("before")
        if before is not None:
            runs = dropwhile(lambda run: _id_of(run) != before, runs)
            if next(runs, None) is None:
                raise Problem(404, "before must be the id of a run, and there is none with this one")
        found = list(islice(runs, limit + 1))
        page = [await self._service.answer(run, base_of(request)) for run in found[:limit]]
        return json_answer(RunList(runs=page, next_before=page[-1].request_id if len(found) > limit else None))

    async def get_run(self, request: web.Request) -> web.StreamResponse:
        """One run."""
        return json_answer(await self._service.answer(await self._run(request), base_of(request)))

    async def cancel_run(self, request: web.Request) -> web.StreamResponse:
        """Cancel a run."""
        run = await self._run(request)
        ended = run.state.has_ended
        if isinstance(run, Run):
            self._service.runs.cancel(run, "cancelled over HTTP")
        elif not ended:
            raise Problem(409, f"another process runs it ({run.entry.owner or 'unknown'}), and only that can cancel it")
        return json_answer(await self._service.answer(run, base_of(request)), status=200 if ended else 202)

    async def follow(self, request: web.Request) -> web.StreamResponse:
        """Stream the events of a run."""
        run = await self._run(request)
        seen = _number(request.headers.get("Last-Event-ID", "0"), 0, _HIGHEST)
        if seen is None:
            raise Problem(400, "Last-Event-ID must be the number of an event")
        if isinstance(run, Run):
            log = run.events
        else:
            log, seen = await self._log_of(run), max(seen, _PAST)
        if run.state.has_ended and log.ended and seen >= log.last:
            return web.Response(status=204)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"})
        await response.prepare(request)
        await response.write(b"retry: 2000\n\n")
        await _send(log, seen, response)
        return response

    async def _log_of(self, run: PastRun) -> EventLog:
        """What is left of the events of a run of which only the bundle is there; of one that runs elsewhere, so far."""
        log = EventLog(before=_PAST)
        for event in await self._service.past.events(run):
            log.add(event)
        log.end()
        return log

    async def _run(self, request: web.Request) -> Run | PastRun:
        run = await self._service.find(request.match_info["request_id"])
        if run is None:
            raise Problem(404, "there is no run with this id")
        return run


async def _send(log: EventLog, seen: int, response: web.StreamResponse) -> None:
    """Send what comes after the event that was seen last, until the run has ended."""
    while True:
        first, events = log.since(seen, _AT_ONCE)
        if events:
            if first > seen + 1:
                await response.write(f": events {seen + 1} to {first - 1} are no longer kept\n\n".encode())
            frames = [f"id: {number}\ndata: {event}\n\n" for number, event in enumerate(events, first)]
            await response.write("".join(frames).encode())
            seen = first + len(events) - 1
            continue
        if log.ended:
            with contextlib.suppress(ConnectionError):
                await response.write_eof()
            return
        try:
            async with asyncio.timeout(_BEAT_SECONDS):
                await log.changed(seen)
        except TimeoutError:
            await response.write(b": still running\n\n")


def _number(text: str, least: int, most: int) -> int | None:
    """The number that a text is, between these, or None."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 16):
        return None
    return number if least <= (number := int(text)) <= most else None


def _id_of(run: Run | RunEntry) -> str:
    return run.id if isinstance(run, Run) else run.run_id

"""The endpoints that take ALT files: `/execute`, `/api/v1/process`, `/api/v1/validate`."""

from __future__ import annotations

import asyncio

from aiohttp import web
from pydantic_core import to_json

from altlas_runner.alt_file import Diagnostic
from altlas_runner.execution import NO_PREFERENCES, Preferences
from altlas_runner.server.answering import base_of, json_answer
from altlas_runner.server.models import (
    Accepted,
    ExecuteAnswer,
    RunRequest,
    ValidateAnswer,
    ValidateRequest,
)
from altlas_runner.server.operations import Answer, Operation
from altlas_runner.server.problems import Problem, told
from altlas_runner.server.runs import QueueFullError, Run, StoppingError
from altlas_runner.server.service import Service

__all__ = ["ExecutingEndpoints"]

_LOOK_SECONDS = 1.0
"""How soon it is noticed that a client has gone away."""
_RETRY_AFTER = {"Retry-After": "5"}
_REFUSALS = {
    400: "The body or the ALT file cannot be used; `diagnostics` says what is wrong with the file.",
    403: "`alt_file_path` is off.",
    408: "The body did not come in time.",
    413: "The body is too large.",
    415: "The body is not JSON in UTF-8.",
}
_NO_ROOM = {429: "As many runs wait as may; Retry-After says when to come again.", 503: "The service is stopping."}


class ExecutingEndpoints:
    """Runs and checks ALT files.

    Args:
        service: does it.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def operations(self) -> list[Operation]:
        """What is offered."""
        run_of = {"request_id": "$response.body#/request_id"}
        following = dict.fromkeys(("getRun", "followRun", "cancelRun"), run_of)
        return [
            Operation(
                "POST",
                "/execute",
                "execute",
                "Run an ALT file and answer when the run has ended. A client that goes away cancels its run.",
                self.execute,
                {
                    200: Answer(
                        "The run has ended; failed tasks are counted.",
                        ExecuteAnswer,
                        links={
                            "getRun": {"request_id": "$response.body#/last_file_id"},
                            "getReport": {"request_id": "$response.body#/last_file_id"},
                            "getFile": {"request_id": "$response.body#/last_file_id", "file": "result.last"},
                        },
                    )
                },
                {**_REFUSALS, **_NO_ROOM, 500: "The bundle cannot be written."},
                body=RunRequest,
            ),
            Operation(
                "POST",
                "/api/v1/process",
                "process",
                "Start a run, which goes on when the client goes away.",
                self.process,
                {
                    202: Answer(
                        "The run was accepted.", Accepted, links=following, headers={"Location": "As `run_url`."}
                    )
                },
                {**_REFUSALS, **_NO_ROOM},
                body=RunRequest,
            ),
            Operation(
                "POST",
                "/api/v1/validate",
                "validate",
                "Find every problem of an ALT file; nothing is run.",
                self.validate,
                {200: Answer("What was found.", ValidateAnswer)},
                _REFUSALS,
                body=ValidateRequest,
            ),
        ]

    async def execute(self, request: web.Request) -> web.StreamResponse:
        """Run a file and wait for its end."""
        run = await self._submit(request)
        try:
            await self._wait(run, request)
        except asyncio.CancelledError:
            self._service.runs.cancel(run, "the client went away")
            raise
        if run.summary is not None:
            return json_answer(ExecuteAnswer(**run.summary))
        if run.refusal is not None:
            raise Problem(400, run.error or "the file cannot be run", diagnostics=run.refusal)
        raise Problem(500, run.error or "the run failed")

    async def process(self, request: web.Request) -> web.StreamResponse:
        """Start a run."""
        run = await self._submit(request)
        url = f"{base_of(request)}/api/v1/runs/{run.id}"
        accepted = Accepted(request_id=run.id, status=run.state, run_url=url, events_url=f"{url}/events")
        return json_answer(accepted, status=202, headers={"Location": url})

    async def validate(self, request: web.Request) -> web.StreamResponse:
        """Check a file."""
        reader = self._service.reader
        found = await reader.diagnostics(await reader.model(request, ValidateRequest))
        return await asyncio.to_thread(_verdict, found)

    async def _submit(self, request: web.Request) -> Run:
        service = self._service
        reader = service.reader
        try:
            service.runs.check_room()
            asked = await reader.model(request, RunRequest)
            alt_file, source = await reader.alt_file(asked)
            preferences = Preferences(asked.model, asked.temperature, asked.max_tokens, asked.stream)
            return service.runs.submit(
                alt_file,
                size=len(source.content) + len(to_json(asked.inputs or {})),
                inputs=asked.inputs or {},
                preferences=NO_PREFERENCES if preferences == NO_PREFERENCES else preferences,
                provenance=source.provenance(),
            )
        except QueueFullError as error:
            raise Problem(429, str(error), headers=_RETRY_AFTER) from None
        except StoppingError as error:
            raise Problem(503, str(error), headers=_RETRY_AFTER) from None

    async def _wait(self, run: Run, request: web.Request) -> None:
        """Wait for the end of a run, or of the connection; that cancels the run, and its end is waited for."""
        while not run.done.is_set():
            transport = request.transport
            if transport is None or transport.is_closing():
                self._service.runs.cancel(run, "the client went away")
                await run.done.wait()
                return
            try:
                async with asyncio.timeout(_LOOK_SECONDS):
                    await run.done.wait()
            except TimeoutError:
                continue


def _verdict(found: list[Diagnostic]) -> web.Response:
    said = told(found)
    return json_answer(ValidateAnswer.model_validate({"valid": not said["error_count"], **said}))

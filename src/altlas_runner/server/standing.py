"""The endpoints that say how the service is: alive, ready, busy; and its metrics."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from aiohttp import web

from altlas_runner import __version__
from altlas_runner.server.answering import json_answer
from altlas_runner.server.metrics import Metrics
from altlas_runner.server.models import Health, Readiness, ServiceStatus
from altlas_runner.server.operations import Answer, Operation, Text
from altlas_runner.server.problems import Problem
from altlas_runner.server.service import Service

__all__ = ["StandingEndpoints"]


class StandingEndpoints:
    """Says how the service is.

    Args:
        service: that.
        metrics: counts what it does; None without the library for it.
    """

    def __init__(self, service: Service, metrics: Metrics | None) -> None:
        self._service = service
        self._metrics = metrics

    def operations(self) -> list[Operation]:
        """What is offered."""
        return [
            Operation(
                "GET",
                "/api/v1/health",
                "health",
                "Whether the service lives.",
                self.health,
                {200: Answer("It does.", Health)},
                is_open=True,
            ),
            Operation(
                "GET",
                "/api/v1/health/ready",
                "ready",
                "Whether runs can be started: the service takes them, reaches the AI service, and can write bundles.",
                self.ready,
                {200: Answer("It is ready.", Readiness), 503: Answer("It is not.", Readiness)},
                is_open=True,
            ),
            Operation(
                "GET",
                "/api/v1/status",
                "status",
                "What the service is doing.",
                self.status,
                {200: Answer("That.", ServiceStatus)},
            ),
            Operation(
                "GET",
                "/metrics",
                "metrics",
                "Metrics for Prometheus.",
                self.metrics,
                {200: Answer("In its text format.", Text("text/plain"))},
                {404: "The service was installed without metrics (extra `metrics`)."},
            ),
        ]

    async def health(self, request: web.Request) -> web.StreamResponse:
        """Answer at all."""
        return json_answer(Health(version=__version__))

    async def ready(self, request: web.Request) -> web.StreamResponse:
        """Look whether a run could do what it should."""
        accepts = not self._service.runs.stopping
        surroundings = self._service.surroundings
        state, problem = await asyncio.gather(surroundings.ai_service(), surroundings.problem_of_output())
        reasons = [] if accepts else ["the service stops"]
        reasons += ["the AI service cannot be reached"] if state == "unreachable" else []
        reasons += [] if problem is None else [problem]
        readiness = Readiness(
            status="not_ready" if reasons else "ready",
            ai_service=state,
            accepts_runs=accepts,
            writes_bundles=problem is None,
            reason="; ".join(reasons) or None,
        )
        return json_answer(readiness, status=503 if reasons else 200)

    async def status(self, request: web.Request) -> web.StreamResponse:
        """Tell numbers."""
        service, runs = self._service, self._service.runs
        return json_answer(
            ServiceStatus(
                status="STOPPING" if runs.stopping else "UP",
                version=__version__,
                started_at=service.started_at,
                uptime_seconds=max(0.0, (datetime.now(UTC) - service.started_at).total_seconds()),
                ai_service=await service.surroundings.ai_service(),
                ai_protocol=service.config.ai_protocol,
                max_concurrent_tasks=service.config.max_concurrent_tasks,
                running_runs=runs.running,
                queued_runs=runs.queued,
                ended_runs={state.value: count for state, count in runs.ended_by_state.items()},
            )
        )

    async def metrics(self, request: web.Request) -> web.StreamResponse:
        """Tell the metrics."""
        if self._metrics is None:
            raise Problem(404, "there are no metrics: pip install 'altlas-runner[metrics]'")
        return web.Response(
            body=self._metrics.text(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        )

"""Metrics for Prometheus, where its client library is installed (extra `metrics`)."""

from __future__ import annotations

import importlib.util
from collections.abc import Awaitable, Callable, Iterator
from time import perf_counter
from typing import TYPE_CHECKING

from aiohttp import web

from altlas_runner.server.answering import operation_of
from altlas_runner.server.runs import Runs

if TYPE_CHECKING:
    from prometheus_client.core import Metric

__all__ = ["Metrics", "metrics_of"]

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 300.0)

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def metrics_of(runs: Runs) -> Metrics | None:
    """The metrics of a service; None without the library."""
    return None if importlib.util.find_spec("prometheus_client") is None else Metrics(runs)


class Metrics:
    """Counts requests, and tells the numbers of the runs when it is asked.

    Args:
        runs: are counted by themselves.
    """

    def __init__(self, runs: Runs) -> None:
        from prometheus_client import CollectorRegistry, Counter, Histogram

        self._runs = runs
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "altlas_http_requests",
            "Requests by operation and status.",
            ("operation", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "altlas_http_request_seconds",
            "Time to the end of the answer.",
            ("operation",),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._registry.register(self)

    @web.middleware
    async def middleware(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Count a request."""
        began = perf_counter()
        operation = operation_of(request)
        status = 499  # the client went away
        try:
            response = await handler(request)
            status = response.status
        except web.HTTPException as error:
            status = error.status
            raise
        finally:
            self._requests.labels(operation, str(status)).inc()
            self._seconds.labels(operation).observe(perf_counter() - began)
        return response

    def text(self) -> bytes:
        """All of it in the text format."""
        from prometheus_client import generate_latest

        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """The numbers of the runs now."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        yield GaugeMetricFamily("altlas_runs_running", "Runs that run.", value=self._runs.running)
        yield GaugeMetricFamily("altlas_runs_queued", "Runs that wait.", value=self._runs.queued)
        for name, words, counts in (
            ("altlas_runs_ended", "Runs that ended, by status.", self._runs.ended_by_state),
            ("altlas_tasks_ended", "Tasks that ended, by status.", self._runs.ended_tasks),
        ):
            family = CounterMetricFamily(name, words, labels=("status",))
            for status, count in counts.items():
                family.add_metric([status.value], count)
            yield family

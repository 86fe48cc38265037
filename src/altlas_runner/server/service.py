"""What all endpoints share: the runner with its one client and its slots, the runs, the tickets for reports."""

from __future__ import annotations

import base64
import heapq
import hmac
import secrets
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Self

from altlas_runner.config import RunnerConfig
from altlas_runner.last_file.bundle import REPORT_NAME
from altlas_runner.last_file.models import RESULT_NAME
from altlas_runner.runner import Runner
from altlas_runner.runs import RunEntry
from altlas_runner.server.config import ServerConfig
from altlas_runner.server.models import RunAnswer, TaskCounts
from altlas_runner.server.past_runs import PastRun, PastRuns
from altlas_runner.server.reading import RequestReader
from altlas_runner.server.runs import Run, Runs
from altlas_runner.server.surroundings import Surroundings
from altlas_runner.shared_slots import SharedSlots

__all__ = ["Service"]


_TICKET_SECONDS = 12 * 3600
_TICKET_BYTES = 16


class Service:
    """The service behind the endpoints. To be used in an `async with` block, which ends every run.

    Args:
        config: of the runs. Their deadline is at most the service's, and they have journals unless it says otherwise.
        server: of everything else.
    """

    def __init__(self, config: RunnerConfig, server: ServerConfig) -> None:
        longest = min(config.run_deadline_seconds or server.max_run_seconds, server.max_run_seconds)
        journal = config.journal or "journal" not in config.model_fields_set
        self.config = config.model_copy(update={"run_deadline_seconds": longest, "journal": journal})
        self.server = server
        self.reader = RequestReader(server)
        self.started_at = datetime.now(UTC)
        slots = SharedSlots(config.max_concurrent_tasks, "CONCURRENCY")
        secrets_of_server = () if server.token is None else (server.token.get_secret_value(),)
        self._runner = Runner(self.config, use_installed_handlers=True, shared_slots=slots, secrets=secrets_of_server)
        self.runs = Runs(self._runner, server)
        self.past = PastRuns(self.config.output_dir)
        self.surroundings = Surroundings(self.config)
        self._stack = AsyncExitStack()
        self._secret = secrets.token_bytes(32)

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._runner)
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self.runs.stop(0)
        finally:
            await self._stack.aclose()

    # -- how runs are shown ------------------------------------------------------------------------------------------

    async def find(self, run_id: str) -> Run | PastRun | None:
        """The run with this id, or None."""
        return self.runs.find(run_id) or await self.past.find(run_id)

    async def newest_first(self) -> Iterator[Run | RunEntry]:
        """Every run, to be gone through at once; those that only their bundles tell of are not described yet."""
        past = await self.past.newest_first(self.runs)
        ours: list[Run | RunEntry] = [*self.runs.newest_first()]
        others = (entry for entry in past if entry.run_id not in self.runs)
        return heapq.merge(ours, others, key=_began_at, reverse=True)

    async def answer(self, run: Run | PastRun | RunEntry, base: str) -> RunAnswer:
        """A run as it is shown.

        Args:
            run: to be shown.
            base: the path below which the service is embedded.
        """
        if isinstance(run, RunEntry):
            run = await self.past.details(run)
        if isinstance(run, PastRun):
            return self._past_answer(run, base)
        return RunAnswer(
            request_id=run.id,
            title=run.title,
            status=run.state,
            created_at=run.created_at,
            started_at=run.started_at,
            completed_at=run.completed_at,
            task_count=run.task_count,
            counts=TaskCounts(**{status.value: count for status, count in run.counts.items()}),
            last_file_path=run.last_file_path,
            report_path=run.report_path,
            report_url=None if run.report_path is None else base + self.report_url(run.id),
            error=run.error,
        )

    def _past_answer(self, run: PastRun, base: str) -> RunAnswer:
        entry = run.entry
        has_ended = entry.state == "finished"
        return RunAnswer(
            request_id=entry.run_id,
            title=entry.title,
            status=run.state,
            created_at=entry.started_at,
            started_at=entry.started_at,
            completed_at=entry.ended_at,
            task_count=run.task_count,
            counts=TaskCounts(**{status.value: count for status, count in run.counts.items()}),
            last_file_path=str(entry.directory / RESULT_NAME) if has_ended else None,
            report_path=str(entry.directory / REPORT_NAME) if has_ended else None,
            report_url=base + self.report_url(entry.run_id) if has_ended else None,
            error=run.error,
        )

    def report_url(self, run_id: str) -> str:
        """Where a browser finds the report: it cannot show a token, so where one is needed the path has a ticket."""
        if self.server.token is None:
            return f"/runs/{run_id}/report.html"
        return f"/views/{self._ticket(run_id, int(time.time()) + _TICKET_SECONDS)}/runs/{run_id}/report.html"

    def admits(self, ticket: str, run_id: str) -> bool:
        """Whether a ticket opens this run, now."""
        until, _, _ = ticket.partition("-")
        if not (until.isascii() and until.isdecimal() and len(until) < 12) or int(until) < time.time():
            return False
        return hmac.compare_digest(ticket.encode(), self._ticket(run_id, int(until)).encode())

    def _ticket(self, run_id: str, until: int) -> str:
        signature = hmac.digest(self._secret, f"{until}:{run_id}".encode(), "sha256")[:_TICKET_BYTES]
        return f"{until}-{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def _began_at(run: Run | RunEntry) -> datetime:
    return run.created_at if isinstance(run, Run) else run.started_at

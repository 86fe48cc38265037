"""Whole files on the workers of a Dask cluster: `--unit file`. Each worker runs them with a `Runner` of its own."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distributed import get_worker

from altlas_runner.batch.file_runs import run_file_here
from altlas_runner.batch.rows import BatchRow, RowStatus
from altlas_runner.config import RunnerConfig
from altlas_runner.dask_executor import DaskConnection, LostError
from altlas_runner.dask_executor.by_reference import MOST_INLINE_BYTES, ReferenceStore, StoreError, is_reference
from altlas_runner.dask_executor.envelope import check_digest
from altlas_runner.dask_executor.serving import Say, Service, serve
from altlas_runner.handlers import FunctionPlace, Handler, load_function, source_digest
from altlas_runner.last_file.models import RESULT_NAME

if TYPE_CHECKING:
    from altlas_runner.runner import Runner

__all__ = ["FilesOnWorkers", "run_files"]

_MOST_TRIES = 3
_TOGETHER_SECONDS = 0.25
_MOST_TOGETHER = 16
_KEPT_SECONDS = 30.0
_INTERRUPTED = "the batch was interrupted"
_STAYS_HERE = {
    "ai_api_key", "ai_fallback_api_key", "ai_extra_headers", "ai_extra_query", "ai_proxy", "ai_fallback",
    "engine", "dask_address", "dask_store", "dask_tls_ca", "dask_tls_cert", "dask_tls_key", "handlers", "output_dir",
}  # fmt: skip
"""Settings that are not sent: secrets, which each worker has from its own environment, and what concerns the driver."""


@dataclass(slots=True, eq=False)
class _File:
    """A file that waits for its row: what a worker is told of it, and how often that was lost."""

    body: dict[str, Any]
    row: asyncio.Future[BatchRow]
    tries: int = 0

    def refuse(self, status: RowStatus, error: str, worker: str | None = None) -> None:
        """End without a run."""
        if not self.row.done():
            self.row.set_result(BatchRow(self.body["path"], self.body["sha256"], status, error=error, worker=worker))


class FilesOnWorkers:
    """Has whole files run by workers.

    Files that take no time travel several at once: else their way would cost more than they do. The row of each comes
    back as it ends.

    Args:
        connection: to the cluster, open.
        config: of the driver; the workers get it without its secrets.
        handlers: that they use; they import them from their own modules.
        stopping: when it is set, what runs is stopped.

    Raises:
        ConfigurationError: a worker could not find one of the handlers.
    """

    def __init__(
        self,
        connection: DaskConnection,
        config: RunnerConfig,
        handlers: Mapping[str, Handler],
        stopping: asyncio.Event,
    ) -> None:
        self._connection = connection
        self._stopping = stopping
        self._output_dir = Path(config.output_dir).absolute()
        self._store = ReferenceStore(config.dask_store)
        self._waiting: deque[_File] = deque()
        self._under_way: set[asyncio.Task[None]] = set()
        self._mean_seconds: float | None = None
        places = {name: each.place() for name, each in handlers.items()}
        self._settings = {
            "config": {
                name: value
                for name, value in config.model_dump(mode="json").items()
                if name in config.model_fields_set - _STAYS_HERE
            }
            | {"output_dir": str(self._output_dir)},
            "handlers": [
                {
                    "name": name,
                    "runs_in": handlers[name].runs_in,
                    "place": asdict(place),
                    "digest": source_digest(place),
                }
                for name, place in places.items()
            ],
        }

    async def run(
        self, path: str, content: bytes, sha256: str, *, inputs: Mapping[str, Any], seed: int | None
    ) -> BatchRow:
        """Have a file run. One that is lost with its worker is run again, from its beginning, at most twice.

        Its bundle must be in the output directory then: driver and workers share it.
        """
        given: Any = content.decode(errors="surrogateescape")
        try:
            if len(content) > MOST_INLINE_BYTES:
                given = await asyncio.to_thread(self._store.put, content)
        except StoreError as error:
            return BatchRow(path, sha256, "refused", error=str(error))
        body = {"path": path, "sha256": sha256, "inputs": dict(inputs), "seed": seed, "content": given}
        file = _File(body, asyncio.get_running_loop().create_future())
        self._waiting.append(file)
        self._send()
        try:
            row = await file.row
        finally:
            if is_reference(given):
                await asyncio.to_thread(self._store.remove, given)
        if row.last_file_id and not (self._output_dir / row.last_file_id / RESULT_NAME).is_file():
            text = f"the worker wrote the bundle, but not into {self._output_dir} here: all must share that directory"
            return BatchRow(path, sha256, "refused", error=text, worker=row.worker)
        return row

    def _send(self) -> None:
        """Send waiting files, as long as not enough are under way to keep every worker busy."""
        while self._waiting and self._stopping.is_set():
            self._waiting.popleft().refuse("cancelled", _INTERRUPTED)
        while self._waiting and len(self._under_way) < max(1, 2 * self._connection.threads):
            files: list[_File] = []
            size = 0
            while self._waiting and len(files) < self._together() and size < MOST_INLINE_BYTES:
                files.append(self._waiting.popleft())
                size += len(files[-1].body["content"])
            task = asyncio.get_running_loop().create_task(self._run_together(files))
            self._under_way.add(task)
            task.add_done_callback(self._on_done)

    def _together(self) -> int:
        """How many files travel at once: one, as long as nobody knows how long they take."""
        if self._mean_seconds is None:
            return 1
        return max(1, min(_MOST_TOGETHER, round(_TOGETHER_SECONDS / max(self._mean_seconds, 1e-6))))

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._send()

    async def _run_together(self, files: list[_File]) -> None:
        body = {"settings": self._settings, "store": self._store.url, "files": [file.body for file in files]}
        call = asyncio.ensure_future(self._connection.call(run_files, body, partial(_tell, files)))
        stop = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({call, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not call.done():
                for file in files:
                    file.refuse("cancelled", _INTERRUPTED)
                return
            reply = call.result()
            for file in files:
                file.refuse("refused", str(reply.body), reply.worker)  # but those whose rows came
            mean = reply.seconds / len(files)
            self._mean_seconds = mean if self._mean_seconds is None else 0.8 * self._mean_seconds + 0.2 * mean
        except LostError as error:
            for file in files:
                if not file.row.done():
                    self._lose(file, error)
        except Exception as error:  # whoever waits for a row must get one
            for file in files:
                file.refuse("refused", f"{type(error).__name__}: {error}")
        finally:
            for each in (call, stop):
                each.cancel()

    def _lose(self, file: _File, error: LostError) -> None:
        file.tries += 1
        if file.tries >= _MOST_TRIES or self._stopping.is_set():
            file.refuse("lost", f"{error.code}: {error}", error.worker)
        else:
            self._waiting.append(file)


def _tell(files: list[_File], said: Mapping[str, Any]) -> None:
    """The row of a file came."""
    row = files[said["number"]].row
    if not row.done():
        row.set_result(replace(BatchRow.from_line(said["row"].encode()), worker=said["worker"]))


async def run_files(content: bytes) -> bytes:
    """What a worker does for files that came together; both sides are bytes that `envelope` describes."""
    return await serve(content, _execute)


async def _execute(body: Mapping[str, Any], service: Service, say: Say) -> None:
    settings = body["settings"]
    name = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
    if name not in service.kept:  # one for all files of a batch: its client and its limits are shared
        service.kept[name] = KeptRunner(settings, service.kept, name)
    store = ReferenceStore(body["store"])
    worker = get_worker().address

    async def run(runner: Runner, number: int, file: Mapping[str, Any]) -> None:
        given = file["content"]
        if is_reference(given):
            content = await asyncio.to_thread(store.take, given)
        else:
            content = given.encode(errors="surrogateescape")
        row = await run_file_here(
            runner, file["path"], content, file["sha256"], inputs=file["inputs"], seed=file["seed"]
        )
        say({"number": number, "row": row.to_line().decode(), "worker": worker})

    async with service.kept[name].lent() as runner, asyncio.TaskGroup() as group:
        for number, file in enumerate(body["files"]):
            group.create_task(run(runner, number, file))


class KeptRunner:
    """A runner that the first files open. It closes when no more came for half a minute, and with the worker.

    Args:
        settings: from which it is made.
        kept: where it stands until it is not to be lent any more.
        name: under which it does.
    """

    def __init__(self, settings: Mapping[str, Any], kept: dict[str, Any], name: str) -> None:
        self._opening = asyncio.ensure_future(_open_runner(settings))
        self._kept, self._name = kept, name
        self._borrowers = 0
        self._waiting: asyncio.TimerHandle | None = None
        self._closing: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[Runner]:
        """The runner, open, for a block."""
        if self._waiting is not None:
            self._waiting.cancel()
        self._borrowers += 1
        try:
            try:
                runner = await asyncio.shield(self._opening)
            except Exception:  # what is missing may be there when the next files come
                self._forget()
                raise
            yield runner
        finally:
            self._borrowers -= 1
            if self._borrowers == 0:
                self._waiting = asyncio.get_running_loop().call_later(_KEPT_SECONDS, self._close)

    def _forget(self) -> None:
        if self._kept.get(self._name) is self:
            del self._kept[self._name]

    def _close(self) -> None:
        self._forget()
        self._closing = asyncio.ensure_future(self.aclose())

    async def aclose(self) -> None:
        """Close the runner."""
        if self._opening.done() and self._opening.exception() is None:
            await self._opening.result().__aexit__(None, None, None)
        self._opening.cancel()


async def _open_runner(settings: Mapping[str, Any]) -> Runner:
    from altlas_runner.runner import Runner

    handlers = {}
    for each in settings["handlers"]:
        place = FunctionPlace(**each["place"])
        check_digest(each["name"], place, each["digest"], source_digest(place))
        handlers[each["name"]] = Handler(each["name"], load_function(place), each["runs_in"])
    runner = Runner(RunnerConfig(**settings["config"]), handlers=handlers, use_installed_handlers=True)
    return await runner.__aenter__()

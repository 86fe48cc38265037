"""Whole files on the workers of a Dask cluster: `--unit file`. Each worker runs them with a `Runner` of its own."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from altlas_runner.batch.file_runs import run_file_here
from altlas_runner.batch.rows import BatchRow
from altlas_runner.config import RunnerConfig
from altlas_runner.dask_executor import DaskConnection, LostError
from altlas_runner.dask_executor.by_reference import MOST_INLINE_BYTES, ReferenceStore, StoreError, is_reference
from altlas_runner.dask_executor.envelope import MismatchError, Reply
from altlas_runner.dask_executor.serving import Say, Service, serve
from altlas_runner.handlers import FunctionPlace, Handler, load_function, source_digest
from altlas_runner.last_file.models import RESULT_NAME

if TYPE_CHECKING:
    from altlas_runner.runner import Runner

__all__ = ["FilesOnWorkers", "run_file"]

_MOST_TRIES = 3
_STAYS_HERE = {
    "ai_api_key", "ai_fallback_api_key", "ai_extra_headers", "ai_extra_query", "ai_proxy", "ai_fallback",
    "engine", "dask_address", "dask_store", "dask_tls_ca", "dask_tls_cert", "dask_tls_key", "handlers", "output_dir",
}  # fmt: skip
"""Settings that are not sent: secrets, which each worker has from its own environment, and what concerns the driver."""


class FilesOnWorkers:
    """Has whole files run by workers.

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
        body = {
            "settings": self._settings, "store": self._store.url, "path": path, "sha256": sha256,
            "inputs": dict(inputs), "seed": seed, "content": given,
        }  # fmt: skip
        try:
            if len(content) > MOST_INLINE_BYTES:
                body["content"] = await asyncio.to_thread(self._store.put, content)
            for number in range(1, _MOST_TRIES + 1):
                try:
                    reply = await self._asked(body)
                    break
                except LostError as error:
                    if number == _MOST_TRIES:
                        return BatchRow(path, sha256, "lost", error=f"{error.code}: {error}", worker=error.worker)
        except StoreError as error:
            return BatchRow(path, sha256, "refused", error=str(error))
        finally:
            if is_reference(body["content"]):
                await asyncio.to_thread(self._store.remove, body["content"])
        if reply is None:
            return BatchRow(path, sha256, "cancelled", error="the batch was interrupted")
        if reply.kind == "refused":
            return BatchRow(path, sha256, "refused", error=reply.body, worker=reply.worker)
        row = replace(BatchRow.from_line(reply.body["row"].encode()), worker=reply.worker)
        if row.last_file_id and not (self._output_dir / row.last_file_id / RESULT_NAME).is_file():
            text = f"the worker wrote the bundle, but not into {self._output_dir} here: all must share that directory"
            return BatchRow(path, sha256, "refused", error=text, worker=reply.worker)
        return row

    async def _asked(self, body: Mapping[str, Any]) -> Reply | None:
        """The reply of a worker; None when everything is to stop."""
        call = asyncio.ensure_future(self._connection.call(run_file, body))
        stop = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({call, stop}, return_when=asyncio.FIRST_COMPLETED)
            return call.result() if call.done() else None
        finally:
            for each in (call, stop):
                each.cancel()


async def run_file(content: bytes) -> bytes:
    """What a worker does for one file; both sides are bytes that `envelope` describes."""
    return await serve(content, _execute)


async def _execute(body: Mapping[str, Any], service: Service, say: Say) -> dict[str, Any]:
    settings = body["settings"]
    name = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
    if name not in service.kept:  # one for all files of a batch: its client and its limits are shared
        service.kept[name] = _KeptRunner(settings)
    runner = await service.kept[name].opened()
    given = body["content"]
    if is_reference(given):
        content = await asyncio.to_thread(ReferenceStore(body["store"]).take, given)
    else:
        content = given.encode(errors="surrogateescape")
    row = await run_file_here(runner, body["path"], content, body["sha256"], inputs=body["inputs"], seed=body["seed"])
    return {"row": row.to_line().decode()}


class _KeptRunner:
    """A runner that is opened by the first file and closed with the worker."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._opening = asyncio.ensure_future(_open_runner(settings))

    async def opened(self) -> Runner:
        return await asyncio.shield(self._opening)

    async def aclose(self) -> None:
        if self._opening.done() and self._opening.exception() is None:
            await self._opening.result().__aexit__(None, None, None)
        self._opening.cancel()


async def _open_runner(settings: Mapping[str, Any]) -> Runner:
    from altlas_runner.runner import Runner

    handlers = {}
    for each in settings["handlers"]:
        place = FunctionPlace(**each["place"])
        if source_digest(place) != each["digest"]:
            raise MismatchError(
                f'the handler "{each["name"]}" in {place.module or place.script} is not the same on this worker as on '
                "the driver: install the same version of it on both, and restart the workers"
            )
        handlers[each["name"]] = Handler(each["name"], load_function(place), each["runs_in"])
    runner = Runner(RunnerConfig(**settings["config"]), handlers=handlers, use_installed_handlers=True)
    return await runner.__aenter__()

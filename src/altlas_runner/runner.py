"""Runner: one facade over all rooms. An ALT file goes in, its LAST file comes out, its bundle lies on disk."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from altlas_runner import log_records
from altlas_runner.ai_service import AiServiceClient, CachedAnswers, PriceTable
from altlas_runner.alt_file import AltFile, AltParser, validate_alt_file
from altlas_runner.alt_file.selection import Selection
from altlas_runner.batch import BatchFile, BatchSummary, OnRow, Unit, execute_many
from altlas_runner.config import RunnerConfig
from altlas_runner.dask_engine import concurrency_on, connection_for, engine_on
from altlas_runner.errors import AltlasRunnerError, AltValidationError
from altlas_runner.event_loop import run_to_end
from altlas_runner.execution import Executor
from altlas_runner.handlers import (
    Handler,
    HandlerEngine,
    HandlerFunction,
    HandlerSource,
    collect_handlers,
    command,
    handled_tasks,
    installed_handlers,
    task_type_of,
)
from altlas_runner.last_file import LastFile, LastFileGenerator
from altlas_runner.provenance import facts_about
from altlas_runner.redaction import Redactor, secrets_in
from altlas_runner.task_manager import TaskManager, new_run_id
from altlas_runner.task_manager.discretion import Discretion
from altlas_runner.task_manager.observing import Observer

if TYPE_CHECKING:
    from altlas_runner.dask_executor import DaskConnection

__all__ = ["Runner", "run"]

_log = logging.getLogger("altlas_runner")

COMMAND = "command"


class Runner:
    """Executes ALT files with one configuration.

    As an async context manager it keeps one AI service client (its connections, its loaded model) over all runs inside
    the block, from the first that asks a service; without, every run opens and closes its own.

    Args:
        config: the configuration; None reads environment and defaults.
        executor: makes the attempts instead of an AI service client.
        engine: runs handlers of its own elsewhere, such as a `DaskExecutor` that is open.
        handlers: Python functions by the `task_type` of the tasks they do, or a list of functions that `@handler`
            named. They go before those that the configuration names. With the engine `dask` in the configuration they
            run on its workers.
        use_installed_handlers: whether installed packages may offer handlers for task types that have none.

    Raises:
        ConfigurationError: a handler cannot be found or cannot be used.

    Example:
        >>> async with Runner(RunnerConfig(ai_protocol="local")) as runner:  # doctest: +SKIP
        ...     last_file = await runner.execute("flow.alt")
    """

    def __init__(
        self,
        config: RunnerConfig | None = None,
        *,
        executor: Executor | None = None,
        engine: HandlerEngine | None = None,
        handlers: HandlerSource | None = None,
        use_installed_handlers: bool = False,
    ) -> None:
        self.config = config or RunnerConfig()
        self._executor = executor
        self._engine = engine
        built_in: list[HandlerFunction] = [command] if self.config.allow_commands else []
        self._handlers = {
            **collect_handlers(built_in),
            **collect_handlers(self.config.handlers),
            **collect_handlers(handlers),
        }
        self._use_installed_handlers = use_installed_handlers
        self._kept_client: AiServiceClient | None = None
        self._kept_cluster: DaskConnection | None = None
        self._running: dict[str, TaskManager] = {}
        self._stopping: list[asyncio.Event] = []
        self._is_open = False

    async def __aenter__(self) -> Self:
        if self.config.engine == "dask":
            self._kept_cluster = await connection_for(self.config).__aenter__()
        self._is_open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        client, self._kept_client = self._kept_client, None
        cluster, self._kept_cluster = self._kept_cluster, None
        self._is_open = False
        async with AsyncExitStack() as stack:
            for each in (client, cluster):
                if each is not None:
                    stack.push_async_exit(each)

    async def execute(
        self,
        alt: AltFile | Path | str,
        *,
        on_event: Observer | Sequence[Observer] | None = None,
        seed: int | None = None,
        inputs: Mapping[str, Any] | None = None,
        selection: Selection | None = None,
        provenance: Mapping[str, str] | None = None,
    ) -> LastFile:
        """Run every task of an ALT file and write the bundle.

        Args:
            alt: an `AltFile`, or the path of one.
            on_event: called with every event of the run, in order: one observer or several.
            seed: of the jitter between attempts.
            inputs: the values that references to inputs stand for, by name; any JSON. Values under key-like names
                show nowhere in the bundle.
            selection: which tasks to run; None is all. The others are absent from the LAST file.
            provenance: facts by name about where the run comes from, kept in the LAST file beside path and SHA-256 of
                the ALT file and the kind of host.

        Returns:
            The LAST file. Its bundle is in `bundle_path(last_file)`. Failed tasks are in it; they do not raise.

        Raises:
            AltParseError: the file cannot be read, has errors, or refers to an input that is not given; nothing was
                run, nothing written.
            ConfigurationError: a handler cannot be used, or the selection makes no sense.
            BundleError: the bundle cannot be written; an output directory that refuses is found before the first call.
        """
        alt_file = alt if isinstance(alt, AltFile) else AltParser().parse_from_path(alt)
        facts = {**facts_about(alt), **(provenance or {})}
        chosen = selection.apply_to(_checked(alt_file)) if selection else alt_file
        handlers = self._handlers_for(chosen)
        known = {**(self._engine.handlers if self._engine else {}), **handlers}
        all_handled = len(handled_tasks(chosen.tasks, known)) == len(chosen.tasks)
        asks_service = self._executor is None and not all_handled
        if asks_service:
            await self._find_key()
        generator = (
            LastFileGenerator(self.config.output_dir)
            .with_graphs(self.config.generate_graphs)
            .with_compression(self.config.compress_artifacts)
        )
        redactor = Redactor(
            {*self.config.known_secrets(), *secrets_in(alt_file.model_dump()), *secrets_in(dict(inputs or {}))}
        )
        run_id = new_run_id()
        started_at = datetime.now(UTC)
        async with AsyncExitStack() as stack:
            stack.enter_context(log_records.redacted(redactor))
            executor = self._executor
            if asks_service:
                executor = client = await self._opened_client(stack)
                if self.config.cache is not None:
                    executor = CachedAnswers(client, self.config.cache, redactor, refresh=self.config.refresh)
            engine, most_at_once = self._engine, self.config.max_concurrent_tasks
            files = Path(stack.enter_context(_files_of_handlers())) if handlers or engine else None
            if handlers and self.config.engine == "dask":
                cluster = self._kept_cluster
                if cluster is None:
                    cluster = await stack.enter_async_context(connection_for(self.config))
                engine, handlers = engine_on(cluster, handlers, self.config), {}
                most_at_once = concurrency_on(cluster, self.config)
            manager = TaskManager(
                chosen,
                executor,
                most_at_once,
                handlers=handlers,
                engine=engine,
                artifacts_dir=files,
                artifact_store=generator.artifact_store(run_id, redactor=redactor),
                on_event=on_event,
                discretion=Discretion(redactor) if redactor else None,
                run_id=run_id,
                seed=seed,
                inputs=inputs,
                schedule=self.config.schedule,
                concurrency_groups=self.config.concurrency_groups,
                run_deadline_seconds=self.config.run_deadline_seconds,
                fail_fast=self.config.fail_fast,
                max_cost=self.config.max_cost,
                max_tokens_total=self.config.max_tokens_total,
            )
            generator.make_directory(manager.run_id)  # before anything is paid for
            self._running[manager.run_id] = manager
            try:
                results = await manager.run()
            except BaseException:
                generator.remove_directory(manager.run_id)
                raise
            finally:
                del self._running[manager.run_id]
            return await asyncio.to_thread(
                generator.generate,
                alt_file,
                results,
                last_id=manager.run_id,
                started_at=started_at,
                selection=[task.id for task in chosen.tasks] if selection else None,
                resolved=manager.resolved_tasks,
                provenance=facts,
                redactor=redactor,
            )

    async def execute_many(
        self,
        files: Iterable[Path | str | BatchFile],
        *,
        unit: Unit = "file",
        files_at_once: int | None = None,
        inputs: Mapping[str, Any] | None = None,
        seed: int | None = None,
        retry_failed: bool = False,
        on_row: OnRow | None = None,
    ) -> BatchSummary:
        """Run many ALT files, some at one time, with one client and its limits; each makes its own bundle.

        The index `index.jsonl` in the output directory gets a line as each file ends; `batch.json` and `batch.html`
        are written at the end. When the index is there already, files that have finished and are still what they were
        are passed over. A file that is not valid is a line with its diagnostics. `cancel` ends the batch: what runs is
        cancelled, and the same call goes on later.

        Args:
            files: paths, or a `BatchFile` where a file has inputs of its own.
            unit: with the engine `dask`, what a worker is given at a time: whole files, or single tasks.
            files_at_once: how many files are in flight; None is 8, or on a cluster 16 for each of its threads.
            inputs: for all files; those of a file go before them.
            seed: of the jitter between attempts.
            retry_failed: whether files are run again whose tasks did not all complete in an earlier run of the batch.
            on_row: told each row as its file ends, and how the batch stands.

        Raises:
            ConfigurationError: a handler cannot be used, or there is no cluster whose workers could be given tasks.
            BundleError: the index, a bundle or the page cannot be written; the index stays usable.
        """
        stopping = asyncio.Event()
        self._stopping.append(stopping)
        async with AsyncExitStack() as stack:
            stack.callback(self._stopping.remove, stopping)
            if not self._is_open:
                await stack.enter_async_context(self)
            return await execute_many(
                self,
                files,
                self._kept_cluster,
                self._handlers,
                stopping,
                unit=unit,
                files_at_once=files_at_once,
                inputs=inputs or {},
                seed=seed,
                retry_failed=retry_failed,
                on_row=on_row,
            )

    async def _find_key(self) -> None:
        """Look for the key of the service in a thread: a program that tells it may take its time."""
        await asyncio.to_thread(self.config.ai_service)

    async def _opened_client(self, stack: AsyncExitStack) -> AiServiceClient:
        """The client that is kept over all runs, or one that closes with this run."""
        if not self._is_open:
            return await stack.enter_async_context(self._client())
        if self._kept_client is None:
            self._kept_client = self._client()
        return await self._kept_client.__aenter__()  # checks, and is harmless when done before

    def _client(self) -> AiServiceClient:
        prices = self.config.prices
        return AiServiceClient(
            self.config.ai_service(), prices=None if prices is None else PriceTable.from_file(prices)
        )

    def cancel(self, reason: str = "the run was cancelled") -> None:
        """Cancel every run of this runner; each still returns its LAST file, and its bundle is written.

        Batches begin no further file.
        """
        for stopping in self._stopping:
            stopping.set()
        for manager in list(self._running.values()):
            manager.cancel(reason)

    def _handlers_for(self, alt_file: AltFile) -> dict[str, Handler]:
        """The handlers of the types that the file has, installed ones among them where they may be."""
        types = {task_type for task in alt_file.tasks if (task_type := task_type_of(task)) is not None}
        if COMMAND in types and COMMAND not in self._handlers:
            _log.warning("tasks of the type command go to the AI service; to run them as programs, allow commands")
        wanted = types - self._handlers.keys() if self._use_installed_handlers else ()
        return self._handlers | installed_handlers(wanted)

    def bundle_path(self, last_file: LastFile) -> Path:
        """The directory of a run's bundle."""
        return Path(self.config.output_dir) / last_file.id


def _checked(alt_file: AltFile) -> AltFile:
    """The file, when it has no error: only a sound graph can be cut."""
    diagnostics = validate_alt_file(alt_file)
    if any(diagnostic.severity == "error" for diagnostic in diagnostics):
        raise AltValidationError(diagnostics)
    return alt_file


def _files_of_handlers() -> TemporaryDirectory[str]:
    """Where handlers put their files until the bundle has them."""
    return TemporaryDirectory(prefix="altlas-runner-", ignore_cleanup_errors=True)


def run(
    alt: AltFile | Path | str,
    *,
    config: RunnerConfig | None = None,
    executor: Executor | None = None,
    handlers: HandlerSource | None = None,
    on_event: Observer | Sequence[Observer] | None = None,
    seed: int | None = None,
    inputs: Mapping[str, Any] | None = None,
    selection: Selection | None = None,
    **options: Any,
) -> LastFile:
    """Run an ALT file and write its bundle: the synchronous one-liner.

    Args:
        alt: an `AltFile`, or the path of one.
        config: the configuration; None makes one from `options`, environment and defaults.
        executor: makes the attempts instead of an AI service client.
        handlers: Python functions by the `task_type` of the tasks they do, or a list of functions that `@handler`
            named and of texts `module:attribute`.
        on_event: called with every event of the run, in order: one observer or several.
        seed: of the jitter between attempts.
        inputs: the values that references to inputs stand for, by name; any JSON.
        selection: which tasks to run; None is all.
        options: fields of `RunnerConfig`.

    Raises:
        AltParseError: the file cannot be read, has errors, or refers to an input that is not given.
        ConfigurationError: an option does not fit, or a handler cannot be used.
        BundleError: the bundle cannot be written.
        AltlasRunnerError: an event loop is running in this thread; await `Runner.execute` there.

    Example:
        >>> import altlas_runner
        >>> last_file = altlas_runner.run("flow.alt", ai_protocol="local")  # doctest: +SKIP
        >>> print(last_file.summary)  # doctest: +SKIP
    """
    if config is not None and options:
        raise TypeError("give either config or its fields, not both")
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        runner = Runner(config or RunnerConfig(**options), executor=executor, handlers=handlers)
        return run_to_end(runner.execute(alt, on_event=on_event, seed=seed, inputs=inputs, selection=selection))
    raise AltlasRunnerError("run() cannot be called inside a running event loop; await Runner(config).execute(…) there")

"""Runner: one facade over all rooms. An ALT file goes in, its LAST file comes out, its bundle lies on disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from altlas_runner import log_records
from altlas_runner.ai_service import CachedAnswers
from altlas_runner.alt_file import AltFile
from altlas_runner.alt_file.selection import Selection
from altlas_runner.batch import BatchFile, BatchSummary, OnRow, Unit, execute_many
from altlas_runner.config import RunnerConfig
from altlas_runner.dask_engine import concurrency_on, engine_on
from altlas_runner.errors import BundleError, ConfigurationError
from altlas_runner.execution import NO_PREFERENCES, Executor, Preferences
from altlas_runner.handlers import HandlerEngine, HandlerSource, handled_tasks, handlers_for, own_handlers
from altlas_runner.handlers.artifact_directory import temporary_artifacts
from altlas_runner.kept_settings import OF_THE_SERVICE, config_of_resume, settings_to_keep
from altlas_runner.last_file import LastFile, LastFileGenerator
from altlas_runner.redaction import Redactor
from altlas_runner.run_journal import find_run
from altlas_runner.run_order import RunOrder
from altlas_runner.run_resources import RunResources
from altlas_runner.shared_slots import SharedSlots
from altlas_runner.task_manager import TaskManager
from altlas_runner.task_manager.discretion import Discretion
from altlas_runner.task_manager.journal.resuming import ResumeChoice, ResumePlan
from altlas_runner.task_manager.observing import Observer

__all__ = ["Runner"]


class Runner:
    """Executes ALT files with one configuration.

    As an async context manager it keeps one AI service client (its connections, its loaded model) and the processes of
    handlers over all runs inside the block, from the first that needs them; without, every run opens and closes its
    own.

    Args:
        config: the configuration; None reads environment and defaults.
        executor: makes the attempts instead of an AI service client.
        engine: runs handlers of its own elsewhere, such as a `DaskExecutor` that is open.
        handlers: Python functions by the `task_type` of the tasks they do, or a list of functions that `@handler`
            named. They go before those that the configuration names. With the engine `dask` in the configuration they
            run on its workers.
        use_installed_handlers: whether installed packages may offer handlers for task types that have none.
        shared_slots: limits the attempts of all runs of this runner together; the runs are served in turn. None limits
            each run by itself (`max_concurrent_tasks`).
        secrets: texts that must show nowhere, besides those of the configuration.

    Raises:
        ConfigurationError: a handler cannot be found or cannot be used, or there are two engines.

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
        shared_slots: SharedSlots | None = None,
        secrets: Sequence[str] = (),
    ) -> None:
        self.config = config or RunnerConfig()
        if engine is not None and self.config.engine == "dask":
            raise ConfigurationError("give an engine, or the engine dask in the configuration, not both")
        self._executor = executor
        self._engine = engine
        self._handlers = own_handlers(handlers, self.config.handlers, allow_commands=self.config.allow_commands)
        replaced_handlers = ("handlers",) if handlers or engine is not None else ()
        self._replaced = replaced_handlers + (() if executor is None else OF_THE_SERVICE)
        self.use_installed_handlers = use_installed_handlers
        self._shared_slots = shared_slots
        self._resources = RunResources(self.config)
        self._secrets = secrets
        self._running: dict[str, TaskManager] = {}
        self._stopping: list[asyncio.Event] = []

    async def __aenter__(self) -> Self:
        await self._resources.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._resources.close()

    async def execute(
        self,
        alt: AltFile | Path | str,
        *,
        on_event: Observer | Sequence[Observer] | None = None,
        seed: int | None = None,
        inputs: Mapping[str, Any] | None = None,
        selection: Selection | None = None,
        provenance: Mapping[str, str] | None = None,
        run_id: str | None = None,
        preferences: Preferences = NO_PREFERENCES,
    ) -> LastFile:
        """Run every task of an ALT file and write the bundle.

        Args:
            alt: an `AltFile`, or the path of one.
            on_event: called with every event of the run, in order: one observer or several.
            seed: of the jitter between attempts.
            inputs: the values that references to inputs stand for, by name; any JSON. Values under key-like names
                show nowhere in the bundle.
            selection: which tasks to run; None is all. The others are absent from the LAST file.
            provenance: facts by name about where the run comes from, kept in the LAST file beside what is found here.
            run_id: the id of the run, from `new_run_id`; None makes a new one.
            preferences: what to ask the AI service for where a task does not say; they win over the configuration.

        Returns:
            The LAST file. Its bundle is in `bundle_path(last_file)`. Failed tasks are in it; they do not raise.

        Raises:
            AltParseError: the file cannot be read, has errors, or refers to an input not given; nothing was run.
            ConfigurationError: a handler cannot be used, or the selection makes no sense.
            BundleError: the bundle cannot be written; an output directory that refuses is found before the first call.
        """
        order = RunOrder.new(
            alt,
            Path(self.config.output_dir),
            inputs or {},
            selection,
            provenance or {},
            settings_to_keep(self.config, preferences),
            run_id,
            preferences,
        )
        return await self._carry_out(order, self.config, on_event, seed)

    async def resume(
        self,
        bundle: Path | str,
        alt: AltFile | Path | str | None = None,
        *,
        failed: bool = False,
        from_tasks: Sequence[str] = (),
        only: Sequence[str] = (),
        in_doubt: Literal["retry", "fail"] = "retry",
        strict: bool = False,
        inputs: Mapping[str, Any] | None = None,
        on_plan: Callable[[ResumePlan], None] | None = None,
        on_event: Observer | Sequence[Observer] | None = None,
        seed: int | None = None,
    ) -> LastFile:
        """Go on with a run that has a journal: what has ended keeps its result, the rest runs.

        Settings that the configuration was not given, by keyword, environment or file, are those of the run, as far as
        a journal is trusted (docs/resume.md).

        Args:
            bundle: its directory.
            alt: the ALT file, when it has changed, or when what is left to run needs a secret of it; the journal keeps
                none. Tasks that it changes, and what depends on them, run again.
            failed: whether tasks that failed, and what was skipped because of them, run again.
            from_tasks: these tasks and what depends on them run again.
            only: these tasks run again; what depends on them keeps its result.
            in_doubt: what becomes of a task that was under way when the run was interrupted: it is tried again with
                the same idempotency key, or it fails (IN_DOUBT).
            strict: whether a file that changes what has ended is refused.
            inputs: values that have changed, or hold a secret; the others are those of the run.
            on_plan: told what will run, and why, before it does.
            on_event: as in `execute`.
            seed: of the jitter between attempts.

        Returns:
            The LAST file of the whole run. Its bundle is where it was.

        Raises:
            JournalError: there is no journal, it is damaged, or another process has the run.
            AltParseError: the file cannot be read or has errors.
            ConfigurationError: a task is not there, a secret or a setting must be given again, or `strict` refuses.
            BundleError: the bundle cannot be written.
        """
        found = await asyncio.to_thread(find_run, Path(bundle))
        try:
            config = config_of_resume(found.latest.settings, self.config, self._replaced)
            choice = ResumeChoice(failed, from_tasks, only, in_doubt)
            order = RunOrder.resumed(found, alt, inputs or {}, choice, settings_to_keep(config), strict=strict)
            if on_plan is not None and order.plan is not None:
                on_plan(order.plan)
            return await self._carry_out(order, config, on_event, seed)
        finally:
            await asyncio.to_thread(found.release)

    async def _carry_out(
        self, order: RunOrder, config: RunnerConfig, on_event: Observer | Sequence[Observer] | None, seed: int | None
    ) -> LastFile:
        chosen, run_id, resources = order.chosen, order.run_id, self._resources
        handlers = handlers_for(chosen, self._handlers, use_installed=self.use_installed_handlers)
        known = {**(self._engine.handlers if self._engine else {}), **handlers}
        asks_service = self._executor is None and len(handled_tasks(chosen.tasks, known)) < len(chosen.tasks)
        if asks_service:
            await asyncio.to_thread(config.ai_service)  # finds the key: a program that tells it may take its time
        redactor = order.redactor | Redactor([*config.known_secrets(), *self._secrets])
        generator = (
            LastFileGenerator(order.directory.parent)
            .with_graphs(config.generate_graphs)
            .with_compression(config.compress_artifacts)
        )
        async with AsyncExitStack() as stack:
            stack.enter_context(log_records.redacted(redactor))
            executor = self._executor
            if asks_service:
                executor = client = await resources.client(stack, config)
                if config.cache is not None:
                    executor = CachedAnswers(client, config.cache, redactor, refresh=config.refresh)
            engine, most_at_once = self._engine, config.max_concurrent_tasks
            if handlers and config.engine == "dask":
                cluster = await resources.cluster(stack)
                engine, handlers = engine_on(cluster, handlers, config, redactor), {}
                most_at_once = concurrency_on(cluster, config)
            manager = TaskManager(
                chosen,
                executor,
                most_at_once,
                handlers=handlers,
                engine=engine,
                handler_host=resources.handler_host,
                artifacts_dir=stack.enter_context(temporary_artifacts()),  # until the bundle has them
                artifact_store=generator.artifact_store(run_id, redactor=redactor, kept=order.artifacts),
                on_event=on_event,
                discretion=Discretion(redactor) if redactor else None,
                run_id=run_id,
                seed=seed,
                inputs=order.inputs,
                schedule=config.schedule,
                concurrency_groups=config.concurrency_groups,
                run_deadline_seconds=config.run_deadline_seconds,
                fail_fast=config.fail_fast,
                max_cost=config.max_cost,
                max_tokens_total=config.max_tokens_total,
                preferences=order.preferences,
                shared_slots=self._shared_slots,
                editions=order.editions,
                restored=order.restored,
            )
            self._running[run_id] = manager  # from now on it can be cancelled
            try:
                journal = await order.made_ready(generator, redactor, journal=config.journal)
                if journal is not None:
                    stack.push_async_callback(asyncio.to_thread, journal.close)
                try:
                    results = await manager.run(journal)
                except BaseException:
                    if journal is None:
                        generator.remove_directory(run_id)
                    raise
            finally:
                del self._running[run_id]
            make_bundle = partial(
                generator.generate,
                order.alt_file,
                results,
                last_id=run_id,
                started_at=order.started_at,
                selection=[task.id for task in chosen.tasks] if order.selection else None,
                resolved=manager.resolved_tasks,
                provenance=order.provenance,
                redactor=redactor,
                warnings=[f"JOURNAL_IO: {journal.failure}"] if journal and journal.failure else (),
                journal=journal is not None,
            )
            try:
                return await asyncio.get_running_loop().run_in_executor(resources.bundle_maker, make_bundle)
            except BundleError as error:
                raise order.without_bundle(error, journal) from error

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
        are passed over. `cancel` ends the batch: what runs is cancelled, and the same call goes on later.

        Args:
            files: paths, or a `BatchFile` where a file has inputs of its own.
            unit: with the engine `dask`, what a worker is given at a time: whole files, or single tasks.
            files_at_once: how many files are in flight; None is 8, or on a cluster 16 for each of its threads.
            inputs: for all files; those of a file go before them.
            seed: of the jitter between attempts.
            retry_failed: whether files are run again whose tasks did not all complete in an earlier run of the batch.
            on_row: told each row as its file ends, and how the batch stands.

        Raises:
            ConfigurationError: a handler cannot be used, there is no cluster whose workers could be given tasks, what
                the runner has cannot be given to them, or there was no worker for a minute: then the index is whole.
            BundleError: index, bundle or page cannot be written, or another batch does so.
        """
        if unit == "file" and self.config.engine == "dask" and (self._executor or self._secrets):
            raise ConfigurationError('executors and secrets of this program do not travel to workers: use unit="task"')
        stopping = asyncio.Event()
        self._stopping.append(stopping)
        async with AsyncExitStack() as stack:
            stack.callback(self._stopping.remove, stopping)
            if not self._resources.is_open:
                await stack.enter_async_context(self)
            return await execute_many(
                self,
                files,
                self._resources.kept_cluster,
                self._handlers,
                stopping,
                unit=unit,
                files_at_once=files_at_once,
                inputs=inputs or {},
                seed=seed,
                retry_failed=retry_failed,
                on_row=on_row,
            )

    def cancel(self, reason: str = "the run was cancelled", *, run_id: str | None = None) -> None:
        """Cancel every run of this runner, or that with this id; each still returns its LAST file with its bundle.

        Batches begin no further file, unless one run is meant.
        """
        for stopping in self._stopping if run_id is None else ():
            stopping.set()
        for manager in list(self._running.values()):
            if run_id in (None, manager.run_id):
                manager.cancel(reason)

    def bundle_path(self, last_file: LastFile) -> Path:
        """The directory of a run's bundle."""
        return Path(self.config.output_dir) / last_file.id

"""run: a whole run in one call, for programs without an event loop of their own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from altlas_runner.alt_file import AltFile
from altlas_runner.alt_file.selection import Selection
from altlas_runner.config import RunnerConfig
from altlas_runner.errors import AltlasRunnerError
from altlas_runner.event_loop import run_to_end
from altlas_runner.execution import Executor
from altlas_runner.handlers import HandlerSource
from altlas_runner.last_file import LastFile
from altlas_runner.runner import Runner
from altlas_runner.task_manager.observing import Observer

__all__ = ["run"]


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

"""The engine `dask` of the configuration. Dask is imported only when it is asked for: it is large, and an extra."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from altlas_runner.config import RunnerConfig
from altlas_runner.errors import ConfigurationError
from altlas_runner.handlers import Handler, HandlerEngine
from altlas_runner.redaction import Redactor

if TYPE_CHECKING:
    from altlas_runner.dask_executor import DaskConnection

__all__ = ["concurrency_on", "connection_for", "engine_on"]


def connection_for(config: RunnerConfig) -> DaskConnection:
    """The connection to the cluster that the configuration names, not open yet.

    Raises:
        ConfigurationError: Dask is not installed, or its TLS files cannot be used.
    """
    try:
        from altlas_runner.dask_executor import DaskConnection, tls_security
    except ImportError as error:
        raise ConfigurationError(
            f"the engine dask needs Dask Distributed: pip install 'altlas-runner[dask]' ({error})"
        ) from error
    assert config.dask_address is not None
    security = None
    if config.dask_tls_ca and config.dask_tls_cert and config.dask_tls_key:
        security = tls_security(config.dask_tls_ca, config.dask_tls_cert, config.dask_tls_key)
    return DaskConnection(config.dask_address, security=security)


def engine_on(
    cluster: DaskConnection, handlers: Mapping[str, Handler], config: RunnerConfig, redactor: Redactor
) -> HandlerEngine:
    """What runs these handlers on the cluster, and keeps the secrets of the run out of the logs there."""
    from altlas_runner.dask_executor import DaskExecutor

    return DaskExecutor(cluster, handlers, store=config.dask_store, redactor=redactor)


def concurrency_on(cluster: DaskConnection, config: RunnerConfig) -> int:
    """How many attempts a run makes at one time there: what was configured, else enough to keep every thread busy."""
    if "max_concurrent_tasks" in config.model_fields_set:
        return config.max_concurrent_tasks
    return max(config.max_concurrent_tasks, 2 * cluster.threads)

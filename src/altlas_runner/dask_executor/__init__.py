"""Handlers and whole files on the workers of a Dask cluster (extra `dask`)."""

from altlas_runner.dask_executor.connection import DaskConnection, LostError
from altlas_runner.dask_executor.executor import DaskExecutor
from altlas_runner.dask_executor.opening import tls_security

__all__ = ["DaskConnection", "DaskExecutor", "LostError", "tls_security"]

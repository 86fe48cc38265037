"""The cluster that the tests of workers share."""

from tests.dask_executor.conftest import cluster

__all__ = ["cluster"]

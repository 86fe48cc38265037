"""A cluster that tests share when they do it no harm."""

from collections.abc import Iterator
from typing import Any

import pytest
from distributed import LocalCluster


@pytest.fixture(scope="package")
def cluster() -> Iterator[LocalCluster]:
    """Two worker processes of two threads, on a loop of their own."""
    options: dict[str, Any] = {"n_workers": 2, "threads_per_worker": 2, "processes": True, "dashboard_address": ":0"}
    with LocalCluster(**options) as cluster:
        yield cluster

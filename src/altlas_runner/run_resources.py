"""What runs need beside their ALT file, and what a runner keeps of it over all of them: client, cluster, processes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from altlas_runner.ai_service import AiServiceClient, PriceTable
from altlas_runner.config import RunnerConfig
from altlas_runner.dask_engine import connection_for
from altlas_runner.handlers import HandlerHost
from altlas_runner.kept_settings import OF_THE_SERVICE

if TYPE_CHECKING:
    from altlas_runner.dask_executor import DaskConnection

__all__ = ["RunResources"]

_BUNDLES_AT_ONCE = 3


class RunResources:
    """Opens what a run asks for. Between `open` and `close` it is kept, else it closes with the run.

    Args:
        config: says which service and which cluster.

    Attributes:
        is_open: whether things are kept now.
        kept_cluster: the cluster that is kept, or None.
        bundle_maker: the threads that make the bundles, or None.
        handler_host: has the threads and processes of handlers that are kept, or None.
    """

    def __init__(self, config: RunnerConfig) -> None:
        self._config = config
        self._kept = AsyncExitStack()
        self._client: AiServiceClient | None = None
        self.is_open = False
        self.kept_cluster: DaskConnection | None = None
        self.bundle_maker: ThreadPoolExecutor | None = None
        self.handler_host: HandlerHost | None = None

    async def open(self) -> None:
        """Keep things from now on.

        Raises:
            ConfigurationError: the cluster of the configuration cannot be reached or used.
        """
        async with AsyncExitStack() as stack:
            # Several wait for the disk together; one at a time renders (see `LastFileGenerator`).
            self.bundle_maker = ThreadPoolExecutor(_BUNDLES_AT_ONCE, thread_name_prefix="altlas-bundles")
            stack.callback(self.bundle_maker.shutdown, wait=False)
            self.handler_host = HandlerHost()
            stack.push_async_callback(self.handler_host.aclose)
            if self._config.engine == "dask":
                self.kept_cluster = await stack.enter_async_context(connection_for(self._config))
            self._kept = stack.pop_all()
        self.is_open = True

    async def close(self) -> None:
        """Close what was kept."""
        self.is_open = False
        self._client = self.kept_cluster = self.bundle_maker = self.handler_host = None
        await self._kept.aclose()

    async def client(self, of_run: AsyncExitStack, config: RunnerConfig) -> AiServiceClient:
        """The open client of the AI service.

        Args:
            of_run: closes a client that is not kept.
            config: of the run. One that resumes may ask for other things than the runner does, and has its own client.
        """
        if not self.is_open or not _ask_alike(config, self._config):
            return await of_run.enter_async_context(_new_client(config))
        if self._client is None:
            self._client = _new_client(config)
            self._kept.push_async_exit(self._client)
        return await self._client.__aenter__()  # checks, and is harmless when done before

    async def cluster(self, of_run: AsyncExitStack) -> DaskConnection:
        """The open connection to the cluster."""
        if self.kept_cluster is not None:
            return self.kept_cluster
        return await of_run.enter_async_context(connection_for(self._config))


def _ask_alike(one: RunnerConfig, other: RunnerConfig) -> bool:
    """Whether one client does for both; no key is looked for."""
    names = [name for name in RunnerConfig.model_fields if name.startswith(OF_THE_SERVICE)]
    return one is other or all(getattr(one, name) == getattr(other, name) for name in names)


def _new_client(config: RunnerConfig) -> AiServiceClient:
    prices = config.prices
    return AiServiceClient(config.ai_service(), prices=None if prices is None else PriceTable.from_file(prices))

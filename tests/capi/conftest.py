"""The library is built once for all tests of this folder."""

import pytest

from tests.capi.building import Library, build_where_possible
from tests.capi.client import Client


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    prefix = tmp_path_factory.mktemp("library")
    build_where_possible(prefix)
    return Library(prefix, tmp_path_factory.mktemp("programs"))


@pytest.fixture(scope="session")
def _client(library: Library) -> Client:
    return Client(library.path)


@pytest.fixture
def client(_client: Client) -> Client:
    """The library in this process, through ctypes, with nothing in it."""
    assert _client.lib.runner_init() == 1, _client.error()
    return _client

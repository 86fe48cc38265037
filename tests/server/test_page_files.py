"""The files of the page, as far as a program can judge them."""

import re
from pathlib import Path

import pytest

from altlas_runner.server.page_files import POLICY, PageEndpoints
from tests.last_file.test_report_look import palettes
from tests.loopback import LoopbackService
from tests.server.running import RunningServer, running_server

PATHS = ["/", "/assets/page.css", "/assets/page.js"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> RunningServer:
    """One that asks for a token."""
    directory = tmp_path_factory.mktemp("page_files")
    with (
        LoopbackService() as service,
        running_server(directory / "output", service.url, token="a-token-that-nobody-guesses") as server,
    ):
        yield server


@pytest.mark.slow
@pytest.mark.parametrize("path", PATHS)
def test_each_is_given_without_a_token_and_under_the_policy(server: RunningServer, path: str) -> None:
    server.token = None
    reply = server.ask("GET", path)
    assert reply.status == 200
    assert reply.headers["Content-Security-Policy"] == POLICY
    assert reply.headers["X-Content-Type-Options"] == "nosniff"

"""Servers that nobody here wrote, each in its own process: llama.cpp with a real model, and a mock of providers."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from altlas_runner.ai_service import AiServiceConfig
from altlas_runner.ai_service.local import model_file
from tests.needs import MOCK_SERVER

_LLAMA = """
import sys, xllamacpp
parameters = xllamacpp.CommonParams()
parameters.model.path = sys.argv[1]
parameters.model_alias = {"smollm2"}
parameters.n_ctx, parameters.n_parallel, parameters.verbosity = 2048, 2, -1
parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
parameters.hostnames, parameters.port = ["127.0.0.1"], 0
server = xllamacpp.Server(parameters)
print(server.listening_address, flush=True)
sys.stdin.read()  # until the tests are done with it, or gone
"""


@contextlib.contextmanager
def llama_server() -> Iterator[str]:
    """llama.cpp's own HTTP server; its URL."""
    command = [sys.executable, "-c", _LLAMA, str(model_file(AiServiceConfig()))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert url.startswith("http://"), url
            yield url
        finally:
            process.kill()


class MockProviders:
    """A running llmock, which speaks OpenAI's and Anthropic's formats, breaks on demand, and judges its clients."""

    def __init__(self, url: str) -> None:
        self.url = url

    def base_url(self, protocol: str) -> str:
        return f"{self.url}/v1" if protocol == "openai" else f"{self.url}/anthropic"

    def behave(self, *behaviours: dict[str, Any]) -> None:
        """Forget everything, then do this with the next requests."""
        self._call("reset", {})
        if behaviours:
            self._call("scenario", {"behaviors": list(behaviours)})

    def findings(self) -> list[dict[str, Any]]:
        """What the clients did wrong since then."""
        found: list[dict[str, Any]] = self._call("verdict")["findings"]
        return found

    def _call(self, name: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            f"{self.url}/_llmock/{name}",
            None if body is None else json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)


@contextlib.contextmanager
def mock_providers(log: Path) -> Iterator[MockProviders]:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    command = [str(MOCK_SERVER), "serve", "--host", "127.0.0.1", "--port", str(port), "--stream-chunk-delay-ms", "5"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LLMOCK_")}
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output, env=environment) as process:
        try:
            mock = MockProviders(f"http://127.0.0.1:{port}")
            give_up = time.monotonic() + 60
            while True:
                assert process.poll() is None, log.read_text()
                with contextlib.suppress(OSError):
                    mock.behave()
                    break
                assert time.monotonic() < give_up, log.read_text()
                time.sleep(0.1)
            yield mock
        finally:
            process.kill()

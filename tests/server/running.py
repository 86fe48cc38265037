"""The service as its users have it: a process of its own, asked over sockets."""

import contextlib
import json
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.durability.command_line import Process, command_line


class Reply:
    """The answer to a request."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def __repr__(self) -> str:
        return f"<{self.status} {self.body[:500]!r}>"


class RunningServer:
    """A running `altlas-runner serve`."""

    def __init__(self, process: Process, url: str, token: str | None, log: Path) -> None:
        self.process = process
        self.url = url
        self.token = token
        self.log = log
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        self.address = (parts.hostname, parts.port)

    def ask(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Reply:
        """Send a request, a body as JSON, and read the whole answer."""
        sent = {"Content-Type": "application/json"} if body is not None else {}
        if self.token is not None:
            sent["Authorization"] = f"Bearer {self.token}"
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, content, {**sent, **(headers or {})}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return Reply(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, dict(error.headers), error.read())

    def start(self, alt: Any, **options: Any) -> str:
        """Start a run; its id."""
        reply = self.ask("POST", "/api/v1/process", {"alt_file_content": alt, **options})
        assert reply.status == 202, reply
        run_id: str = reply.json["request_id"]
        return run_id

    def run(self, run_id: str) -> Any:
        """A run as it is shown now."""
        reply = self.ask("GET", f"/api/v1/runs/{run_id}")
        assert reply.status == 200, reply
        return reply.json

    def ended(self, run_id: str, seconds: float = 60) -> Any:
        """A run, once it has ended."""
        until = time.monotonic() + seconds
        while (run := self.run(run_id))["completed_at"] is None:
            assert time.monotonic() < until, run
            time.sleep(0.02)
        return run

    def connect(self) -> socket.socket:
        """A bare connection."""
        return socket.create_connection(self.address, timeout=30)

    def stop(self, seconds: float = 60) -> int:
        """End it as a service manager does; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)


@contextlib.contextmanager
def running_server(
    output_dir: Path, service_url: str, *options: str, token: str | None = None, fresh: bool = False
) -> Iterator[RunningServer]:
    """A server for as long as the block lasts; `fresh` starts a new Python, which inherits what this one may do."""
    always = ("serve", "--port", "0", "--no-graphs")
    environment = {"RUNNER_SERVER_TOKEN": token} if token else {}
    process = command_line().start(
        [*always, "--output-dir", output_dir, "--service-url", service_url, *options], environment, fresh=fresh
    )
    try:
        while not (said := process.stdout).endswith("\n"):
            assert not process.has_ended(0.005), process.stderr
        assert said.startswith("listening on http://"), (said, process.stderr)
        yield RunningServer(process, said.split()[-1], token, process.errors)
    finally:
        process.kill()

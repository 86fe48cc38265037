"""The service as a process of its own, started as people start it: `altlas-runner serve`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Self
from urllib.error import HTTPError
from urllib.request import Request, urlopen

__all__ = ["ServerProcess"]

_SECONDS = 60


class ServerProcess:
    """A running `altlas-runner serve`; stopped at the end of a `with` block.

    Args:
        output_dir: where it makes its bundles; what it logs lies beside it.
        service_url: of the AI service.
        options: further options of the command.
        port: 0 takes a free one.
        token: of the service, or None.
    """

    def __init__(
        self, output_dir: Path, service_url: str, *options: str, port: int = 0, token: str | None = None
    ) -> None:
        self.output_dir = output_dir
        self.token = token
        self.log = output_dir.with_suffix(".log")
        clean = {name: value for name, value in os.environ.items() if not name.startswith("RUNNER_")}
        command = [sys.executable, "-W", "error", "-m", "altlas_runner", "serve", "--port", str(port), "--no-graphs"]
        command += ["--service-url", service_url, "--output-dir", str(output_dir), *options]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=clean if token is None else {**clean, "RUNNER_SERVER_TOKEN": token},
            )
        assert self.process.stdout is not None
        first = self.process.stdout.readline()
        assert first.startswith("listening on http://"), (first, self.log.read_text())
        self.url = first.split()[-1]
        self.port = int(self.url.rsplit(":", 1)[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            for number in (signal.SIGTERM, signal.SIGTERM):  # the second lets nothing go on
                self.process.send_signal(number)
        self.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def kill(self) -> None:
        """As a power cut: SIGKILL."""
        self.process.kill()
        self.wait()

    def terminate(self) -> None:
        """SIGTERM, once."""
        self.process.terminate()

    def wait(self) -> int:
        """The exit code, when it has ended."""
        return self.process.wait(_SECONDS)

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and JSON of an answer."""
        headers = {"Content-Type": "application/json"} | (
            {"Authorization": f"Bearer {self.token}"} if self.token else {}
        )
        content = None if body is None else json.dumps(body).encode()
        try:
            with urlopen(Request(self.url + path, content, headers, method=method), timeout=_SECONDS) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except HTTPError as error:
            with error:
                return error.code, json.loads(error.read() or b"null")

    def start(self, alt_file: dict[str, Any], **options: Any) -> str:
        """Start a run; its id."""
        status, answer = self.ask("POST", "/api/v1/process", {"alt_file_content": alt_file, **options})
        assert status == 202, answer
        return str(answer["request_id"])

    def resident_bytes(self) -> int:
        """The memory that it takes now."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

"""Nothing that a stranger sends is answered with anything but a refusal, and it leaves nothing behind."""

import contextlib
import json
import re
import resource
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.loopback import LoopbackService
from tests.server.hostile import TOKEN, Hostile, make_traps, post, request
from tests.server.hostile_bodies import hostile_bodies
from tests.server.hostile_heads import hostile_heads
from tests.server.running import RunningServer, running_server
from tests.server.test_executing import TWO

_HOSTILE = [*hostile_heads(), *hostile_bodies()]
_LONGEST_SECONDS = 60.0
_WORK = 200
"""Requests that are counted as the server's usual work."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    place = tmp_path_factory.mktemp("hostile")
    make_traps(place / "alt")
    options = ("--alt-root", str(place / "alt"), "--head-seconds", "20", "--body-seconds", "20")
    with LoopbackService() as ai, running_server(place / "output", ai.url, *options, token=TOKEN) as running:
        yield running


@pytest.fixture(scope="module")
def impatient_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    place = tmp_path_factory.mktemp("impatient")
    options = ("--head-seconds", "2", "--body-seconds", "2", "--max-connections", "64")
    with LoopbackService() as ai, running_server(place / "output", ai.url, *options, token=TOKEN) as running:
        yield running


def exchange(server: RunningServer, content: bytes, more_seconds: float = 0.0) -> bytes:
    """Send bytes and read the first answer, and what comes in so many seconds behind it."""
    with server.connect() as connection:
        with contextlib.suppress(ConnectionError):  # it need not listen to the end
            connection.sendall(content)
        said = b""
        with contextlib.suppress(ConnectionError), contextlib.suppress(TimeoutError):
            connection.settimeout(_LONGEST_SECONDS)
            while not _is_whole(said, has_body=content[:5] != b"HEAD ") and (piece := connection.recv(65536)):
                said += piece
            connection.settimeout(more_seconds)
            while more_seconds and (piece := connection.recv(65536)):
                said += piece
        return said


def _is_whole(said: bytes, *, has_body: bool = True) -> bool:
    head, end, body = said.partition(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: (\d+)", head, re.IGNORECASE)
    return bool(end) and (not has_body or (length is not None and len(body) >= int(length[1])))


def status_of(said: bytes) -> int:
    line = re.match(rb"HTTP/\d\.\d (\d{3}) ", said)
    assert line is not None, said[:200]
    return int(line[1])


@dataclass
class Standing:
    """What the server holds, and what its usual work costs it in CPU time."""

    descriptors: int
    threads: int
    memory: int
    work_seconds: float


def standing(server: RunningServer) -> Standing:
    place = Path("/proc") / str(server.process.pid)
    status = (place / "status").read_text()
    costs = []
    for _ in range(5):
        before = cpu_seconds(place)
        with server.connect() as connection:
            for number in range(_WORK):
                connection.sendall(request(target="/api/v1/health") if number % 2 else post({"alt_file_content": ""}))
                said = b""
                while not _is_whole(said):
                    said += connection.recv(65536)
        costs.append(cpu_seconds(place) - before)
    time.sleep(0.2)
    memory, threads = (int(re.search(rf"{name}:\s+(\d+)", status)[1]) for name in ("VmRSS", "Threads"))  # type: ignore[index]
    return Standing(len(list((place / "fd").iterdir())), threads, memory, min(costs))


def cpu_seconds(place: Path) -> float:
    """CPU time of every thread of a process so far."""
    return sum(int((task / "schedstat").read_text().split()[0]) for task in (place / "task").iterdir()) / 1e9


@pytest.mark.slow
def test_every_hostile_request_is_refused_and_the_server_is_as_fast_as_before(server: RunningServer) -> None:
    """The cost of its usual work, its files, threads and memory are counted before and after."""
    assert len({hostile.name for hostile in _HOSTILE}) == len(_HOSTILE) >= 400
    documented = {
        int(status)
        for path in _description(server)["paths"].values()
        for each in path.values()
        for status in each["responses"]
    }
    standing(server)  # what it loads when it is first asked
    before = standing(server)
    with ThreadPoolExecutor(4) as senders:
        answers = list(senders.map(lambda hostile: _answer_to(server, hostile), _HOSTILE))
        after = standing(server)
        for _ in range(3):  # what was freed lies where it fits: only what comes with each time is a loss
            memory = after.memory
            list(senders.map(lambda hostile: _answer_to(server, hostile), _HOSTILE))
            after = standing(server)
            if after.memory <= memory + 60_000:
                break
    wrong = []
    for hostile, said in zip(_HOSTILE, answers, strict=True):
        problem = _what_is_wrong(hostile, said, documented)
        if problem:
            wrong.append(f"{hostile.name}: {problem}: {said[:300]!r}")
    assert not wrong, "\n".join(wrong)
    for _ in range(4):  # CPU time, too, grows when a neighbour is busy: only what stays is the server's own
        if after.work_seconds > before.work_seconds * 1.5:
            after = standing(server)
    assert after.descriptors <= before.descriptors + 1
    assert after.threads <= before.threads + 6, "the pool of threads, and nothing else"
    assert after.memory <= memory + 60_000, "kB more each time they come"
    assert after.work_seconds <= before.work_seconds * 1.5, (before, after)
    assert "Traceback" not in server.log.read_text()
    runs = server.ask("GET", "/api/v1/runs").json["runs"]
    assert {run["last_file_path"] for run in runs} <= {None}, "no task was ever started"


def _answer_to(server: RunningServer, hostile: Hostile) -> bytes:
    return exchange(
        server, hostile.content, more_seconds=0.3 if hostile.name.startswith(("smuggling", "chunk")) else 0.0
    )


def _what_is_wrong(hostile: Hostile, said: bytes, documented: set[int]) -> str | None:
    if re.search(rb"HTTP/\d\.\d 2", said):
        return "something was answered with success"
    if not said:
        return "there was no answer"
    status = status_of(said)
    if status not in hostile.statuses:
        return f"{status} instead of {hostile.statuses}"
    head, _, body = said.partition(b"\r\n\r\n")
    if b"HEAD " in hostile.content[:5]:
        return None
    if b"application/problem+json" not in head:
        return "it is no problem"
    with contextlib.suppress(ValueError):
        problem = json.JSONDecoder().raw_decode(body.decode())[0]
        if problem["status"] == status and problem["error"] and isinstance(problem["diagnostics"], list):
            return None if status in documented | {404, 405} else f"{status} is not documented"
    return "its body is not that of a problem"


def _description(server: RunningServer) -> Any:
    return server.ask("GET", "/openapi.json").json


@pytest.mark.slow
def test_slow_clients_are_shown_the_door_and_others_do_not_notice(impatient_server: RunningServer) -> None:
    """More of them than there may be connections, while somebody honest is served."""
    whole = post({"alt_file_content": "x" * 1000})
    head = whole.partition(b"\r\n\r\n")[0]
    slow = [
        b"",
        b"G",
        b"GET / HTT",
        head[:40],
        head,
        head + b"\r\n",
        head + b"\r\n\r\n",
        whole[:-1],
        head + b"\r\n\r\n" + b" " * 10,
    ]
    honest = impatient_server.connect()
    connections = [(content, impatient_server.connect()) for content in slow * 6]
    try:
        for content, connection in connections:
            connection.sendall(content)
        began = time.monotonic()
        while time.monotonic() - began < 2.5:  # a byte now and then keeps nobody in
            for content, connection in connections:
                if content and not content.endswith(b"\r\n\r\n"):
                    with contextlib.suppress(OSError):
                        connection.send(b" ")
            honest.sendall(request(target="/api/v1/health"))
            assert b"200 OK" in honest.recv(65536)
            time.sleep(0.2)
        for content, connection in connections:
            said = _until_closed(connection)
            assert said is not None, f"{content[-30:]!r} is still connected"
            if said:  # a reset can overtake an answer
                assert status_of(said) in (400, 408), (content, said)
    finally:
        for _, connection in connections:
            connection.close()
        honest.close()


def _until_closed(connection: socket.socket) -> bytes | None:
    connection.settimeout(10)
    said = b""
    try:
        while piece := connection.recv(65536):
            said += piece
    except TimeoutError:
        return None
    except ConnectionError:
        return said
    return said


@pytest.mark.slow
def test_connections_beyond_the_cap_are_told_so(impatient_server: RunningServer) -> None:
    with contextlib.ExitStack() as stack:
        inside = [stack.enter_context(impatient_server.connect()) for _ in range(64)]
        for connection in inside:
            connection.sendall(request(target="/api/v1/health"))
            assert b"200 OK" in connection.recv(65536)
        beyond = stack.enter_context(impatient_server.connect())
        beyond.sendall(request(target="/api/v1/health"))
        said = _until_closed(beyond)
        assert said is not None
        if said:
            assert status_of(said) == 503
            assert b"Retry-After" in said
        inside[0].sendall(request(target="/api/v1/health"))
        assert b"200 OK" in inside[0].recv(65536)
    assert impatient_server.ask("GET", "/api/v1/health").status == 200


@pytest.mark.slow
def test_connections_leave_enough_open_files_for_runs(tmp_path: Path) -> None:
    """Also where a process may at first open fewer than there may be connections."""
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with LoopbackService() as ai, contextlib.ExitStack() as stack:
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, most))
        try:
            server = stack.enter_context(
                running_server(tmp_path / "output", ai.url, "--max-connections", "400", fresh=True)
            )
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))
        for _ in range(300):
            stack.enter_context(server.connect())
        assert server.ask("POST", "/execute", {"alt_file_content": TWO}).json["successful_tasks"] == 2


@pytest.mark.slow
def test_a_client_that_reads_nothing_is_let_go(impatient_server: RunningServer, tmp_path: Path) -> None:
    """It does not keep the server from serving others, and its memory stays bounded."""
    with impatient_server.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        asked = request(target="/openapi.json")
        with contextlib.suppress(OSError):
            connection.settimeout(1)
            for _ in range(3000):
                connection.sendall(asked)
        assert impatient_server.ask("GET", "/api/v1/health").status == 200

"""Requests as bytes, and what is bad about those that nobody honest sends."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TOKEN = "a-token-for-the-tests-0123456789"
GOOD = {"id": "f", "title": "t", "tasks": [{"id": "a", "description": "d"}]}
NO_RUN = "last_00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True)
class Hostile:
    """A request that must be refused.

    Attributes:
        name: what is bad about it.
        content: what is sent.
        statuses: how it may be refused.
    """

    name: str
    content: bytes
    statuses: tuple[int, ...]


def request(
    method: str = "GET",
    target: str | bytes = "/api/v1/status",
    body: bytes | None = None,
    *,
    headers: tuple[bytes, ...] = (),
    host: bytes | None = b"127.0.0.1",
    token: bytes | None = b"Bearer " + TOKEN.encode(),
    content_type: bytes | None = b"application/json",
    length: bytes | None = b"",
    version: bytes = b"HTTP/1.1",
) -> bytes:
    """A request; what is None is left out, an empty length is the right one."""
    path = target if isinstance(target, bytes) else target.encode()
    lines = [method.encode() + b" " + path + b" " + version]
    if host is not None:
        lines.append(b"Host: " + host)
    if token is not None:
        lines.append(b"Authorization: " + token)
    if body is not None:
        if content_type is not None:
            lines.append(b"Content-Type: " + content_type)
        if length is not None:
            lines.append(b"Content-Length: " + (length or str(len(body)).encode()))
    return b"\r\n".join((*lines, *headers, b"", b"")) + (body or b"")


def post(body: Any, target: str = "/execute", **options: Any) -> bytes:
    """A request with a body: bytes as they are, anything else as JSON."""
    return request("POST", target, body if isinstance(body, bytes) else json.dumps(body).encode(), **options)


def make_traps(root: Path) -> None:
    """Files below the directory for ALT files, links and other things that lead out of it or nowhere."""
    secret = root.parent / "secret"
    secret.mkdir(parents=True)
    good = json.dumps(GOOD)
    (secret / "s.alt.json").write_text(good)
    root.mkdir()
    (root / "inner").mkdir()
    (root / "inner" / "good.alt.json").write_text(good)
    (root / "file-link.alt.json").symlink_to(secret / "s.alt.json")
    (root / "relative-link.alt.json").symlink_to("../secret/s.alt.json")
    (root / "inside-link.alt.json").symlink_to("inner/good.alt.json")
    (root / "directory-link").symlink_to(secret)
    (root / "root-link").symlink_to("/")
    (root / "up-link").symlink_to("..")
    (root / "loop").symlink_to("loop")
    (root / "chain").symlink_to("file-link.alt.json")
    (root / "dangling").symlink_to("not-there")
    (root / "device-link").symlink_to("/dev/zero")
    (root / "environment-link").symlink_to("/proc/self/environ")
    (root / "not-an-alt-file.txt").write_text("root:x:0:0")
    (root / "binary.alt.json").write_bytes(bytes(range(256)))

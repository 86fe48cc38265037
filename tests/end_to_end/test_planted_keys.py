"""Six planted keys are found in no byte that a run writes, although the service sends back everything it was sent."""

import asyncio
import gzip
import json
import os
import sys
from base64 import b64encode, urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

KEYS = {
    "header": "hdr-Planted+0001/xyz",
    "URL": "url-Planted&0002=xyz",
    "user info": "usr-Planted-0003-xyz",
    "environment": "env-Planted.0004~xyz",
    "echoed body": "inp-Planted 0005?xyz",
    "parameter": 'par-Planted"0006\\xyz',
}
TASKS = ("output", "message", "page", "artifact", "no-json", "redirect", "title")


def echoes(request: str) -> dict[str, Any]:
    """What was sent, in every form that a service might send it back in."""
    shifted = [("." * before + request).encode() for before in range(3)]
    return {
        "raw": request,
        "url": [quote(request), quote(request, safe=""), quote_plus(request), quote(request).lower()],
        "base64": [encode(each).decode() for encode in (b64encode, urlsafe_b64encode) for each in shifted],
        "unpadded": [b64encode(each).decode().rstrip("=") for each in shifted],
        "json": json.dumps(request),
        request[-200:]: "as a name",
    }


def response(status: int, body: str, kind: str = "application/json", more: str = "") -> bytes:
    encoded = body.encode()
    fields = f"Content-Type: {kind}\r\nContent-Length: {len(encoded)}\r\nConnection: close\r\n{more}"
    head = f"HTTP/1.1 {status} X\r\n{fields}\r\n"
    return head.encode("latin-1", "replace") + encoded


def answer_to(task: str, request: str) -> bytes:
    echo = echoes(request)
    match task:
        case "message":
            return response(400, json.dumps({"error": {"message": request, **echo}}))
        case "page":
            return response(500, f"<title>{request}</title>", "text/html")
        case "artifact":
            artifacts = [
                {"name": "echo.txt", "content": request},
                {"name": f"{KEYS['environment']}.bin", "content_base64": b64encode(request.encode()).decode()},
            ]
            return response(200, json.dumps({"artifacts": artifacts}))
        case "no-json":
            return response(200, request, "text/plain")
        case "redirect":
            return response(302, "", more=f"Location: http://service.test/{quote(request[:300], safe='')}\r\n")
        case "title":
            return response(401, request[-450:], "text/plain")
    return response(200, json.dumps(echo))


@asynccontextmanager
async def echoing_proxy() -> AsyncIterator[tuple[int, list[str]]]:
    """A proxy that is the service as well; the requests it was sent."""
    requests: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = next(int(line[16:]) for line in head.lower().split("\r\n") if line.startswith("content-length: "))
        body = (await reader.readexactly(length)).decode()
        requests.append(head + body)
        sent = json.loads(body)
        decoded = head + body + json.dumps(sent, ensure_ascii=False) + sent["description"] + str(sent["parameters"])
        writer.write(answer_to(sent["task_id"], decoded))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], requests


def forms_of(key: str) -> dict[str, bytes]:
    """The key as it is, as URLs write it, and what of it is the same in every base64 of a text around it."""
    raw = key.encode()
    cuts = {
        f"base64 at {before}": b64encode(bytes(before) + raw)[(0, 2, 3)[before] : (8 * (before + len(raw))) // 6]
        for before in range(3)
    }
    urlsafe = {f"url-safe {name}": cut.replace(b"+", b"-").replace(b"/", b"_") for name, cut in cuts.items()}
    in_json = {"JSON": json.dumps(key)[1:-1].encode(), "twice JSON": json.dumps(json.dumps(key)[1:-1])[1:-1].encode()}
    return {"raw": raw, "URL": quote(key, safe="").encode(), "+": quote_plus(key).encode()} | cuts | urlsafe | in_json


def written(directory: Path) -> dict[str, bytes]:
    """Every file with its name, and what is inside of those that are compressed."""
    files = {}
    for path in directory.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            name = str(path.relative_to(directory))
            files[name] = name.encode() + b"\n" + (gzip.decompress(content) if path.suffix == ".gz" else content)
    return files


@pytest.mark.slow
@pytest.mark.parametrize("progress", ["json", "plain"])
def test_planted_keys_are_in_no_byte_that_is_written(tmp_path: Path, progress: str) -> None:
    parameters = {"api_key": KEYS["parameter"], "deep": [{"Authorization": f"Bearer {KEYS['parameter']}"}]}
    tasks = [
        {"id": name, "description": "say ${{ inputs.token }}", "retry_count": 0, "parameters": parameters}
        for name in TASKS
    ]
    tasks.append({"id": "after", "description": "repeat ${{ tasks.output.output.raw }}", "dependencies": ["output"]})
    (tmp_path / "flow.alt").write_text(json.dumps({"id": "f", "title": "F", "tasks": tasks}))
    (tmp_path / "inputs.json").write_text(json.dumps({"token": KEYS["echoed body"]}))

    async def main() -> tuple[int | None, bytes, bytes, list[str]]:
        async with echoing_proxy() as (port, requests):
            (tmp_path / "runner.toml").write_text(
                f'ai_service_url = "http://service.test"\n'
                f'ai_proxy = "http://someone:{KEYS["user info"]}@127.0.0.1:{port}"\n'
                f'[ai_extra_headers]\nX-Api-Key = "{KEYS["header"]}"\n'
                f'[ai_extra_query]\napi_key = "{KEYS["URL"]}"\n'
            )
            options = ["--config", "runner.toml", "--input-file", "inputs.json", "--output-dir", "out/bundles"]
            options += ["--cache", "out/cache", "--log-level", "trace", "--progress", progress, "--json"]
            run = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "altlas_runner", "run", "flow.alt", *options),
                cwd=tmp_path,
                env={**os.environ, "RUNNER_AI_API_KEY": KEYS["environment"]},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            stdout, stderr = await run.communicate()
            return run.returncode, stdout, stderr, requests

    code, stdout, stderr, requests = asyncio.run(main())
    assert code == 1, stderr.decode()
    assert len(requests) == len(TASKS) + 1
    sent = "".join(requests)
    for name, key in KEYS.items():  # every key truly travelled
        assert any(form.decode() in sent for form in forms_of(key).values()), name
    everything = {"stdout": stdout, "stderr": stderr, **written(tmp_path / "out")}
    assert b"TRACE" in stderr or b'"trace"' in stderr
    assert any(name.endswith("result.last") for name in everything)
    assert any("report.html" in name for name in everything)
    assert any("journal.sqlite3" in name for name in everything)
    found = [
        (name, form, place)
        for name, key in KEYS.items()
        for form, needle in forms_of(key).items()
        for place, content in everything.items()
        if needle in content
    ]
    assert found == []

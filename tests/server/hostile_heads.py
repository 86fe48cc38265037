"""Heads that nobody honest sends: paths, headers, hosts, lengths of two meanings, tokens, methods."""

import json
from collections.abc import Iterator
from urllib.parse import quote

from tests.server.hostile import GOOD, NO_RUN, TOKEN, Hostile, post, request


def hostile_heads() -> Iterator[Hostile]:
    """Every one."""
    yield from _paths()
    yield from _headers()
    yield from _hosts()
    yield from _smuggling()
    yield from _tokens()
    yield from _methods()


def _paths() -> Iterator[Hostile]:
    up = [
        "..",
        "%2e%2e",
        "%2E%2e",
        ".%2e",
        "%252e%252e",
        "..%00",
        "..%c0%af",
        "%c0%ae%c0%ae",
        "..\\",
        "..%5c",
        "..;",
        "%u002e.",
    ]
    for step in up:
        for tail in ("etc/passwd", f"{NO_RUN}/result.last"):
            yield Hostile(f"path: {step} to {tail}", request(target=f"/runs/{NO_RUN}/{step}/{step}/{tail}"), (400, 404))
        yield Hostile(
            f"path: {step} among artifacts", request(target=f"/runs/{NO_RUN}/artifacts/{step}/result.last"), (400, 404)
        )
        yield Hostile(f"path: {step} as a run", request(target=f"/runs/{step}/result.last"), (400, 404))
        yield Hostile(f"path: {step} in the page", request(target=f"/page/{step}/{step}/config.py"), (400, 404))
    for name in (
        "journal.sqlite3",
        ".hidden",
        "result.last.bak",
        "report.html%00",
        "report.html/",
        "REPORT.HTML",
        "artifacts",
    ):
        yield Hostile(f"path: the file {name}", request(target=f"/runs/{NO_RUN}/{name}"), (400, 404))
    ids = (
        "%00",
        "a%00b",
        "%2f",
        "a%2fb",
        "x" * 129,
        "x" * 4000,
        "%ff%fe",
        ".",
        "-",
        "a%0d%0ab",
        "%e2%80%ae",
        "con",
        "..",
        "a b",
    )
    for name in ids:
        target = f"/api/v1/runs/{name if name != 'a b' else quote(name)}"
        yield Hostile(f"path: the run {name[:20]!r} of {len(name)}", request(target=target), (400, 404))
        yield Hostile(f"path: events of {name[:20]!r} of {len(name)}", request(target=f"{target}/events"), (400, 404))
        yield Hostile(f"path: cancelling {name[:20]!r} of {len(name)}", request("DELETE", target), (400, 404, 405))
    for raw in (
        b"/\xff\xfe",
        b"/api/v1/\x01",
        b"api/v1/status",
        b"*",
        b"/api /v1",
        b"/a?b c",
        b"http://evil.example/",
        b"?",
        b"//",
    ):
        yield Hostile(f"path: the target {raw!r}", request(target=raw), (400, 404, 405, 421))
    for target in (
        "/page/index.html.bak",
        "/page/__init__.py",
        "/static/x",
        "/.git/config",
        "/.env",
        "/server-status",
        "/admin",
    ):
        yield Hostile(f"path: nothing at {target}", request(target=target), (404,))
    far = "99999999999-" + "A" * 22
    for ticket in ("0-x", far, "1-", "-", "x-y", "%00-x", "9" * 30 + "-x", "²-x", "1e9-x"):
        target = f"/views/{quote(ticket, safe='%')}/runs/{NO_RUN}/report.html"
        yield Hostile(f"path: the ticket {ticket}", request(target=target, token=None), (400, 404))
    for query in (
        "limit=0",
        "limit=-1",
        "limit=201",
        "limit=x",
        "limit=1e3",
        "limit=%00",
        "limit=" + "9" * 400,
        "limit=",
        "limit=\u0661",
    ):
        yield Hostile(f"query: {query[:20]}", request(target=f"/api/v1/runs?{quote(query, safe='=%')}"), (400,))
    for query in ("before=x", "before=%00", "before=../..", "before="):
        yield Hostile(f"query: {query}", request(target=f"/api/v1/runs?{query}"), (400, 404))


def _headers() -> Iterator[Hostile]:
    for name, header in (
        ("a blank before the colon", b"X-A : b"),
        ("no colon", b"X-A"),
        ("no name", b": b"),
        ("a fold", b"X-A: b\r\n c"),
        ("a nul", b"X-A: \0"),
        ("a bare return", b"X-A: b\rX-B: c"),
        ("a control", b"X-A: \x01"),
        ("a long value", b"X-A: " + b"b" * 20_000),
        ("a blank name", b" : b"),
        ("a long name", b"X-" + b"a" * 20_000 + b": b"),
        ("many", b"\r\n".join(b"X-%d: b" % n for n in range(2000))),
        ("a name of utf-8", "X-é: b".encode()),
        ("a name in parentheses", b"X(a): b"),
        ("a tab in the name", b"X\tA: b"),
        ("an empty line with a blank", b" "),
        ("a delete", b"X-A: \x7f"),
        ("a slash in the name", b"X/A: b"),
        ("a quote in the name", b'X"A: b'),
        ("a comma in the name", b"X,A: b"),
        ("an at in the name", b"X@A: b"),
        ("a nul in the name", b"X\0A: b"),
        ("a semicolon in the name", b"X;A: b"),
        ("a bracket in the name", b"X[A]: b"),
        ("a brace", b"X{A}: b"),
    ):
        yield Hostile(f"header: {name}", request(headers=(header,)), (400,))
    for version in (
        b"HTTP/0.9",
        b"HTTP/2.0",
        b"HTTP/1",
        b"HTTP/1.1.1",
        b"HTTP/9.9",
        b"http/1.1",
        b"HTTPS/1.1",
        b"",
        b"HTTP/-1.1",
    ):
        yield Hostile(f"version: {version!r}", request(version=version), (400,))
    for line in (
        b"\0\0\0\0",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"SSH-2.0-x\r\n\r\n",
        b"GET\r\n\r\n",
        b" GET / HTTP/1.1\r\n\r\n",
        b"\x80" * 200 + b"\r\n\r\n",
        b"G\0T / HTTP/1.1\r\n\r\n",
        b"GET  HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"EHLO x\r\n\r\n",
        b"*1\r\n$4\r\nPING\r\n",
        b"A" * 20_000,
    ):
        yield Hostile(f"line: {line[:20]!r}", line, (400,))
    yield Hostile("line: a target of 20,000", request(target="/" + "a" * 20_000), (400,))
    yield Hostile("line: a query of 20,000", request(target="/api/v1/runs?" + "a" * 20_000), (400,))
    for expected in (b"200-ok", b"100-continue, x", b"x" * 500, b"gremlins"):
        body = json.dumps({"alt_file_content": GOOD}).encode()
        yield Hostile(f"expect: {expected[:20]!r}", post(body, headers=(b"Expect: " + expected,)), (417,))
    for seen in (b"x", b"-1", b"1.5", b"9" * 40, b"\xff", b"0x10"):
        target = f"/api/v1/runs/{NO_RUN}/events"
        yield Hostile(
            f"last event: {seen[:10]!r}", request(target=target, headers=(b"Last-Event-ID: " + seen,)), (400, 404)
        )


def _hosts() -> Iterator[Hostile]:
    for host in (
        b"evil.example",
        b"evil.example:8080",
        b"127.0.0.1.evil.example",
        b"localhost.evil.example",
        b"127.0.0.2",
        b"10.0.0.1",
        b"[::2]",
        b"0.0.0.0",
        b"127.1",
        b"2130706433",
        b"0x7f000001",
        b"xn--localhst-5jb",
        b"localhost-",
        b"metadata.google.internal",
        b"[::ffff:127.0.0.2]",
    ):
        yield Hostile(f"host: {host!r}", request(host=host), (421,))
        yield Hostile(f"host of a post: {host!r}", post({"alt_file_content": GOOD}, host=host), (421,))
    for host in (
        b"",
        b" ",
        b"a b",
        b"user@127.0.0.1",
        b"127.0.0.1:x",
        b"127.0.0.1:",
        b"127.0.0.1:999999",
        b"[::1",
        b"127.0.0.1/",
        b"127.0.0.1,evil.example",
        "é.example".encode(),
        b"127.0.0.1#",
        b"a" * 5000,
        b"%31",
        b"<script>",
        b"\\",
    ):
        yield Hostile(f"host: {host[:30]!r} of {len(host)}", request(host=host), (400, 421))
    yield Hostile("host: none", request(host=None), (400,))
    yield Hostile("host: two", request(headers=(b"Host: 127.0.0.1",)), (400,))
    yield Hostile("host: two that differ", request(headers=(b"Host: evil.example",)), (400,))
    yield Hostile(
        "host: another in the target", request(target="http://evil.example/api/v1/status", host=None), (400, 421)
    )


def _smuggling() -> Iterator[Hostile]:
    inner = b"GET /api/v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    chunked = b"0\r\n\r\n" + inner
    for name, headers in (
        ("both lengths", (b"Content-Length: 5", b"Transfer-Encoding: chunked")),
        ("both, the other way", (b"Transfer-Encoding: chunked", b"Content-Length: 5")),
        ("two codings", (b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity")),
        ("a coding of its own", (b"Transfer-Encoding: xchunked",)),
        ("chunked in the middle", (b"Transfer-Encoding: chunked, gzip",)),
        ("identity", (b"Transfer-Encoding: identity",)),
        ("gzip", (b"Transfer-Encoding: gzip",)),
        ("a quoted coding", (b'Transfer-Encoding: "chunked"',)),
        ("a coding with a tab before it", (b"Transfer-Encoding:\x0bchunked",)),
        ("a name with a blank", (b"Transfer-Encoding : chunked",)),
        ("a folded coding", (b"Transfer-Encoding:\r\n chunked",)),
        ("a name with a return", (b"X: y\rTransfer-Encoding: chunked",)),
        ("chunked twice", (b"Transfer-Encoding: chunked, chunked",)),
        ("chunked with a nul", (b"Transfer-Encoding: chunked\0",)),
    ):
        content = request("POST", "/execute", headers=(b"Content-Type: application/json", *headers)) + chunked
        yield Hostile(f"smuggling: {name}", content, (400, 411, 415, 501))
    for length in (
        b"-1",
        b"+5",
        b"5 5",
        b"5,5",
        b"0x5",
        b"5.0",
        b"",
        b"five",
        b"1e1",
        b"5\0",
        "\u0665".encode(),
        b"5;",
        b"9" * 30,
        b"\x0b5",
    ):
        content = (
            request("POST", "/execute", headers=(b"Content-Type: application/json", b"Content-Length: " + length))
            + b"{}   "
            + inner
        )
        yield Hostile(f"smuggling: a length of {length[:10]!r}", content, (400, 413))
    for first, second in ((b"5", b"6"), (b"0", b"5"), (b"5", b"5 ")):
        both = (b"Content-Type: application/json", b"Content-Length: " + first, b"Content-Length: " + second)
        content = request("POST", "/execute", headers=both) + b"{}   " + inner
        yield Hostile(f"smuggling: lengths {first!r} and {second!r}", content, (400,))
    for name, body in (
        ("no number", b"x\r\n\r\n"),
        ("a negative one", b"-1\r\nx\r\n0\r\n\r\n"),
        ("a blank", b" 2\r\n{}\r\n0\r\n\r\n"),
        ("a plus", b"+2\r\n{}\r\n0\r\n\r\n"),
        ("a prefix", b"0x2\r\n{}\r\n0\r\n\r\n"),
        ("too much", b"1\r\n{}\r\n0\r\n\r\n"),
        ("a bare line feed", b"2\n{}\n0\n\n"),
        ("too many digits", b"1" * 30 + b"\r\n"),
        ("an underscore", b"1_0\r\n{}\r\n0\r\n\r\n"),
        ("a nul", b"2\0\r\n{}\r\n0\r\n\r\n"),
        ("a long extension", b"2;" + b"a" * 100_000 + b"\r\n{}\r\n0\r\n\r\n"),
        ("a bad trailer", b"2\r\n{}\r\n0\r\nX Y\r\n\r\n"),
        ("no end of a chunk", b"2\r\n{}0\r\n\r\n"),
        ("an empty size", b"\r\n{}\r\n"),
    ):
        chunks = (b"Content-Type: application/json", b"Transfer-Encoding: chunked")
        yield Hostile(f"chunk: {name}", request("POST", "/execute", headers=chunks) + body, (400,))


def _tokens() -> Iterator[Hostile]:
    right = TOKEN.encode()
    for token in (
        b"",
        b"Bearer",
        b"Bearer ",
        b"Bearer x",
        b"Bearer " + right[:-1],
        b"Bearer " + right + b"x",
        b"Basic " + right,
        right,
        b"Bearer " + right.upper(),
        b"Bearer\t" + right,
        b"Token " + right,
        b"Bearer \xff",
        b"Bearer " + b"x" * 4000,
        b"Bearer null",
        b"Bearer " + right + b", Bearer x",
        b"Bearer=" + right,
        b'Bearer "' + right + b'"',
        b"Bearer undefined",
        b"Digest x",
        b"Bearer " + right[::-1],
    ):
        yield Hostile(f"token: {token[:40]!r} of {len(token)}", request(token=token), (400, 401))
    bearer = b"Authorization: Bearer " + right
    yield Hostile("token: two", request(headers=(bearer,)), (401,))
    for target in (
        "/api/v1/runs",
        f"/api/v1/runs/{NO_RUN}",
        f"/runs/{NO_RUN}/report.html",
        "/metrics",
        f"/api/v1/runs/{NO_RUN}/events",
    ):
        yield Hostile(f"token: none for {target}", request(target=target, token=None), (401,))
        yield Hostile(
            f"token: in the query of {target}",
            request(target=f"{target}?token={TOKEN}&access_token={TOKEN}", token=None),
            (401,),
        )
    for target in ("/execute", "/api/v1/process", "/api/v1/validate"):
        yield Hostile(
            f"token: none for a post to {target}", post({"alt_file_content": GOOD}, target, token=None), (401,)
        )


def _methods() -> Iterator[Hostile]:
    for method in (
        "PUT",
        "PATCH",
        "DELETE",
        "HEAD",
        "OPTIONS",
        "TRACE",
        "CONNECT",
        "PROPFIND",
        "PURGE",
        "LOCK",
        "get",
        "BREW",
    ):
        for target in ("/execute", "/api/v1/runs", "/api/v1/health"):
            yield Hostile(f"method: {method} {target}", request(method, target), (400, 404, 405))
    cors = (
        b"Origin: https://evil.example",
        b"Access-Control-Request-Method: POST",
        b"Access-Control-Request-Headers: content-type",
    )
    for target in ("/execute", "/api/v1/process", "/api/v1/validate", f"/api/v1/runs/{NO_RUN}"):
        yield Hostile(
            f"method: a browser asks for {target}", request("OPTIONS", target, headers=cors, token=None), (405,)
        )

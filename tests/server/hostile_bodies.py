"""Bodies that nobody honest sends: files that are not theirs, encodings, values, depth, bombs."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

from tests.server.hostile import GOOD, Hostile, post


def hostile_bodies() -> Iterator[Hostile]:
    """Every one."""
    yield from _files()
    yield from _encodings()
    yield from _bodies()
    yield from _deep_and_large()


def _files() -> Iterator[Hostile]:
    traps = (
        "file-link.alt.json",
        "relative-link.alt.json",
        "inside-link.alt.json",
        "directory-link/s.alt.json",
        "chain",
        "loop",
        "root-link/etc/passwd",
        "up-link/secret/s.alt.json",
        "dangling",
        "device-link",
        "environment-link",
        "inner",
        "pipe",
        "not-an-alt-file.txt",
        "binary.alt.json",
        "inner/../../secret/s.alt.json",
        "../secret/s.alt.json",
        "/etc/passwd",
        "/proc/self/environ",
        "/dev/stdin",
        "/dev/zero",
        "//etc/passwd",
        "./inner/good.alt.json",
        "inner//good.alt.json",
        "..",
        "inner/./good.alt.json",
        "inner/good.alt.json/",
        ".",
        "/",
        "~/.ssh/id_rsa",
        "file:///etc/passwd",
        "C:\\boot.ini",
        "\\\\host\\share",
        "inner\\good.alt.json",
        "inner/good.alt.json\0.txt",
        "a\0b",
        "\0",
        "x" * 300,
        "x/" * 1000,
        "http://127.0.0.1/",
        "%2e%2e/secret/s.alt.json",
        "inner/good.alt.json?x",
        "..\u2215secret",
        "\u202e",
        "\x1b[31m",
        " ",
    )
    for path in traps:
        for target in ("/execute", "/api/v1/process"):
            name = f"file: {path[:30]!r} of {len(path)} by {target}"
            yield Hostile(name, post({"alt_file_path": path}, target), (400,))


def _encodings() -> Iterator[Hostile]:
    body = json.dumps({"alt_file_content": GOOD}).encode()
    for kind in (
        b"text/plain",
        b"application/x-www-form-urlencoded",
        b"multipart/form-data; boundary=x",
        b"",
        b"application/xml",
        b"application/json; charset=utf-16",
        b"application/json; charset=latin-1",
        b"text/json",
        b"application/jsonp",
        b"application/json, text/plain",
        b"*/*",
        b"application/problem+json",
        b"a" * 2000,
    ):
        yield Hostile(f"type: {kind[:40]!r}", post(body, content_type=kind), (415,))
    yield Hostile("type: none", post(body, content_type=None), (415,))
    for coding, packed in (
        (b"gzip", gzip.compress(body)),
        (b"deflate", body),
        (b"br", body),
        (b"zstd", body),
        (b"x", body),
    ):
        yield Hostile(f"coding: {coding!r}", post(packed, headers=(b"Content-Encoding: " + coding,)), (400, 415))
    for name, content in (
        ("utf-16", body.decode().encode("utf-16")),
        ("utf-32", body.decode().encode("utf-32")),
        ("half a character", b'{"alt_file_content": "\xc3"}'),
        ("overlong", b'{"alt_file_content": "\xc0\xaf"}'),
        ("surrogate bytes", b'{"alt_file_content": "\xed\xa0\x80"}'),
        ("half of a pair", b'{"alt_file_content": "\\ud800"}'),
        ("nul bytes", b"\0" * 100),
        ("nul in text", b'{"alt_file_content": "\0"}'),
        ("latin-1", '{"alt_file_content": "é"}'.encode("latin-1")),
        ("utf-7", b"+AHsAfQ-"),
    ):
        yield Hostile(f"encoding: {name}", post(content), (400,))


def _bodies() -> Iterator[Hostile]:
    for content in (
        b"",
        b" ",
        b"null",
        b"[]",
        b"{}",
        b"1",
        b'"x"',
        b"{",
        b"}",
        b"{]",
        b"nul",
        b"NaN",
        b"-Infinity",
        b"{'a': 1}",
        b"<x/>",
        b'{"alt_file_content": {}}x',
        b'{"alt_file_content"}',
        b"{/**/}",
        b'{"a":1,}',
        b"\x1f\x8b\x08",
        b"PK\x03\x04",
    ):
        yield Hostile(f"body: {content!r}", post(content), (400,))
    good = {"alt_file_content": GOOD}
    values: dict[str, tuple[Any, ...]] = {
        "temperature": (-0.1, 2.1, "0.5", True, [], {}, 1e308),
        "max_tokens": (0, -1, 1.5, "5", True, 2**31, 10**30, []),
        "model": ("", 5, [], {}, True, "x" * 257),
        "stream": (1, "yes", [], {}),
        "inputs": (1, "x", [], [1]),
        "alt_file_path": ("x", 1, [], {}),
        # what no request may choose
        "base_url": ("http://evil.example",),
        "service_url": ("http://169.254.169.254/",),
        "ai_service_url": ("http://evil.example",),
        "api_key": ("sk-1",),
        "ai_proxy": ("http://evil.example",),
        "output_dir": ("/tmp",),
        "protocol": ("local",),
        "handlers": (["os:system"],),
        "allow_commands": (True,),
        "config": ({},),
        "run_id": ("last_1",),
        "__proto__": ({},),
        "": (1,),
        "x" * 5000: (1,),
    }
    strange = [{name: value} for name, each in values.items() for value in each]
    for number, extra in enumerate(strange):
        yield Hostile(f"body: {number} {next(iter(extra))[:20]!r}", post(good | extra), (400,))
    alt_files: list[Any] = [
        "",
        " ",
        "x",
        "[]",
        "null",
        "{",
        "a: b: c",
        "- x",
        "%TAG",
        "---",
        "\u0000",
        "!!python/object:os.system x",
        {},
        {"id": 1},
        {"tasks": []},
        {**GOOD, "tasks": [{"id": "a", "description": "d", "dependencies": ["a"]}]},
        {**GOOD, "tasks": [{"id": "a", "description": "d", "dependencies": ["z"]}]},
        {**GOOD, "tasks": [{"id": "a", "description": "d"}] * 2},
        {**GOOD, "tasks": [{"id": "a", "description": "${{ tasks.z.output }}"}]},
        {**GOOD, "tasks": [{"id": "a", "description": "${{ env.PATH }}"}]},
        {**GOOD, "tasks": [{"id": "a", "description": "${{ inputs.key }}"}]},
        {**GOOD, "tasks": [{"id": "a", "description": "d", "timeout_seconds": -1}]},
        {**GOOD, "tasks": [{"id": "a", "description": "d", "retry_count": 256}]},
        {**GOOD, "mode": "evil"},
        {**GOOD, "created_at": "never"},
        {**GOOD, "tasks": {}},
        {**GOOD, "tasks": [1]},
        {**GOOD, "id": ""},
        {**GOOD, "tasks": [{"id": "a", "description": "d", "parameters": {"concurrency_group": 5}}]},
    ]
    for number, alt in enumerate(alt_files):
        yield Hostile(f"alt file: {number} {str(alt)[:30]!r}", post({"alt_file_content": alt}), (400,))


def _deep_and_large() -> Iterator[Hostile]:
    for depth in (300, 1000, 100_000, 1_000_000):
        for name, opening, closing in (("arrays", b"[", b"]"), ("objects", b'{"a":', b"1}")):
            end = closing.replace(b"1", b"", 1) if name == "objects" else closing
            nested = opening * depth + (b"1" if name == "objects" else b"") + end * depth
            body = b'{"alt_file_content": {"id": "f", "title": "t", "tasks": [], "metadata": {"a": ' + nested + b"}}}"
            yield Hostile(f"depth: {depth} {name} in an object", post(body), (400,))
            body = b'{"alt_file_content": "x", "inputs": {"a": ' + nested + b"}}"
            yield Hostile(f"depth: {depth} {name} in inputs", post(body), (400,))
            text = '{"id": "f", "title": "t", "tasks": [], "metadata": {"a": ' + nested.decode() + "}}"
            yield Hostile(f"depth: {depth} {name} in a text", post({"alt_file_content": text}), (400, 413))
        yield Hostile(f"depth: {depth} in yaml", post({"alt_file_content": "id: " + "[" * depth + "]" * depth}), (400,))
        yield Hostile(f"depth: {depth} never closed", post(b'{"alt_file_content": ' + b"[" * depth), (400,))
    laughs = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    laughs += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    yield Hostile("bomb: a billion laughs", post({"alt_file_content": "\n".join(laughs)}), (400,))
    yield Hostile("bomb: yaml merge keys", post({"alt_file_content": "a: &a {x: 1}\nb: &b {<<: *a}\nid: *b\n"}), (400,))
    yield Hostile("bomb: yaml in itself", post({"alt_file_content": "id: &a [*a]\ntitle: t\ntasks: []\n"}), (400,))
    for digits in (5000, 1_000_000):
        yield Hostile(f"bomb: a number of {digits} digits", post(b'{"max_tokens": ' + b"9" * digits + b"}"), (400,))
        alt = '{"id": "f", "title": "t", "tasks": [], "metadata": {"a": ' + "9" * digits + "}}"
        yield Hostile(f"bomb: a number of {digits} digits in a text", post({"alt_file_content": alt}), (400,))
    many = {**GOOD, "tasks": [{"id": f"t{n}", "description": "d"} for n in range(20_001)]}
    yield Hostile("bomb: too many tasks", post({"alt_file_content": many}), (400,))
    yield Hostile("bomb: too many tasks in a text", post({"alt_file_content": json.dumps(many)}), (400,))
    ids = [f"t{n}" for n in range(700)]
    dense = {
        **GOOD,
        "tasks": [{"id": each, "description": "d", "dependencies": ids[:n]} for n, each in enumerate(ids)],
    }
    yield Hostile("bomb: too many dependencies", post({"alt_file_content": dense}), (400,))
    circle = {
        **GOOD,
        "tasks": [{"id": f"t{n}", "description": "d", "dependencies": [f"t{(n + 1) % 9000}"]} for n in range(9000)],
    }
    yield Hostile("bomb: a circle of 9,000", post({"alt_file_content": circle}), (400,))
    yield Hostile(
        "bomb: a gzip bomb", post(gzip.compress(b" " * 50_000_000), headers=(b"Content-Encoding: gzip",)), (400, 415)
    )
    yield Hostile("large: a body over the limit", post(b" " * ((8 << 20) + 1)), (413,))
    for length in (b"8388609", b"99999999999", b"18446744073709551615"):
        yield Hostile(f"large: a promise of {length!r}", post(b"{", length=length), (400, 413))
    chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    yield Hostile(
        "large: chunks without end", post(chunk * 9, length=None, headers=(b"Transfer-Encoding: chunked",)), (413,)
    )

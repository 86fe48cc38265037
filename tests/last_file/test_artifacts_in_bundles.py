"""Good artifacts: what is kept of them, how, and how it is read back."""

import base64
import gzip
import hashlib
import json
import os
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from altlas_runner.errors import BundleError
from altlas_runner.last_file import LastFile, LastFileGenerator, read_artifact, read_output
from altlas_runner.last_file.artifacts import BundleArtifacts
from altlas_runner.redaction import Redactor
from altlas_runner.results import Artifact
from tests.last_file.bundles import assert_whole
from tests.last_file.fabricate import alt_file, completed

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
LARGE = {"rows": [{"number": number, "text": "x" * 40} for number in range(25_000)]}


def kept(
    bundle: Path, *items: dict[str, Any], compress: bool = True, redactor: Redactor | None = None
) -> list[Artifact]:
    store = BundleArtifacts(bundle, compress=compress, redactor=redactor)
    found = store.keep("a", {"artifacts": list(items)}, (), files_in=None)
    assert found.problems == []
    return list(found.artifacts)


def generated(directory: Path, output: Any, **options: Any) -> tuple[Path, LastFile]:
    generator = LastFileGenerator(directory).with_graphs(False)
    last_file = generator.generate(alt_file({"a": ()}), [completed("a", output)], last_id="last_1", **options)
    return directory / "last_1", last_file


def test_text_and_base64_become_files_with_size_hash_and_description(tmp_path: Path) -> None:
    text, picture = kept(
        tmp_path,
        {"name": "notes.md", "content": "# Tea\n", "description": "what was found"},
        {"name": "plot", "mime_type": "image/png", "content_base64": base64.encodebytes(PNG).decode()},
    )
    assert text == Artifact(
        "a/notes.md", "text", "text/markdown", 6, hashlib.sha256(b"# Tea\n").hexdigest(), "artifacts/a/notes.md",
        "what was found", {"preview": {"text": "# Tea\n"}},
    )  # fmt: skip
    assert (picture.artifact_type, picture.mime_type, picture.path) == ("image", "image/png", "artifacts/a/plot")
    assert (tmp_path / picture.path).read_bytes() == PNG


@pytest.mark.parametrize(
    ("name", "said", "content", "found"),
    [
        ("a.json", None, b"{}", ("json", "application/json")),
        ("a.geojson", "application/geo+json", b"{}", ("json", "application/geo+json")),
        ("run.log", None, b"line", ("log", "text/plain")),
        ("a.csv", None, b"a,b", ("text", "text/csv")),
        ("a", "Text/HTML; charset=utf-8", b"<p>", ("text", "text/html")),
        ("a.svg", None, b"<svg/>", ("image", "image/svg+xml")),
        ("a.png", "image/png", b"not a picture", ("text", "text/plain")),
        ("a.txt", "text/plain", PNG, ("image", "image/png")),
        ("a.html", "text/html", b"\x00\xff", ("other", "application/octet-stream")),
        ("a.book", "application/epub+zip", b"PK\x03\x04\xff", ("file", "application/epub+zip")),
        ("a.mp3", None, b"ID3\x00\xff", ("file", "audio/mpeg")),
        ("a.pdf", "x", b"%PDF-1.7", ("file", "application/pdf")),
        ("a", "evil/../type", b"\xff\x00", ("other", "application/octet-stream")),
        ("a", None, b"", ("text", "text/plain")),
        ("a", "application/json", "é".encode() * 40_000, ("json", "application/json")),
        ("a", None, b"x" + "é".encode() * 40_000, ("text", "text/plain")),
    ],
)  # fmt: skip
def test_the_type_comes_from_content_then_from_what_is_said_then_from_the_name(
    tmp_path: Path, name: str, said: str | None, content: bytes, found: tuple[str, str]
) -> None:
    item = {"name": name, "content_base64": base64.b64encode(content).decode(), "mime_type": said}
    (artifact,) = kept(tmp_path, item)
    assert (artifact.artifact_type, artifact.mime_type) == found


def test_what_shrinks_is_compressed_and_described_as_it_was(tmp_path: Path) -> None:
    content = "the same line\n" * 1000
    small, random = "short", base64.b64encode(os.urandom(5000)).decode()
    text, short, noise = kept(
        tmp_path,
        {"name": "a.txt", "content": content},
        {"name": "b.txt", "content": small},
        {"name": "c.bin", "content_base64": random},
    )
    assert [each.path.removeprefix("artifacts/a/") for each in (text, short, noise)] == ["a.txt.gz", "b.txt", "c.bin"]
    assert (text.id, text.mime_type, text.size_bytes) == ("a/a.txt", "text/plain", 14_000)
    assert text.sha256 == hashlib.sha256(content.encode()).hexdigest()
    assert gzip.decompress((tmp_path / text.path).read_bytes()).decode() == content
    assert read_artifact(tmp_path, text).decode() == content
    assert text.metadata == {"compression": "gzip", "preview": {"text": content[:2000], "shortened": True}}


def test_equal_content_gives_equal_compressed_bytes_without_name_and_time(tmp_path: Path) -> None:
    items = [{"name": f"{name}.txt", "content": "x" * 1000} for name in "ab"]
    first, second = (tmp_path / each.path for each in kept(tmp_path, *items))
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes()[3:8] == bytes(5), "neither a name nor a time"


def test_without_compression_files_are_as_they_were(tmp_path: Path) -> None:
    (artifact,) = kept(tmp_path, {"name": "a.txt", "content": "x" * 1000}, compress=False)
    assert artifact.path == "artifacts/a/a.txt"
    assert "compression" not in (artifact.metadata or {})


def test_a_file_that_is_a_gzip_itself_is_read_back_as_that(tmp_path: Path) -> None:
    packed = gzip.compress(b"x" * 1000)
    plain, own = kept(
        tmp_path,
        {"name": "x.txt", "content": "y" * 1000},
        {"name": "x.txt.gz", "content_base64": base64.b64encode(packed).decode()},
    )
    assert (plain.path, own.path) == ("artifacts/a/x.txt.gz", "artifacts/a/x.txt-2.gz")
    assert read_artifact(tmp_path, own) == packed


def test_secrets_are_removed_from_text_also_where_two_pieces_meet_and_never_from_other_content(tmp_path: Path) -> None:
    key = "k-12345678"
    text = "x" * (262_144 - 5) + key + "y" * 262_144 + key
    noise = b"\x00\xff" + key.encode()
    found = kept(
        tmp_path,
        {"name": f"{key}.txt", "content": text, "description": key},
        {"name": "b", "content_base64": base64.b64encode(noise).decode()},
        redactor=Redactor([key, "other-secret"]),
    )
    assert read_artifact(tmp_path, found[0]).decode() == text.replace(key, "[redacted]")
    assert read_artifact(tmp_path, found[1]) == noise
    assert found[0].description == "[redacted]"
    assert found[0].path == "artifacts/a/[redacted].txt.gz"
    assert key not in str(found)


def test_secrets_of_the_alt_file_are_removed_from_artifacts_of_results(tmp_path: Path) -> None:
    tasks = [{"id": "a", "description": "d", "parameters": {"api_key": "k-12345678"}}]
    output = {"artifacts": [{"name": "a.txt", "content": "the key is k-12345678"}]}
    generator = LastFileGenerator(tmp_path).with_graphs(False)
    generator.generate(alt_file(tasks), [completed("a", output)], last_id="last_1")
    assert (tmp_path / "last_1" / "artifacts" / "a" / "a.txt").read_text() == "the key is [redacted]"


def test_an_output_over_one_mebibyte_becomes_an_artifact_that_stands_for_it(tmp_path: Path) -> None:
    bundle, _ = generated(tmp_path, LARGE)
    (result,) = assert_whole(bundle).task_results
    assert result.output == {"$artifact": "a/output.json"}
    assert result.artifacts is not None
    (artifact,) = result.artifacts
    assert artifact.size_bytes == len(json.dumps(LARGE, separators=(",", ":")))
    assert read_output(bundle, result) == LARGE
    assert read_output(bundle / "result.last", result) == LARGE
    assert (bundle / "result.last").stat().st_size < 10_000


@pytest.mark.parametrize(
    ("output", "moves"),
    [("x" * ((1 << 20) - 2), False), ("x" * ((1 << 20) - 1), True), ("\x01" * 180_000, True), ("ü" * 500_000, False)],
)
def test_the_limit_counts_bytes_of_json(tmp_path: Path, output: str, moves: bool) -> None:
    bundle, last_file = generated(tmp_path, output)
    assert (last_file.task_results[0].output != output) == moves
    assert read_output(bundle, last_file.task_results[0]) == output


@pytest.mark.parametrize(
    "output", [{"$artifact": "a/x.txt"}, {"$artifact": "nowhere"}, {"$artifact": 1}, {"$artifact": "a/x.txt", "b": 1}]
)
def test_an_output_that_only_looks_like_a_reference_is_itself(tmp_path: Path, output: Any) -> None:
    (artifact,) = kept(tmp_path, {"name": "x.txt", "content": "secret of another task"})
    result = completed("a", output, artifacts=[artifact])
    assert read_output(tmp_path, result) == output


def test_an_earlier_bundle_of_the_same_run_leaves_no_artifacts(tmp_path: Path) -> None:
    generated(tmp_path, {"artifacts": [{"name": "x.txt", "content": "first"}, {"name": "y.txt", "content": "first"}]})
    (tmp_path / "last_1" / "artifacts" / "a" / ".0123456789abcdef.tmp").write_text("left by a crash")
    bundle, _ = generated(tmp_path, {"artifacts": [{"name": "x.txt", "content": "second"}]})
    (artifact,) = assert_whole(bundle).get_all_artifacts()
    assert read_artifact(bundle, artifact) == b"second"
    bundle, _ = generated(tmp_path, "none")
    assert sorted(path.name for path in bundle.iterdir()) == ["report.html", "result.last"]


BOMB = zlib.compressobj(9, wbits=31)
BOMB_BYTES = b"".join([*(BOMB.compress(bytes(1 << 20)) for _ in range(64)), BOMB.flush()])


@pytest.mark.parametrize("said", [100, 10_000, 1 << 26, 1 << 28, 1 << 40, -1])
def test_a_bomb_is_not_unpacked_beyond_what_its_record_says(tmp_path: Path, said: int) -> None:
    (artifact,) = kept(tmp_path, {"name": "x.txt", "content": "x" * 1000})
    (tmp_path / artifact.path).write_bytes(BOMB_BYTES)
    with pytest.raises(BundleError):
        read_artifact(tmp_path, replace(artifact, size_bytes=said))


@pytest.mark.parametrize(
    "path",
    ["../secret", "artifacts/../secret", "/etc/passwd", "artifacts/a/link", "artifacts/linked/secret", "result.last",
     "artifacts/a", "artifacts", "", "artifacts/a/missing", "artifacts/a/\0", "artifacts/a/pipe", "artifacts//a/x.txt"],
)  # fmt: skip
def test_a_record_that_leads_elsewhere_is_not_followed(tmp_path: Path, path: str) -> None:
    bundle = tmp_path / "bundle"
    (artifact,) = kept(bundle, {"name": "x.txt", "content": "secret"})
    for place in (tmp_path / "secret", bundle / "result.last", bundle / "secret"):
        place.write_text("secret")
    (bundle / "artifacts" / "a" / "link").symlink_to(tmp_path / "secret")
    (bundle / "artifacts" / "linked").symlink_to(tmp_path)
    os.mkfifo(bundle / "artifacts" / "a" / "pipe")
    with pytest.raises(BundleError):
        read_artifact(bundle, replace(artifact, path=path))


@pytest.mark.parametrize("content", [b"", b"secreT", b"secret and more", b"secre"])
def test_an_artifact_that_was_changed_is_refused(tmp_path: Path, content: bytes) -> None:
    (artifact,) = kept(tmp_path, {"name": "x.txt", "content": "secret"})
    (tmp_path / artifact.path).write_bytes(content)
    with pytest.raises(BundleError, match=r"x\.txt"):
        read_artifact(tmp_path, artifact)


@pytest.mark.parametrize("content", [b"", b"no gzip", gzip.compress(b"x" * 1000)[:-9], gzip.compress(b"x" * 999)])
def test_a_compressed_artifact_that_was_changed_is_refused(tmp_path: Path, content: bytes) -> None:
    (artifact,) = kept(tmp_path, {"name": "x.txt", "content": "x" * 1000})
    (tmp_path / artifact.path).write_bytes(content)
    with pytest.raises(BundleError, match=r"x\.txt"):
        read_artifact(tmp_path, artifact)


def test_more_is_read_only_when_it_is_asked_for(tmp_path: Path) -> None:
    (artifact,) = kept(tmp_path, {"name": "x.txt", "content": "x" * 1000})
    with pytest.raises(BundleError, match="at most 999 are read"):
        read_artifact(tmp_path, artifact, most_bytes=999)

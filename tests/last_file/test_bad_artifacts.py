"""A bad artifact costs only itself: the task keeps its output, the others are kept, the result says what is wrong."""

import base64
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from altlas_runner.last_file import LastFileGenerator
from altlas_runner.last_file.artifacts import ArtifactLimits, BundleArtifacts
from altlas_runner.redaction import Redactor
from altlas_runner.results import KeptArtifacts
from tests.last_file.bundles import assert_whole, tree_of
from tests.last_file.fabricate import alt_file, completed

NO_TEXT: list[Any] = [None, True, False, 0, 1, -1.5, [], ["a"], {}, {"a": 1}]
NOT_BASE64 = ["a", "ab", "abc", "====", "=abc", "a===", "ab=c", "a-b_", "ä", "aGk=!", "data:;base64,aGk=", "\x00",
              "aGk==", "%61%61", "aGk=aGk=", "..", "a.b.c.d", "aGk\u200b=", "a%s", "🎈🎈", "&#97;aaa"]  # fmt: skip

BAD: list[Any] = [
    # no object at all
    *NO_TEXT[:-2], "text", "../../etc/passwd", b"bytes".decode(), [{"name": "a", "content": "x"}],
    # without a name, or with one that is none
    *({"name": name, "content": "x"} for name in [*NO_TEXT, "", " ", "\t\n"]), {"content": "x"},
    {"Name": "a", "content": "x"},
    # content that is no text
    *({"name": "a", "content": content} for content in NO_TEXT),
    *({"name": "a", "content_base64": content} for content in NO_TEXT),
    # base64 that is none
    *({"name": "a", "content_base64": content} for content in NOT_BASE64),
    # nothing, or too much, to keep
    {"name": "a"}, {"name": "a", "mime_type": "text/plain"}, {"name": "a", "contents": "x"},
    {"name": "a", "content": "x", "content_base64": "eA=="}, {"name": "a", "content": "x", "path": "/etc/passwd"},
    {"name": "a", "content_base64": "eA==", "path": "x"},
    {"name": "a", "content": "", "content_base64": "", "path": ""},
    # files that a service must not name
    *({"name": "a", "path": each} for each in ["/etc/x", "../x", "x", "", "\x00", 1, ["x"], {"x": 1}, True, "a" * 99]),
    *({"path": path} for path in ["/etc/passwd", "x"]),
    # larger than allowed
    {"name": "a", "content": "x" * 1001}, {"name": "a", "content": "ü" * 501},
    {"name": "a", "content_base64": base64.b64encode(b"x" * 1001).decode()},
    # hostile in several ways
    {"name": "x" * 10_000_000}, {"name": "a", "content": {"$ref": "#"}}, {"name": {"toString": "a"}, "content": "x"},
    {"__proto__": {"name": "a", "content": "x"}}, {"name": "a", "href": "file:///etc/passwd"},
    {"name": "a", "url": "http://localhost:1/"}, {"name": "a", "target": "/etc/passwd", "type": "symlink"},
    {"name": "a", "files": ["/etc/passwd"]}, {"name": "a", "source": "/proc/self/environ"}, {"": ""},
    {"name": "\ud800"},
    {"name": "\x1b[2J\x1b]0;x\x07"}, {"name": "a", "content": [["nested"] * 100] * 100},
]  # fmt: skip


def kept_of(bundle: Path, output: Any, **options: Any) -> KeptArtifacts:
    limits = options.pop("limits", ArtifactLimits(size_bytes=1000))
    return BundleArtifacts(bundle, compress=True, limits=limits, **options).keep("a", output, (), files_in=None)


@pytest.mark.parametrize("bad", BAD, ids=range(len(BAD)))
def test_a_bad_artifact_is_told_and_nothing_is_written(
    tmp_path: Path, bad: Any, caplog: pytest.LogCaptureFixture
) -> None:
    kept = kept_of(tmp_path / "bundle", {"artifacts": [bad]})
    assert kept.artifacts == []
    (problem,) = kept.problems
    assert problem.startswith("output.artifacts[0]: ")
    assert len(problem) < 300
    assert problem.isprintable()
    assert [record.getMessage() for record in caplog.records] == [f'task "a": {problem}']
    assert tree_of(tmp_path) == {}


def test_a_hundred_bad_artifacts_leave_the_good_ones_and_the_output(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert len(BAD) >= 100
    (tmp_path / "mine.txt").write_text("mine")
    output = {"text": "kept", "artifacts": [*BAD[:60], {"name": "good.txt", "content": "good"}, *BAD[60:]]}
    generator = LastFileGenerator(tmp_path).with_graphs(False)
    with caplog.at_level(logging.CRITICAL, logger="altlas_runner"):
        last_file = generator.generate(alt_file({"a": ()}), [completed("a", output)], last_id="last_1")
    (result,) = assert_whole(tmp_path / "last_1").task_results
    assert result.status == "completed"
    assert last_file.status == "success"
    assert result.artifacts is not None
    assert "artifacts/a/good.txt" in [artifact.path for artifact in result.artifacts]
    assert result.metadata is not None
    problems = result.metadata["artifact_problems"]
    assert len(problems) == 21
    assert problems[-1].startswith("and ")
    assert sorted(path for path in tree_of(tmp_path) if not path.startswith("last_1")) == ["mine.txt"]


def test_of_too_many_artifacts_the_first_are_kept(tmp_path: Path) -> None:
    output = {"artifacts": [{"name": f"{i}.txt", "content": str(i)} for i in range(9)]}
    kept = kept_of(tmp_path, output, limits=ArtifactLimits(count=3))
    assert [artifact.id for artifact in kept.artifacts] == ["a/0.txt", "a/1.txt", "a/2.txt"]
    assert kept.problems == ["only the first 3 of 9 artifacts are kept"]


@pytest.mark.parametrize("artifacts", [None, "text", 3, {"name": "a", "content": "x"}, []])
def test_an_output_whose_artifacts_are_no_list_means_something_else_by_it(tmp_path: Path, artifacts: Any) -> None:
    assert kept_of(tmp_path / "bundle", {"artifacts": artifacts}) == KeptArtifacts([], [])
    assert tree_of(tmp_path) == {}


def test_a_secret_in_a_bad_name_is_not_told(tmp_path: Path) -> None:
    output = {"artifacts": [{"name": "k-12345678/" + "x" * 3, "path": "k-12345678"}, {"name": 1, "k-12345678": 1}]}
    kept = kept_of(tmp_path, output, redactor=Redactor(["k-12345678"]))
    assert len(kept.problems) == 2
    assert "k-12345678" not in str(kept)


@pytest.mark.parametrize("in_the_way", ["artifacts", "artifacts/a"])
@pytest.mark.parametrize("kind", ["link", "dangling link", "file"])
def test_what_stands_in_the_way_is_neither_followed_nor_overwritten(tmp_path: Path, in_the_way: str, kind: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    place = tmp_path / "bundle" / in_the_way
    place.parent.mkdir(parents=True)
    if kind == "file":
        place.write_text("in the way")
    else:
        place.symlink_to(tmp_path / ("elsewhere" if kind == "link" else "nowhere"))
    before = tree_of(tmp_path)
    kept = kept_of(tmp_path / "bundle", {"artifacts": [{"name": "x.txt", "content": "x"}]})
    assert kept.artifacts == []
    assert kept.problems[0].startswith('"x.txt" cannot be kept: ')
    assert tree_of(tmp_path) == before


def test_a_file_or_link_of_the_same_name_stays_as_it_is(tmp_path: Path) -> None:
    place = tmp_path / "artifacts" / "a"
    place.mkdir(parents=True)
    (place / "x.txt").write_text("earlier")
    (place / "y.txt").symlink_to(tmp_path / "elsewhere")
    items = [{"name": "x.txt", "content": "new"}, {"name": "y.txt", "content": "new"}]
    kept = kept_of(tmp_path, {"artifacts": items})
    assert [artifact.id for artifact in kept.artifacts] == ["a/x-2.txt", "a/y-2.txt"]
    assert (place / "x.txt").read_text() == "earlier"
    assert not (tmp_path / "elsewhere").exists()


def files_kept(directory: Path, path: str, **options: Any) -> KeptArtifacts:
    store = BundleArtifacts(directory.parent / "bundle", compress=True, limits=ArtifactLimits(size_bytes=1000))
    return store.keep("a", None, [{"name": "f", "path": path, **options}], files_in=directory)


@pytest.mark.parametrize(
    "name", ["link", "linked/secret", "../secret", "pipe", "directory", "missing", "", ".", "a/\0"]
)
def test_a_file_that_was_exchanged_after_the_handler_named_it_is_not_followed(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text("secret")
    files = tmp_path / "files"
    (files / "directory").mkdir(parents=True)
    (files / "link").symlink_to(tmp_path / "secret")
    (files / "linked").symlink_to(tmp_path)
    os.mkfifo(files / "pipe")
    before = tree_of_names(tmp_path)
    kept = files_kept(files, f"{files}/{name}")
    assert kept.artifacts == []
    assert len(kept.problems) == 1
    assert tree_of_names(tmp_path) == before


def tree_of_names(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if "bundle" not in path.parts)


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    with (tmp_path / "files" / "large").open("wb") as file:
        file.truncate(1 << 40)
    kept = files_kept(tmp_path / "files", str(tmp_path / "files" / "large"))
    assert kept.problems == ['"f" cannot be kept: it has 1,099,511,627,776 bytes or more; an artifact may have 1,000']

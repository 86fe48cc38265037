"""The beginning of an artifact stands in its record, so that a report made from `result.last` alone can show it."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from altlas_runner.last_file import LastFile, LastFileGenerator, render_report
from altlas_runner.last_file.artifacts import BundleArtifacts
from altlas_runner.last_file.artifacts.previews import MOST_PREVIEW_BYTES, preview_of
from altlas_runner.redaction import Redactor
from altlas_runner.results import Artifact
from tests.browser import Browser
from tests.last_file.bundles import assert_whole
from tests.last_file.fabricate import alt_file, completed, gathered
from tests.last_file.hostile_texts import HOSTILE
from tests.last_file.report_pages import details_of, section, text_of

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
SVG = "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"


def packed(content: bytes) -> str:
    return base64.b64encode(content).decode()


def bundle_of(directory: Path, *items: dict[str, Any], **options: Any) -> LastFile:
    generator = LastFileGenerator(directory).with_graphs(False)
    generator.generate(alt_file({"a": ()}), [completed("a", {"artifacts": list(items)})], last_id="last_1", **options)
    return assert_whole(directory / "last_1")


def previews(last_file: LastFile) -> list[Any]:
    return [(artifact.metadata or {}).get("preview") for artifact in last_file.get_all_artifacts()]


def recorded(preview: Any, mime_type: str = "text/plain", size: int = 10) -> LastFile:
    """A LAST file that somebody wrote, with an artifact that has this as its preview."""
    kind: Any = "image" if mime_type.startswith("image/") else "text"
    artifact = Artifact("a/x", kind, mime_type, size, "0" * 64, "artifacts/a/x", None, {"preview": preview})
    return gathered(alt_file({"a": ()}), [completed("a", artifacts=[artifact])])


@pytest.mark.parametrize(
    ("mime_type", "content", "preview"),
    [
        ("text/plain", b"tea", {"text": "tea"}),
        ("application/json", b'{"n": 1}', {"text": '{"n": 1}'}),
        ("image/svg+xml", SVG.encode(), {"text": SVG}),
        ("text/plain", b"x" * 2001, {"text": "x" * 2000, "shortened": True}),
        ("text/plain", "ü".encode() * 2000, {"text": "ü" * 2000}),
        ("text/plain", b"x" + "𝄞".encode() * 2001, {"text": "x" + "𝄞" * 1999, "shortened": True}),
        ("image/png", PNG, {"base64": packed(PNG)}),
        ("image/png", PNG + bytes(32_768), None),
        ("image/bmp", b"BM", None),
        ("application/octet-stream", b"\0", None),
        ("application/pdf", b"%PDF-1.7", None),
        ("text/plain", b"", None),
    ],
)
def test_texts_are_kept_in_part_and_small_pictures_whole(mime_type: str, content: bytes, preview: Any) -> None:
    assert preview_of(mime_type, len(content), content[:65_536]) == preview


def test_the_report_shows_them_and_needs_no_file_but_result_last(tmp_path: Path) -> None:
    bundle_of(
        tmp_path,
        {"name": "a.txt", "content": "steep for three minutes " * 200},
        {"name": "b.json", "content": '{"cups": 2}'},
        {"name": "c.png", "content_base64": packed(PNG)},
    )
    page = (tmp_path / "last_1" / "report.html").read_text(encoding="utf-8")
    alone = LastFile.from_json((tmp_path / "last_1" / "result.last").read_bytes())
    assert render_report(alone) == page
    shown = [artifact[6] for artifact in details_of(page)[0]["artifacts"]]
    assert shown[0]["text"] == ("steep for three minutes " * 200)[:2000]
    assert shown[0]["note"] == "The first 2,000 characters of 4.8 kB."
    assert shown[1:] == [{"text": '{"cups": 2}', "json": True}, {"picture": ["image/png", packed(PNG)]}]
    words = section(page, "artifacts")
    assert "steep for three minutes" in words
    assert "The first 2,000 characters of 4.8 kB." in words
    assert f'src="data:image/png;base64,{packed(PNG)}"' in page


def test_an_output_that_became_an_artifact_has_a_preview(tmp_path: Path) -> None:
    LastFileGenerator(tmp_path).with_graphs(False).generate(
        alt_file({"a": ()}), [completed("a", {"rows": ["tea"] * 300_000})], last_id="last_1"
    )
    (preview,) = previews(assert_whole(tmp_path / "last_1"))
    assert preview["text"].startswith('{"rows":["tea","tea"')
    assert preview["shortened"] is True


def test_all_previews_of_a_bundle_are_two_megabytes_at_most_whoever_kept_the_artifacts(tmp_path: Path) -> None:
    items = [{"name": f"{number}.txt", "content": "\x01" * 2000} for number in range(60)]  # 12 kB each as JSON
    generator = LastFileGenerator(tmp_path).with_graphs(False)
    store = generator.artifact_store("last_1")
    during = [completed("a", {})]
    during[0].artifacts = list(store.keep("a", {"artifacts": items}, (), files_in=None).artifacts)
    after = [completed(task, {"artifacts": items}) for task in "bcd"]
    last_file = generator.generate(alt_file(dict.fromkeys("abcd", ())), [*during, *after], last_id="last_1")
    found = previews(assert_whole(tmp_path / "last_1"))
    assert len(found) == 240
    assert found.count(None) > 70
    total = sum(len(json.dumps(preview, separators=(",", ":"))) for preview in found if preview)
    assert MOST_PREVIEW_BYTES - 13_000 < total <= MOST_PREVIEW_BYTES
    assert len(last_file.get_all_artifacts()) == 240, "the artifacts themselves are all there"


def test_previews_hold_no_secret_not_even_a_part_of_one(tmp_path: Path) -> None:
    key = "k-12345678"
    text = "x" * 1995 + key
    store = BundleArtifacts(tmp_path, compress=True, redactor=Redactor([key]))
    (kept,) = store.keep("a", {"artifacts": [{"name": "a.txt", "content": text}]}, (), files_in=None).artifacts
    assert kept.metadata is not None
    assert kept.metadata["preview"]["text"] == "x" * 1995 + "[reda"
    last_file = bundle_of(tmp_path, {"name": "a.txt", "content": text}, redactor=Redactor([key]))
    assert previews(last_file)[0]["text"] == "x" * 1995 + "[reda"


@pytest.mark.parametrize(
    ("preview", "mime_type"),
    [
        (None, "text/plain"),
        ("tea", "text/plain"),
        ({"text": 5}, "text/plain"),
        ({"base64": packed(PNG)}, "text/plain"),
        ({"base64": packed(SVG.encode())}, "image/svg+xml"),
        ({"base64": packed(SVG.encode())}, "image/png"),
        ({"base64": packed(PNG)}, "image/gif"),
        ({"base64": packed(PNG)}, 'image/png" onerror="alert(1)'),
        ({"base64": packed(PNG) + '" onerror="alert(1)'}, "image/png"),
        ({"base64": packed(PNG)[:-1]}, "image/png"),
        ({"base64": packed(PNG + bytes(70_000))}, "image/png"),
        ({"base64": ["iVBORw0KGgo="]}, "image/png"),
    ],
)
def test_a_preview_that_is_not_sound_is_not_shown(preview: Any, mime_type: str) -> None:
    page = render_report(recorded(preview, mime_type))
    assert "<img" not in page
    assert "Preview" not in section(page, "artifacts")
    assert len(details_of(page)[0]["artifacts"][0]) == 6


def test_a_preview_longer_than_previews_are_is_shortened_and_says_so() -> None:
    page = render_report(recorded({"text": "x" * 5000}, size=5000))
    assert details_of(page)[0]["artifacts"][0][6]["note"] == "The first 2,000 characters of 5.0 kB."
    assert "x" * 2001 not in page


@pytest.mark.parametrize("text", HOSTILE)
def test_a_preview_stays_text_whatever_it_says(text: str) -> None:
    page = render_report(recorded({"text": text}))
    assert page.count("<script") == render_report(recorded({"text": "harmless"})).count("<script")
    if text.isascii() and text.isprintable():
        assert " ".join(text.split()) in text_of(page)


def test_pages_stay_small_when_previews_are_many(tmp_path: Path) -> None:
    noise = [packed(PNG + bytes((number * n * n + n) % 251 for n in range(30_000))) for number in range(1, 50)]
    items = [{"name": f"{number}.png", "content_base64": each} for number, each in enumerate(noise)]
    page = render_report(bundle_of(tmp_path, *items))
    assert len(page) < 1_000_000
    assert page.count("<img ") == 3, "the first ones are in the list"


@pytest.mark.slow
def test_previews_are_seen_in_the_browser_and_nothing_of_them_acts(browser: Browser, tmp_path: Path) -> None:
    last_file = bundle_of(
        tmp_path,
        {"name": "evil.html", "content": "<script>alert(1)</script><img src=//evil.example onerror=alert(1)>"},
        {"name": "evil.svg", "content": SVG},
        {"name": "a.json", "content": '{"cups": 2}'},
        {"name": "c.png", "content_base64": packed(PNG)},
    )
    assert len(last_file.get_all_artifacts()) == 4
    place = tmp_path / "last_1" / "report.html"
    browser.open(place, "task=a")
    browser.until("document.querySelector('dialog .files img')?.naturalWidth === 1")
    words = browser.run("document.querySelector('dialog .files').textContent")
    assert "<script>alert(1)</script><img src=//evil.example onerror=alert(1)>" in words
    assert SVG in words
    assert browser.run("document.querySelector('main .files img').naturalWidth") == 1
    assert browser.seen() == {"ran": [], "violations": [], "errors": []}
    assert [address for address in browser.requests() if not address.startswith("data:")] == [place.as_uri()]

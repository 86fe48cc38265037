"""The report of a hostile run: text stays text, and the page may load and run nothing."""

import base64
import copy
import hashlib
import json
import os
import re
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest

from altlas_runner.last_file import LastFile, render_report
from altlas_runner.last_file.visible_text import visible
from tests.browser import Browser
from tests.last_file.fabricate import broken_diamond, gathered
from tests.last_file.hostile_texts import HOSTILE, hostile_last_file, last_file_of_all

NIGHTLY = os.environ.get("ALTLAS_EXAMPLES") == "nightly"

_OPEN_EVERYTHING = """(async ([tasks, texts]) => {
  let opened = 0;
  for (const task of tasks) {
    const before = document.querySelector("dialog .content").firstChild;
    location.hash = "task=@" + task;
    while (document.querySelector("dialog .content").firstChild === before) await new Promise((r) => setTimeout(r, 1));
    opened += document.querySelectorAll("dialog[open] pre").length;
  }
  document.querySelector("dialog[open]").close();
  const search = document.querySelector("input[type=search]");
  for (const text of texts) {
    search.value = text;
    search.dispatchEvent(new Event("input"));
    location.hash = text;
    await new Promise((r) => setTimeout(r, 1));
  }
  return opened;
})(given)"""


class Structure(HTMLParser):
    """The elements of a page with the attributes that are not text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, ...]] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, *(name for name, _ in attrs)))
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        self.tags.append((f"/{tag}",))

    def handle_comment(self, data: str) -> None:
        self.tags.append(("comment",))


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_a_stranger_becomes_markup(text: str) -> None:
    pages = [Structure(render_report(hostile_last_file(found))) for found in (text, "harmless")]
    hostile, harmless = ([tag for tag in page.tags if tag[0] not in ("title", "/title")] for page in pages)
    assert hostile == harmless, "but for the titles of boxes in the graph whose names are cut"


@pytest.mark.parametrize("text", HOSTILE)
def test_links_lead_only_to_places_on_the_page(text: str) -> None:
    page = Structure(render_report(hostile_last_file(text)))
    links = {value for name, value in page.attributes if name in ("href", "src", "xlink:href", "action", "data")}
    assert all(link == "data:," or re.fullmatch(r"#[\w.~%=@-]+|artifacts/[\w.~%/-]+", link or "") for link in links)


def test_the_page_has_one_script_of_its_own_and_no_inline_style_or_event_attribute() -> None:
    page = Structure(render_report(hostile_last_file("<script>alert(1)</script>")))
    names = {name for name, _ in page.attributes}
    assert not {name for name in names if name == "style" or name.startswith("on")}
    assert not {tag[0] for tag in page.tags} & {"iframe", "object", "embed", "img", "form", "base"}
    assert page.tags.count(("script",)) == 1
    assert {tag for tag in page.tags if tag[0] == "script"} == {("script",), ("script", "type", "id")}


def test_the_policy_allows_the_own_style_sheet_and_script_by_their_hashes_and_nothing_else() -> None:
    page = render_report(gathered(*broken_diamond()))
    style, script = (re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL) for tag in ("style", "script"))
    digests = [base64.b64encode(hashlib.sha256(found[0].encode()).digest()).decode() for found in (style, script)]
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
    assert len(style) == len(script) == 1
    assert policy is not None
    assert policy[1].split("; ") == [
        "default-src 'none'",
        f"script-src 'sha256-{digests[1]}'",
        f"style-src 'sha256-{digests[0]}'",
        "img-src data:",
        "connect-src 'none'",
        "form-action 'none'",
        "base-uri 'none'",
        "object-src 'none'",
    ]
    assert page.index("Content-Security-Policy") < page.index("<style>")
    assert "url(" not in style[0]
    assert "@import" not in style[0]


def test_the_scripts_never_read_a_text_as_markup() -> None:
    script = re.findall(r"<script>(.*?)</script>", render_report(gathered(*broken_diamond())), re.DOTALL)[0]
    forbidden = ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "DOMParser")
    assert [word for word in forbidden if word in script] == []
    assert "fetch(" not in script
    assert "XMLHttpRequest" not in script


@pytest.mark.slow
def test_nothing_of_an_attacker_runs_or_leaves_whatever_a_reader_opens(browser: Browser, tmp_path: Path) -> None:
    assert len(HOSTILE) >= 80
    last_file = last_file_of_all(HOSTILE)
    place = tmp_path / "report.html"
    page = render_report(last_file)
    assert "[redacted]" not in page, "a text that is kept back shows nothing of an attacker"
    place.write_text(page, encoding="utf-8")
    browser.open(place)
    tasks = list(range(len(last_file.metadata["runner"]["tasks"])))
    assert len(tasks) == 3 * len(HOSTILE)
    if not NIGHTLY:
        tasks = tasks[::4]  # of three of four texts one task, of each kind in turn
    opened = browser.run(_OPEN_EVERYTHING, tasks, HOSTILE if NIGHTLY else HOSTILE[::3])
    seen = browser.seen()
    assert opened > len(tasks), "texts were shown"
    assert seen == {"ran": [], "violations": [], "errors": []}
    assert browser.requests() == [place.as_uri()]
    assert browser.run("document.querySelectorAll('iframe, object, embed, form, base, main script').length") == 0
    assert browser.run("[...document.querySelectorAll('img')].every((i) => i.src.startsWith('data:image/'))")


@pytest.mark.slow
def test_the_recorder_of_the_browser_notices_what_must_not_happen(browser: Browser, tmp_path: Path) -> None:
    place = tmp_path / "bad.html"
    policy = "<meta http-equiv=Content-Security-Policy content=\"img-src 'none'\">"
    place.write_text(f"<!doctype html>{policy}<img src=x.png><script>alert('ran'); nothing.at.all</script>")
    browser.open(place, wait=False)
    browser.until("window.seen.violations.length > 0")
    seen = browser.seen()
    assert seen["ran"] == ["ran"]
    assert seen["violations"][0].startswith("img-src")
    assert "nothing is not defined" in seen["errors"][0]


@pytest.mark.slow
def test_nothing_of_an_attacker_runs_or_leaves_without_scripts(browser: Browser, tmp_path: Path) -> None:
    place = tmp_path / "report.html"
    place.write_text(render_report(last_file_of_all(HOSTILE)), encoding="utf-8")
    browser.look(scripts=False)
    browser.open(place, wait=False)
    assert browser.requests() == [place.as_uri()]


@pytest.mark.slow
def test_script_and_python_make_the_same_characters_visible(browser: Browser, tmp_path: Path) -> None:
    place = tmp_path / "report.html"
    place.write_text(render_report(gathered(*broken_diamond())), encoding="utf-8")
    browser.open(place)
    source = files("altlas_runner.last_file.report").joinpath("script/text.js").read_text(encoding="utf-8")
    code = (
        f"(() => {{ {source}; const acting = []; for (let c = 0; c < 0x110000; c++) "
        "if (visible(String.fromCodePoint(c)) !== String.fromCodePoint(c)) acting.push(c); "
        "return JSON.stringify([acting, ['a\\u001bb', '\\r\\n', '\\u{e0041}'].map(visible)]); })()"
    )
    acting, samples = json.loads(browser.command("Runtime.evaluate", expression=code)["result"]["value"])
    assert acting == [c for c in range(0x110000) if visible(chr(c)) != chr(c)]
    assert samples == [visible(text) for text in ("a\x1bb", "\r\n", "\U000e0041")]


def test_acting_characters_are_shown_and_do_not_act() -> None:
    page = render_report(hostile_last_file("a\x1b[31mb\u202ec\x00d\u200be"))
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2066-\u2069]", page)
    assert "a⟨U+001B⟩[31mb⟨U+202E⟩c⟨U+0000⟩d⟨U+200B⟩e" in page


ORDINARY = {
    "white space": "tab\tand\nline",
    "persian": "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "hindi": "नमस्ते",
    "emoji with joiner": "👩\u200d💻",
    "combining": "é e\u0301",
    "chinese": "漢字",
}


@pytest.mark.parametrize("text", ORDINARY.values(), ids=ORDINARY)
def test_ordinary_text_of_any_script_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


def test_line_ends_of_windows_are_line_ends() -> None:
    assert visible("a\r\nb\rc") == "a\nb⟨U+000D⟩c"


def test_the_same_last_file_gives_the_same_page_byte_for_byte() -> None:
    last_file = gathered(*broken_diamond())
    page = render_report(last_file)
    assert render_report(copy.deepcopy(last_file)) == page
    assert render_report(LastFile.from_json(last_file.to_json())) == page


def test_rendering_leaves_the_last_file_as_it_was() -> None:
    last_file = gathered(*broken_diamond())
    before = last_file.to_json()
    render_report(last_file)
    assert last_file.to_json() == before

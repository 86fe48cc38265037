"""The report of a hostile run: text stays text, and the page may load and run nothing."""

import base64
import copy
import hashlib
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from altlas_runner.last_file import LastFile, render_report
from altlas_runner.last_file.visible_text import visible
from altlas_runner.results import Artifact, Attempt, TaskResult, Usage
from altlas_runner.statuses import TaskStatus
from tests.last_file.fabricate import START, alt_file, at, broken_diamond, gathered

HOSTILE = [
    "<script>alert(1)</script>", "</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>",
    "</pre><script>alert(1)</script>", "</title><script>alert(1)</script>", "</style><script>alert(1)</script>",
    "<style>*{display:none}</style>", '"><svg onload=alert(1)>', "'><svg onload=alert(1)>", '" onclick="alert(1)',
    "' onmouseover='alert(1)", "javascript:alert(1)", "data:text/html,<script>alert(1)</script>",
    "<a href=javascript:alert(1)>x</a>", "<iframe srcdoc='<script>alert(1)</script>'>", "<!--", "-->", "<![CDATA[",
    "]]>", "<base href=//evil.example>", "<meta http-equiv=refresh content=0;url=//evil.example>", "<form action=//e>",
    "{{ 7*7 }}", "{% raw %}", "{{ config }}", "{# hidden #}", "${7*7}", "#{7*7}", "&lt;script&gt;", "&#60;script&#62;",
    "%3Cscript%3E", "</svg><script>alert(1)</script>", "</text></a></g></svg><img src=//evil.example>",
    "</details></section><h1>You won</h1>", "</textarea><x>", "<math><mtext></p><style><img src=x onerror=alert(1)>",
    "\x00<b>\x1b[31m", "\u202etxt.exe", "a\u2028b\u2029c", "``` <b> ```", "<?php echo 1 ?>", "\ufeff<b>",
    "<svg><use href=//evil.example#x>", "<link rel=stylesheet href=//evil.example>", "x\" style=\"color:red",
    "<object data=//evil.example>", "<bdi></bdi></bdi></dd>", "[click](javascript:alert(1))", "=cmd|' /C calc'!A0",
]  # fmt: skip


def hostile_last_file(text: str) -> LastFile:
    """A LAST file that has the text in every place where a text can stand."""
    other = f"{text} (2)"
    tasks: list[dict[str, Any]] = [
        {"id": text, "description": text, "tags": [text], "parameters": {text: [text, {text: text}]}},
        {"id": other, "description": text, "dependencies": [text, f"{text} (3)"]},
        {"id": f"{text} (4)", "description": text, "dependencies": [other]},
    ]
    fields = {"id": text, "title": text, "description": text, "persona": text, "metadata": {text: text}}
    attempts = [
        Attempt(1, START, at(1), TaskStatus.FAILED, text, text),
        Attempt(2, at(2), at(3), TaskStatus.FAILED, text, text, 1000),
    ]
    artifact = Artifact(text, "text", text, 3, text, text, text, {text: text})
    results = [
        TaskResult(text, TaskStatus.COMPLETED, {"text": text, text: text}, artifacts=[artifact], started_at=START),
        TaskResult(other, TaskStatus.FAILED, None, text, text, attempts=attempts, usage=Usage(1, 2), started_at=START),
        TaskResult(f"{text} (4)", TaskStatus.SKIPPED, {text: [text]}, text, text),
        TaskResult(f"{text} (5)", TaskStatus.CANCELLED, text, text, metadata={text: text}),
    ]
    last_file = gathered(alt_file(tasks, **fields), results)
    last_file.id = last_file.mode = last_file.version = text
    last_file.metadata["runner"]["warnings"] = [text]
    last_file.metadata["runner"]["versions"] = {text: text}
    last_file.metadata["runner"]["selection"] = [text]
    return last_file


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
    page = Structure(render_report(hostile_last_file(text)))
    assert page.tags == Structure(render_report(hostile_last_file("harmless"))).tags


@pytest.mark.parametrize("text", HOSTILE)
def test_links_lead_only_to_places_on_the_page(text: str) -> None:
    page = Structure(render_report(hostile_last_file(text)))
    links = {value for name, value in page.attributes if name in ("href", "src", "xlink:href", "action", "data")}
    assert all(link == "data:," or re.fullmatch(r"#[\w-]+", link or "") for link in links)


def test_the_page_needs_no_script_and_has_no_inline_style_or_event_attribute() -> None:
    page = Structure(render_report(gathered(*broken_diamond())))
    names = {name for name, _ in page.attributes}
    assert not {name for name in names if name == "style" or name.startswith("on")}
    assert not {tag[0] for tag in page.tags} & {"script", "iframe", "object", "embed", "img", "form", "base"}


def test_the_policy_allows_the_own_style_sheet_by_its_hash_and_nothing_else() -> None:
    page = render_report(gathered(*broken_diamond()))
    styles = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(styles[0].encode()).digest()).decode()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
    assert len(styles) == 1
    assert policy is not None
    assert policy[1].split("; ") == [
        "default-src 'none'",
        f"style-src 'sha256-{digest}'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    assert page.index("Content-Security-Policy") < page.index("<style>")
    assert "url(" not in styles[0]
    assert "@import" not in styles[0]


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

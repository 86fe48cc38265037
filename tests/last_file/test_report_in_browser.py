"""The report as a reader meets it: opened from disk in a real browser."""

import base64
import csv
import io
import json
import time
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import ActionChains

from altlas_runner.last_file import LastFile, render_report
from altlas_runner.results import Artifact, Attempt, Usage
from altlas_runner.statuses import TaskStatus
from tests.browser import Browser
from tests.last_file.fabricate import alt_file, at, broken_diamond, completed, ended, failed, gathered
from tests.last_file.large_runs import run_of

pytestmark = pytest.mark.slow

TAB, ENTER, ESCAPE, DOWN, END = "\ue004", "\ue007", "\ue00c", "\ue015", "\ue010"
ROWS = "[...document.querySelectorAll('.rows .row')].map((row) => row.querySelector('.name').textContent)"
DRAWER = "document.querySelector('dialog[open]')?.innerText ?? ''"


def written(last_file: LastFile, tmp_path: Path) -> Path:
    place = tmp_path / "report.html"
    place.write_text(render_report(last_file), encoding="utf-8")
    return place


def opened(browser: Browser, last_file: LastFile, tmp_path: Path, address: str = "") -> Path:
    place = written(last_file, tmp_path)
    browser.open(place, address)
    return place


def small_run() -> LastFile:
    """Five tasks of which one failed, with tags, a retry, tokens and JSON."""
    file, results = broken_diamond()
    tasks: list[dict[str, Any]] = [
        {**task.model_dump(mode="json", exclude_none=True), "tags": [tag], "parameters": {"model": "m", "n": [1, None]}}
        for task, tag in zip(file.tasks, ["in", "work", "work", "out", "out"], strict=True)
    ]
    attempts = [
        Attempt(1, at(1), at(2), TaskStatus.FAILED, "AI_CONNECT", "refused", usage=Usage(2, 0)),
        Attempt(2, at(4), at(5), TaskStatus.COMPLETED, wait_before_ms=2000),
    ]
    results[2] = completed(
        "right", {"answer": 42, "ok": True}, start=1, end=5, attempts=attempts, usage=Usage(5, 6, 0.5)
    )
    return gathered(alt_file(tasks), results)


def test_it_opens_offline_without_any_request_error_or_violation(browser: Browser, tmp_path: Path) -> None:
    place = opened(browser, small_run(), tmp_path)
    assert browser.requests() == [place.as_uri()]
    assert browser.seen() == {"ran": [], "violations": [], "errors": []}
    assert browser.run(ROWS) == ["fetch", "left", "right", "join", "send"]


def test_the_table_is_searched_filtered_and_sorted(browser: Browser, tmp_path: Path) -> None:
    opened(browser, small_run(), tmp_path)
    browser.driver.find_element("css selector", "input[type=search]").send_keys("work")
    assert browser.run(ROWS) == ["left", "right"]
    browser.driver.find_element("css selector", "[data-status=failed]").click()
    assert browser.run(ROWS) == ["left"]
    assert browser.run("document.querySelector('.found').textContent") == "1 of 5"
    browser.until("location.hash === '#q=work&status=failed'")
    browser.press(ESCAPE)
    browser.driver.find_element("xpath", "//button[.='Clear']") if False else None
    browser.run("document.activeElement.blur()")
    browser.press(ESCAPE)
    assert len(browser.run(ROWS)) == 5
    head = browser.driver.find_element("xpath", "//div[@role='columnheader']/button[.='Duration']")
    head.click()
    assert browser.run(ROWS)[:2] == ["left", "right"], "the slowest first"
    assert browser.run("document.querySelector('[aria-sort=descending]').textContent") == "Duration"
    head.click()
    head.click()
    assert browser.run(ROWS)[0] == "fetch", "as in the file again"


def test_a_search_without_a_hit_says_so_and_leads_back(browser: Browser, tmp_path: Path) -> None:
    opened(browser, small_run(), tmp_path, "q=nowhere")
    browser.driver.find_element("xpath", "//button[.='Show all tasks']").click()
    assert len(browser.run(ROWS)) == 5


def test_an_address_opens_a_task_with_everything_about_it(browser: Browser, tmp_path: Path) -> None:
    opened(browser, small_run(), tmp_path, "task=left")
    browser.until("document.querySelector('dialog[open]')")
    words = browser.run(DRAWER)
    for part in ("left", "failed", "altlas-runner show last_1 left", "Error AI_UPSTREAM", "the service answered 503",
                 "2 attempts", "after waiting 2.0 s", "do left", "Depends on", "fetch", "work",
                 "10 tokens in"):  # fmt: skip
        assert part in words
    browser.press("j")
    browser.until("location.hash === '#task=right'")
    browser.until(f"({DRAWER}).includes('cost 0.5')")
    assert "2.0 s" in browser.run(DRAWER)
    assert "2 tokens in, 0 out · unpriced" in browser.run("document.querySelector('.attempts').textContent")
    assert browser.run("[...CSS.highlights.keys()].filter((key) => CSS.highlights.get(key).size > 0).length") == 4
    browser.press(ESCAPE)
    browser.until("!document.querySelector('dialog[open]') && location.hash === ''")


def test_it_shows_which_worker_did_what(browser: Browser, tmp_path: Path) -> None:
    """Also what was lost with a worker, and names that would be markup."""
    hostile = "tls://<b>two</b>"
    attempts = [
        Attempt(1, at(0), at(1), TaskStatus.FAILED, "WORKER_LOST", "the worker is gone", service="tcp://10.0.0.1:1"),
        Attempt(2, at(1), at(4), TaskStatus.COMPLETED, service=hostile),
    ]
    one = [Attempt(1, at(0), at(1), TaskStatus.COMPLETED, service="tcp://10.0.0.1:1")]
    results = [completed("again", end=4, attempts=attempts), completed("once", attempts=one)]
    opened(browser, gathered(alt_file(dict.fromkeys(["again", "once"], ())), results), tmp_path, "task=again")
    browser.until(f"({DRAWER}).includes('at {hostile}')")
    assert "at tcp://10.0.0.1:1" in browser.run("document.querySelector('.attempts li').textContent")
    table = "[...document.querySelectorAll('[aria-label^=\"Where attempts were made\"] tbody tr')]"
    cells = browser.run(f"{table}.map((row) => [...row.children].map((cell) => cell.textContent))")
    assert cells == [[hostile, "1", "0", "3.0 s"], ["tcp://10.0.0.1:1", "2", "1", "2.0 s"]]
    browser.press("j")
    browser.until(f"({DRAWER}).includes('at tcp://10.0.0.1:1')")
    assert browser.serious_faults() == []


def test_an_address_that_names_nothing_opens_nothing(browser: Browser, tmp_path: Path) -> None:
    for address in ("task=nobody", "task=@99", "task=%E0%A4%A", "group=9&q=%", "box=3", "%"):
        opened(browser, small_run(), tmp_path, address)
        assert browser.run("document.querySelector('dialog[open]')") is None
        assert browser.seen()["errors"] == []


def test_ids_of_any_kind_can_be_linked(browser: Browser, tmp_path: Path) -> None:
    ids = ["a b/ü#&=?", "%41", "@1", "漢字", "x" * 300, "שלום", "__proto__"]
    results = [completed(task, f"output of number {number}") for number, task in enumerate(ids)]
    opened(browser, gathered(alt_file(dict.fromkeys(ids, ())), results), tmp_path)
    links = browser.run("[...document.querySelectorAll('.box a')].map((a) => a.getAttribute('href'))")
    assert len(links) == len(ids)
    for number, link in enumerate(links):
        browser.run(f"location.hash = {json.dumps(link)}")
        browser.until(f"({DRAWER}).includes('output of number {number}')")


def test_a_click_on_the_graph_or_the_timeline_opens_the_task(browser: Browser, tmp_path: Path) -> None:
    opened(browser, small_run(), tmp_path)
    browser.driver.find_element("css selector", ".box.failed a").click()
    browser.until(f"({DRAWER}).startsWith('left')")
    browser.press(ESCAPE)
    lanes = browser.driver.find_element("css selector", ".lanes")
    browser.run("document.querySelector('.lanes').scrollIntoView({block: 'center', behavior: 'instant'})")
    offset = 84 + 5 - lanes.size["height"] // 2
    ActionChains(browser.driver).move_to_element_with_offset(lanes, 40, offset).click().perform()
    browser.until("location.hash.startsWith('#task=')")


def test_queue_run_and_backoff_differ_in_colour_and_pattern(browser: Browser, tmp_path: Path) -> None:
    attempts = [Attempt(1, at(2), at(3), TaskStatus.FAILED), Attempt(2, at(4), at(5), TaskStatus.COMPLETED)]
    last_file = gathered(alt_file({"a": ()}), [completed("a", start=2, end=5, attempts=attempts)])
    opened(browser, last_file, tmp_path)
    found = browser.run("""(() => {
      const canvas = document.querySelector(".lanes canvas"), pen = canvas.getContext("2d");
      const left = Math.min(220, Math.round(canvas.width * 0.28)), right = canvas.width - 12;
      const colours = (from, to) => {
        const x = Math.round(left + (right - left) * from / 5) + 4;
        const width = Math.round((right - left) * (to - from) / 5) - 8;
        const pixels = pen.getImageData(x, 84 + 6, width, 8).data, seen = new Map();
        for (let i = 0; i < pixels.length; i += 4) {
          const key = [...pixels.slice(i, i + 4)].join();
          seen.set(key, (seen.get(key) ?? 0) + 1);
        }
        return [...seen].sort((a, b) => b[1] - a[1]).map(([key]) => key);
      };
      return [colours(0, 2), colours(2, 3), colours(3, 4), colours(4, 5)];
    })()""")
    queue, first, backoff, second = found
    assert len(first) == len(second) == 1, "an attempt is a plain box"
    assert first != second, "of the colour of its status"
    assert len(queue) > 1
    assert len(backoff) > 2
    assert set(queue) != set(backoff)


def test_keys_alone_are_enough(browser: Browser, tmp_path: Path) -> None:
    opened(browser, small_run(), tmp_path)
    browser.press("/", "o", "u", "t")
    browser.until(f'JSON.stringify({ROWS}) === \'["join","send"]\'')
    browser.press(TAB)
    for _ in range(20):
        if browser.run("document.activeElement.getAttribute('role')") == "grid":
            break
        browser.press(TAB)
    assert browser.run("document.activeElement.getAttribute('role')") == "grid"
    browser.press(DOWN)
    active = "document.getElementById(document.activeElement.getAttribute('aria-activedescendant')).innerText"
    browser.until(f"{active}.startsWith('send')")
    browser.press(ENTER)
    browser.until(f"({DRAWER}).startsWith('send')")
    browser.press("k")
    browser.until(f"({DRAWER}).startsWith('join')")
    browser.press(ESCAPE)
    browser.until("document.activeElement.getAttribute('role') === 'grid'")  # the focus is back where it was
    browser.run("document.activeElement.blur()")
    reached = set()
    for _ in range(60):
        browser.press(TAB)
        reached.add(browser.run("document.activeElement.closest('section')?.getAttribute('aria-labelledby')"))
    assert {"failures", "timeline", "graph", "tasks"} <= reached


LONG = {
    "names": "an_extremely_long_name_without_any_place_to_break_" * 8,
    "words": "many words " * 30,
    "hebrew": "שלום עולם " * 20,
    "arabic": "مرحبا بالعالم",
    "chinese": "漢字" * 80,
}


@pytest.mark.parametrize("width", [390, 320])
def test_nothing_makes_a_phone_scroll_to_the_side(browser: Browser, tmp_path: Path, width: int) -> None:
    ids = list(LONG.values())
    tasks = [{"id": task, "description": task * 3, "tags": [task], "parameters": {task: task}} for task in ids]
    results = [
        failed(ids[0], ids[0] * 4),
        ended(ids[1], TaskStatus.CANCELLED, ids[1]),
        *map(completed, ids[2:], ids[2:]),
    ]
    last_file = gathered(alt_file(tasks, title=ids[0], description=ids[2]), results)
    last_file.metadata["runner"]["provenance"] = {"command": ids[0], "alt_file_path": ids[0]}
    browser.look(width, 844)
    for run in (last_file, small_run(), run_of(60), gathered(alt_file(), [])):
        opened(browser, run, tmp_path)
        assert browser.run("document.documentElement.scrollWidth") <= width
        if run.task_results:
            browser.run("location.hash = 'task=@0'")
            browser.until("document.querySelector('dialog[open]')")
            too_wide = "((c) => c.scrollWidth - c.clientWidth)(document.querySelector('dialog .content'))"
            assert browser.run(too_wide) <= 0
            assert browser.run("document.querySelector('dialog').getBoundingClientRect().width") <= width


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_serious(browser: Browser, tmp_path: Path, dark: bool) -> None:
    for width, address in ((1440, ""), (1440, "task=left"), (390, "")):
        browser.look(width, dark=dark)
        run = small_run()
        run.task_results[1].artifacts = [
            Artifact(
                "left/a.txt",
                "text",
                "text/plain",
                9000,
                "0" * 64,
                "artifacts/left/a.txt",
                "d",
                {"preview": {"text": "tea"}},
            )
        ]
        opened(browser, run, tmp_path, address)
        browser.run("(() => { document.querySelector('.preview').open = true; })()")
        if address:
            browser.until("document.querySelector('dialog[open]')")
        assert browser.serious_faults() == []


def test_without_scripts_everything_that_matters_is_there(browser: Browser, tmp_path: Path) -> None:
    browser.look(scripts=False)
    browser.open(written(small_run(), tmp_path), "task=left", wait=False)
    body = browser.driver.find_element("css selector", "body").text
    for part in ("2 of 5 tasks completed", "Success rate", "Critical path", "the service answered 503", "Depends on",
                 "altlas-runner show last_1 left", "Graph", "Details"):  # fmt: skip
        assert part in body
    assert "Timeline" not in body
    assert "Theme" not in body
    target = browser.driver.find_element("css selector", "details:target")
    assert target.text.startswith("left")
    assert len(browser.driver.find_elements("css selector", ".box a")) == 5


def test_it_prints(browser: Browser, tmp_path: Path) -> None:
    opened(browser, small_run(), tmp_path)
    pdf = base64.b64decode(browser.driver.print_page())
    assert pdf.startswith(b"%PDF-")
    assert len(pdf) > 20_000
    assert pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page ") + pdf.count(b"/Type /Page/") >= 1


def test_what_is_shown_can_be_saved_as_json_and_csv(browser: Browser, tmp_path: Path) -> None:
    file = alt_file({"=cmd|' /C calc'!A0": (), 'say "hi", you': ()})
    last_file = gathered(file, [completed(task.id, {"n": 1}, usage=Usage(3, 4, 0.25)) for task in file.tasks])
    opened(browser, last_file, tmp_path)
    saved = tmp_path / "saved"
    browser.command("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(saved))
    for kind in ("csv", "json"):
        browser.driver.find_element("css selector", f"[data-save={kind}]").click()
        wait_for(saved / f"last_1.{kind}")
    rows = list(csv.DictReader(io.StringIO((saved / "last_1.csv").read_text(encoding="utf-8"))))
    assert [row["id"] for row in rows] == ["'=cmd|' /C calc'!A0", 'say "hi", you'], "no formula for a spreadsheet"
    assert rows[0]["cost"] == "0.25"
    document = json.loads((saved / "last_1.json").read_text(encoding="utf-8"))
    assert [task["id"] for task in document["tasks"]] == [task.id for task in file.tasks]
    assert document["tasks"][0]["details"]["output"]["text"] == '{\n  "n": 1\n}'


def wait_for(file: Path) -> None:
    end = time.monotonic() + 20
    while not (file.exists() and file.stat().st_size):
        assert time.monotonic() < end, f"{file} did not come"
        time.sleep(0.02)


def test_light_and_dark_follow_the_system_and_the_readers_choice(browser: Browser, tmp_path: Path) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    opened(browser, small_run(), tmp_path)
    light = browser.run(ground)
    browser.look(dark=True)
    opened(browser, small_run(), tmp_path)
    dark = browser.run(ground)
    assert light != dark
    switch = browser.driver.find_element("css selector", "[data-theme-switch]")
    switch.click()
    assert (switch.text, browser.run(ground)) == ("Theme: light", light)
    switch.click()
    switch.click()
    assert (switch.text, browser.run(ground)) == ("Theme: auto", dark)


def test_a_picture_in_an_output_is_shown(browser: Browser, tmp_path: Path) -> None:
    png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
    last_file = gathered(alt_file({"a": ()}), [completed("a", f"data:image/png;base64,{png}")])
    opened(browser, last_file, tmp_path, "task=a")
    browser.until("document.querySelector('dialog img')?.naturalWidth === 1")


@pytest.mark.parametrize("count", [0, 1, 3])
def test_the_smallest_runs_have_a_page_without_faults(browser: Browser, tmp_path: Path, count: int) -> None:
    opened(browser, run_of(count), tmp_path)
    assert browser.seen() == {"ran": [], "violations": [], "errors": []}
    assert len(browser.run(ROWS)) == count

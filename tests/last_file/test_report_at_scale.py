"""The report of many tasks: small, soon ready, quickly searched, with every row in reach.

Sizes and counts are exact bounds. Times here are generous, because other things run on the machine; `make bench`
measures them strictly (`benchmarks/report.py`).
"""

import os
import time
from pathlib import Path

import pytest

from altlas_runner.last_file import render_report
from tests.browser import Browser
from tests.last_file.large_runs import run_of

pytestmark = pytest.mark.slow

MANY = 100_000 if os.environ.get("ALTLAS_EXAMPLES") == "nightly" else 20_000


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, float]:
    """A report of many tasks, the id of its last one, and the CPU seconds that it took."""
    last_file = run_of(MANY, failing=0.001, after=0.97, slots=64)
    began = time.process_time()
    page = render_report(last_file).encode()
    spent = time.process_time() - began
    place = tmp_path_factory.mktemp("large") / "report.html"
    place.write_bytes(page)
    return place, last_file.task_results[-1].task_id, spent


def test_1000_tasks_are_at_most_1_mb_and_soon_ready(browser: Browser, tmp_path: Path) -> None:
    page = render_report(run_of(1_000)).encode()
    assert len(page) <= 1_000_000
    place = tmp_path / "report.html"
    place.write_bytes(page)
    browser.open(place)
    assert float(browser.run("document.documentElement.dataset.ready")) < 5_000
    assert len(browser.driver.find_elements("css selector", ".box")) == 1_000


def test_many_tasks_keep_within_size_and_time(large: tuple[Path, str, float]) -> None:
    place, _, spent = large
    assert place.stat().st_size <= 200 * MANY, "20 MB for 100,000"
    assert spent <= 5 * 8 * MANY / 100_000, "five times what it may take on a quiet machine"


def test_many_tasks_are_ready_searched_and_reached_to_the_last_row(
    browser: Browser, large: tuple[Path, str, float]
) -> None:
    place, last, _ = large
    browser.open(place)
    assert float(browser.run("document.documentElement.dataset.ready")) < 20_000
    nodes = "document.querySelectorAll('*').length"
    assert browser.run(nodes) <= 1_500
    browser.run("document.querySelector('.view').scrollTop = 1e9")
    rows = "[...document.querySelectorAll('.rows .row')].map((row) => row.querySelector('.name').textContent)"
    browser.until(f"{rows}.at(-1) === '{last}'")
    bottoms = "(name) => document.querySelector(name).getBoundingClientRect().bottom"
    places = f"['.rows .row:last-child', '.view'].map({bottoms})"
    bottom, view = browser.run(places)
    assert abs(bottom - view) <= 1, "the last row is seen whole"
    browser.driver.find_element("css selector", "input[type=search]").send_keys(last)
    assert browser.run(rows) == [last]
    slowest = browser.run("Math.max(...performance.getEntriesByName('report-choice').map((e) => e.duration))")
    assert slowest < 1_000
    browser.run("document.querySelector('.rows .row').click()")
    browser.until("document.querySelector('dialog[open] .content')?.innerText.includes('Description')")
    assert browser.run(nodes) <= 1_500
    assert browser.seen() == {"ran": [], "violations": [], "errors": []}


def test_keys_go_to_the_last_row_and_back(browser: Browser, large: tuple[Path, str, float]) -> None:
    place, last, _ = large
    browser.open(place)
    browser.run("document.querySelector('.grid').focus()")
    browser.press("\ue010")
    active = "document.getElementById(document.activeElement.getAttribute('aria-activedescendant'))?.innerText ?? ''"
    browser.until(f"({active}).startsWith('{last}')")
    browser.press("\ue011")
    browser.until(f"({active}).startsWith('fetch-0')")


def test_a_box_of_the_collapsed_graph_leads_to_its_tasks(browser: Browser, large: tuple[Path, str, float]) -> None:
    place, _, _ = large
    browser.open(place)
    assert "Collapsed view" in browser.run("document.body.innerText")
    browser.run("document.querySelector('.box a').scrollIntoView({block: 'center'})")
    browser.driver.find_element("css selector", ".box a").click()
    browser.until("document.querySelector('.found').textContent.includes(' of ')")
    assert browser.run("document.querySelector('.rows .name').textContent") == "fetch-0"
    assert len(browser.driver.find_elements("css selector", ".box")) <= 120

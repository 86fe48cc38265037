"""The page of the service as people meet it: in a real browser, served by a real process, with a real AI service."""

import asyncio
import json
import shutil
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from altlas_runner import RunnerConfig
from altlas_runner.server import make_app
from tests.browser import Browser
from tests.last_file.hostile_texts import HOSTILE
from tests.loopback import Answer, LoopbackService
from tests.server.running import RunningServer, running_server

pytestmark = pytest.mark.slow

TAB, ENTER, ESCAPE, SHIFT, CONTROL = "\ue004", "\ue007", "\ue00c", "\ue008", "\ue009"
TEXT = "document.querySelector('main').innerText"
FINDINGS = "document.querySelector('.findings').innerText"
VERDICT = "document.querySelector('#run .verdict')?.textContent"
FOCUS = "document.activeElement.textContent"
NO_FAULT: dict[str, list[str]] = {"ran": [], "violations": [], "errors": []}
TOKEN = "a-token-that-nobody-guesses"

MISSPELLED = """{
  "id": "weekly",
  "title": "Weekly",
  "tasks": [
    {"id": "summarize", "description": "Summarize it"},
    {"id": "report", "description": "Write 漢字 it", "dependencies": ["sumarize"]}
  ]
}"""


class Gate:
    """Keeps the answers of an AI service back until it is opened."""

    def __init__(self) -> None:
        self._open = threading.Event()

    def open(self) -> None:
        self._open.set()

    def close(self) -> None:
        self._open.clear()

    async def passed(self) -> None:
        while not self._open.is_set():
            await asyncio.sleep(0.01)

    async def answer(self, body: Any) -> web.StreamResponse:
        await self.passed()
        return web.json_response({"text": f"done: {body['description']}"})

    async def stream(self, body: Any) -> web.StreamResponse:
        """Half of an answer, and the rest behind the gate."""

        async def parts() -> AsyncIterator[bytes]:
            yield b'event: delta\ndata: {"text": "Once upon <b>a</b> time"}\n\n'
            await self.passed()
            yield b'event: result\ndata: {"text": "Once upon a time"}\n\n'

        return web.Response(body=parts(), content_type="text/event-stream")


class Place:
    """A service with its AI service."""

    def __init__(self, server: RunningServer, ai: LoopbackService, gate: Gate) -> None:
        self.server = server
        self.ai = ai
        self.gate = gate


def busy(_: Any) -> web.StreamResponse:
    return web.json_response({"error": "slow down"}, status=429, headers={"Retry-After": "60"})


def bad(_: Any) -> web.StreamResponse:
    return web.json_response({"error": "no such <b>model</b>"}, status=404)


@pytest.fixture(scope="module")
def _place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    gate = Gate()
    answers: dict[str, Answer] = {"held": gate.answer, "told": gate.stream, "busy": busy, "bad": bad}
    with LoopbackService(answers) as service:
        output_dir = tmp_path_factory.mktemp("page") / "output"
        with running_server(output_dir, service.url, "--max-concurrency", "4") as server:
            yield Place(server, service, gate)


@pytest.fixture
def place(_place: Place) -> Iterator[Place]:
    """The service with a closed gate, which is opened when the test is over."""
    _place.gate.close()
    yield _place
    _place.gate.open()


def flow(*task_ids: str, title: str = "A run to watch", **fields: Any) -> dict[str, Any]:
    tasks = [{"id": task, "description": f"do {task}"} for task in task_ids]
    return {"id": "flow", "title": title, "tasks": tasks, **fields}


def written(directory: Path, alt_file: Any, name: str = "flow.alt.json") -> Path:
    file = directory / name
    file.write_text(alt_file if isinstance(alt_file, str) else json.dumps(alt_file, indent=1), encoding="utf-8")
    return file


def opened(browser: Browser, server: RunningServer, address: str = "") -> None:
    browser.open(server.url + "/", address, wait=not address)


def shown(browser: Browser, server: RunningServer, run_id: str, status: str) -> None:
    """Open a run and wait until it has a status."""
    opened(browser, server, f"run={run_id}")
    browser.until(f"{VERDICT} === {json.dumps(status)}")


# -- checking a file ---------------------------------------------------------------------------------------------------


def test_it_loads_its_own_two_files_asks_its_own_service_and_keeps_to_its_policy(
    browser: Browser, place: Place
) -> None:
    opened(browser, place.server)
    paths = {url.removeprefix(place.server.url) for url in browser.requests()}
    assert paths - {"data:,"} == {"/", "/assets/page.css", "/assets/page.js", "/api/v1/runs?limit=50"}
    assert browser.seen() == NO_FAULT


def test_a_dropped_file_is_checked_and_its_problems_are_shown_with_line_and_column(
    browser: Browser, place: Place, tmp_path: Path
) -> None:
    opened(browser, place.server)
    browser.drop(written(tmp_path, MISSPELLED))
    browser.until("document.querySelector('.diagnostics')")
    found = browser.run(FINDINGS)
    for part in ("This file cannot be run as it is", "1 error, 1 warning", "ALT021", "line 6, column 69",
                 "/tasks/1/dependencies/0", 'did you mean "summarize"?', "with a similar id", "ALT105"):  # fmt: skip
        assert part in found
    assert browser.run("document.querySelector('mark.failure').textContent") == '"sumarize"'
    assert browser.run("document.querySelector('mark.related').textContent") == '"summarize"'
    assert "flow.alt.json" in browser.run(TEXT)
    browser.click("line 6, column 69")
    selected = "(({value, selectionStart, selectionEnd}) => value.slice(selectionStart, selectionEnd))"
    assert browser.run(f"{selected}(document.querySelector('textarea'))") == '"sumarize"'
    browser.driver.switch_to.active_element.send_keys('"summarize"')
    browser.until(f"{FINDINGS}.includes('This file is fine')")
    assert browser.seen() == NO_FAULT


def test_yaml_is_taken_as_well_and_syntax_errors_have_their_place(
    browser: Browser, place: Place, tmp_path: Path
) -> None:
    opened(browser, place.server)
    browser.drop(written(tmp_path, "id: f\ntitle: F\ntasks:\n  - {id: a, description: d}\n", "f.alt.yaml"))
    browser.until(f"{FINDINGS}.includes('This file is fine')")
    browser.drop(written(tmp_path, '{"id": "f",\n "title" "F"}', "f.alt.json"))
    browser.until(f"{FINDINGS}.includes('ALT302') && {FINDINGS}.includes('line 2, column 10')")


def test_a_file_that_is_no_text_and_one_too_long_to_be_edited_say_so(
    browser: Browser, place: Place, tmp_path: Path
) -> None:
    opened(browser, place.server)
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\xff\xfe")
    browser.drop(tmp_path / "picture.png")
    browser.until(f"{TEXT}.includes('picture.png is not text in UTF-8')")
    browser.drop(written(tmp_path, flow(*(f"task {number}" for number in range(9000)), tags=None)))
    browser.until(f"{TEXT}.includes('too long to be edited here')")
    browser.until(f"{FINDINGS}.includes('9,000 warnings')")
    assert browser.run("document.querySelectorAll('.diagnostics > li').length") == 101
    assert "and 8,900 more" in browser.run(FINDINGS)


# -- running and watching ----------------------------------------------------------------------------------------------


def test_a_dropped_file_is_run_watched_live_and_its_report_opened(
    browser: Browser, place: Place, tmp_path: Path
) -> None:
    opened(browser, place.server)
    file = flow("quick", "held", "busy", "bad")
    file["tasks"][3] |= {"retry_count": 0}
    file["tasks"].append({"id": "after", "description": "do it", "dependencies": ["bad"]})
    file["tasks"][2] |= {"timeout_seconds": 65, "retry_count": 1}
    browser.drop(written(tmp_path, file))
    browser.until(f"{FINDINGS}.includes('This file can be run')")
    browser.click("Run")
    browser.until(f"{VERDICT} === 'running'")
    browser.until("document.querySelector('.task-list .running .name')?.textContent === 'held'")
    browser.until("document.querySelector('.task-list .waiting .name')?.textContent === 'busy'")
    waits = "document.querySelector('.task-list .waiting').innerText"
    browser.until(f"/attempt 2 in 5\\d\\.\\d s, after AI_RATE_LIMITED/.test({waits})")  # the service said 60 s
    browser.until(f"{TEXT}.includes('no such <b>model</b>')")
    browser.until("document.querySelector('[role=progressbar]').getAttribute('aria-valuetext') === '3 of 5'")
    legend = browser.run("document.querySelector('.legend').innerText.replace(/\\s+/g, ' ')")
    assert legend == "1 completed 1 failed 1 skipped 1 running 1 waiting"
    assert browser.run("document.title") == "60 % · A run to watch"
    before = browser.run("document.querySelector('#run .meta').textContent")
    browser.until(f"document.querySelector('#run .meta').textContent !== {json.dumps(before)}")
    run_id = browser.run("decodeURIComponent(location.hash.slice(5))")
    assert browser.run("document.querySelector('a.main-button').hidden")
    place.gate.open()
    browser.until("document.querySelector('.task-list .running') === null")
    browser.click("Cancel")
    browser.click("Cancel the run")
    browser.until(f"{VERDICT} === 'cancelled'")
    assert "the run could not end" not in browser.run(TEXT)
    browser.until("document.querySelector('a.main-button')?.hidden === false")
    assert browser.seen() == NO_FAULT
    browser.driver.get(browser.run("document.querySelector('a.main-button').href"))
    browser.until("document.documentElement.dataset.ready !== undefined")
    assert "A run to watch" in browser.run("document.querySelector('h1').textContent")
    assert run_id in browser.run("document.body.innerText")
    assert browser.seen() == NO_FAULT


def test_the_report_opens_in_a_page_of_its_own(browser: Browser, place: Place) -> None:
    run_id = place.server.start(flow("a", "b"))
    place.server.ended(run_id)
    shown(browser, place.server, run_id, "completed")
    before = browser.driver.current_window_handle
    browser.click("Open the report")
    until = time.monotonic() + 20
    while len(browser.driver.window_handles) < 2:
        assert time.monotonic() < until
        time.sleep(0.02)
    browser.driver.switch_to.window(browser.driver.window_handles[-1])
    try:
        browser.until("document.documentElement.dataset.ready !== undefined")
        assert "All 2 tasks completed" in browser.run("document.body.innerText")
        assert browser.run("window.opener") is None
    finally:
        browser.driver.close()
        browser.driver.switch_to.window(before)


def test_an_answer_is_shown_while_it_is_written(browser: Browser, place: Place) -> None:
    opened(browser, place.server)
    browser.driver.find_element("css selector", "textarea").send_keys(json.dumps(flow("told")))
    browser.run("(() => { document.querySelector('.options').open = true; })()")
    browser.driver.find_element("name", "stream").click()
    browser.click("Run")
    browser.until("document.querySelector('.told')?.textContent === 'Once upon <b>a</b> '")  # whole words
    place.gate.open()
    browser.until(f"{VERDICT} === 'completed'")


def test_options_go_with_the_run_and_one_that_does_not_fit_is_not_sent(browser: Browser, place: Place) -> None:
    opened(browser, place.server)
    browser.driver.find_element("css selector", "textarea").send_keys(json.dumps(flow("a")))
    browser.run("(() => { document.querySelector('.options').open = true; })()")
    browser.driver.find_element("name", "model").send_keys("large")
    browser.driver.find_element("name", "max_tokens").send_keys("77")
    browser.driver.find_element("name", "temperature").send_keys("3")
    browser.click("Run")
    assert browser.run("document.querySelector(':invalid').name") == "temperature"
    assert browser.run("location.hash") == ""
    browser.driver.find_element("name", "temperature").clear()
    browser.driver.find_element("name", "temperature").send_keys("0")
    browser.click("Run")
    browser.until(f"{VERDICT} === 'completed'")
    sent = place.ai.requests[-1]
    assert (sent["model"], sent["max_tokens"], sent["temperature"], sent["stream"]) == ("large", 77, 0, False)


def test_runs_are_listed_live_the_newest_first(browser: Browser, place: Place) -> None:
    first = place.server.start(flow("quick", title="The first"))
    place.server.ended(first)
    opened(browser, place.server)
    row = "document.querySelector('.runs li').innerText"
    browser.until(f"{row}.includes('The first') && {row}.includes('completed') && {row}.includes('1 of 1 task')")
    place.server.start(flow("quick", "held", title="The second"))
    browser.until(f"{row}.includes('The second') && {row}.includes('running') && {row}.includes('1 of 2 tasks')")
    browser.until("document.title.endsWith('running · altlas-runner')")
    place.gate.open()
    browser.until(f"{row}.includes('completed') && {row}.includes('2 of 2 tasks')")


def test_older_runs_are_on_further_pages(browser: Browser, place: Place) -> None:
    for number in range(53):
        place.server.start(flow("quick", title=f"Run {number}"))
    opened(browser, place.server)
    titles = "[...document.querySelectorAll('.runs .name')].map((name) => name.textContent)"
    assert browser.run(titles) == [f"Run {number}" for number in range(52, 2, -1)]
    browser.click("Older runs")
    browser.until(f"{titles}.slice(0, 3).join() === 'Run 2,Run 1,Run 0'")
    browser.click("Newer runs")
    browser.until(f"{titles}.length === 50 && {titles}[0] === 'Run 52'")


def test_a_page_of_runs_that_began_behind_one_that_is_gone_becomes_the_first_one(
    browser: Browser, tmp_path: Path
) -> None:
    with LoopbackService() as service:
        with running_server(tmp_path / "output", service.url) as server:
            runs = [server.start(flow("a", title=f"Run {number}")) for number in range(51)]
            for run_id in runs:
                server.ended(run_id)
        with running_server(tmp_path / "output", service.url) as server:
            opened(browser, server)
            browser.click("Older runs")
            browser.until("document.querySelectorAll('.runs .name').length === 1")
            shutil.rmtree(tmp_path / "output" / runs[1])
            browser.run("void document.dispatchEvent(new Event('visibilitychange'))")  # it need not wait to ask again
            browser.until("document.querySelectorAll('.runs .name').length === 50")


def test_a_run_that_was_watched_by_nobody_shows_what_its_tasks_did(browser: Browser, place: Place) -> None:
    file = flow("quick", "bad")
    run_id = place.server.start(file)
    place.server.ended(run_id)
    shown(browser, place.server, run_id, "partly completed")
    browser.until(f"{TEXT}.includes('What went wrong') && {TEXT}.includes('no such <b>model</b>')")
    shown_tasks = browser.run("[...document.querySelectorAll('[aria-label^=Ended] .name')].map((n) => n.textContent)")
    assert sorted(shown_tasks) == ["bad", "quick"]


# -- without a mouse, without eyes, on a phone -------------------------------------------------------------------------


def test_keys_alone_are_enough(browser: Browser, place: Place) -> None:
    opened(browser, place.server)
    reached = []
    for _ in range(12):
        browser.press(TAB)
        reached.append(browser.run(f"document.activeElement.id || {FOCUS}.trim()"))
        if reached[-1] == "text":
            break
    assert reached == [
        "Skip to the content",
        "altlas-runner",
        "Theme: auto",
        "Choose a file",
        "Example",
        "Clear",
        "text",
    ]
    browser.press(json.dumps(flow("held", title="By keys")))
    browser.press(ENTER, holding=CONTROL)
    browser.until(f"{VERDICT} === 'running'")
    assert browser.run(FOCUS) == "By keys", "the focus is at the title of the run"
    browser.press(TAB, holding=SHIFT)
    assert browser.run(FOCUS) == "Cancel"
    browser.press(ENTER)
    browser.until("document.querySelector('#sure').open")
    assert browser.run(FOCUS) == "Let it go on", "what cannot be undone is not the first choice"
    browser.press(ESCAPE)
    browser.until("!document.querySelector('#sure').open")
    assert browser.run(FOCUS) == "Cancel"
    browser.press(TAB, holding=SHIFT)
    assert browser.run(FOCUS) == "← All runs"
    browser.press(ENTER)
    browser.until("!document.querySelector('#home').hidden")
    browser.until("document.activeElement.innerText?.startsWith('By keys')")  # the focus is at the run that was left
    browser.press(ENTER)
    browser.until(f"{VERDICT} === 'running'")


def test_what_happens_is_told_to_screen_readers(browser: Browser, place: Place, tmp_path: Path) -> None:
    news = "document.querySelector('[role=status]').textContent"
    opened(browser, place.server)
    browser.drop(written(tmp_path, MISSPELLED))
    browser.until(f"{news} === 'This file cannot be run as it is. 1 error, 1 warning'")
    run_id = place.server.start(flow("held", title="To hear"))
    shown(browser, place.server, run_id, "running")
    place.gate.open()
    browser.until(f"{news} === 'To hear: completed'")


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (1440, True), (390, False)])
def test_axe_finds_nothing_serious(browser: Browser, place: Place, tmp_path: Path, width: int, dark: bool) -> None:
    browser.look(width, dark=dark)
    opened(browser, place.server)
    browser.run("(() => { document.querySelector('.options').open = true; })()")
    browser.drop(written(tmp_path, MISSPELLED))
    browser.until("document.querySelector('.diagnostics')")
    assert browser.serious_faults() == []
    run_id = place.server.start(flow("quick", "held", "busy", "bad", title="To look at"))
    shown(browser, place.server, run_id, "running")
    browser.until("document.querySelector('.task-list .waiting') && document.querySelector('.task-list .failed')")
    assert browser.serious_faults() == []
    browser.click("Cancel")
    browser.until("document.querySelector('#sure').open")
    assert browser.serious_faults() == []
    browser.click("Cancel the run")
    browser.until("document.querySelector('a.main-button')?.hidden === false")
    assert browser.serious_faults() == []


@pytest.mark.parametrize("width", [390, 320])
def test_nothing_makes_a_phone_scroll_to_the_side(browser: Browser, place: Place, tmp_path: Path, width: int) -> None:
    browser.look(width, 844)
    names = ["unbreakable_" * 16, "שלום עולם " * 12, "漢字" * 60, "bad"]
    too_wide = "document.documentElement.scrollWidth - innerWidth"
    opened(browser, place.server)
    browser.drop(written(tmp_path, flow(*names, "held", title="x" * 400, wrong_field=1)))
    browser.until("document.querySelector('.diagnostics')")
    assert browser.run(too_wide) <= 0
    browser.click("Run")
    browser.until("document.querySelector('.task-list .failed') && document.querySelector('.task-list .running')")
    assert browser.run(too_wide) <= 0
    place.gate.open()
    browser.until("document.querySelector('a.main-button')?.hidden === false")
    assert browser.run(too_wide) <= 0
    browser.click("← All runs")
    browser.until("document.querySelector('.runs li')")
    assert browser.run(too_wide) <= 0


# -- strangers ---------------------------------------------------------------------------------------------------------


def test_no_text_of_a_stranger_runs_loads_or_becomes_markup(browser: Browser, tmp_path: Path) -> None:
    def refused(body: Any) -> web.StreamResponse:
        return web.json_response({"error": body["description"]}, status=404)

    tasks = [{"id": f"{text} ({number})", "description": text} for number, text in enumerate(HOSTILE) if text.strip()]
    answers = {task["id"]: refused for task in tasks}
    with LoopbackService(answers) as service, running_server(tmp_path / "output", service.url) as server:
        opened(browser, server)
        for text in HOSTILE[::2]:
            server.start(flow("a", title=text))
        title = " ".join(HOSTILE)
        file = {"id": "f", "title": title, "tasks": [*tasks, {"id": title, "description": "d", title: 1}]}
        browser.drop(written(tmp_path, file, "<img src=x onerror=alert(1)>.json"))
        browser.until("document.querySelector('.diagnostics')")
        browser.click("Run")
        browser.until("document.querySelector('a.main-button')?.hidden === false")
        browser.until("document.querySelectorAll('#run .task-list > li').length > 50")
        browser.click("← All runs")
        browser.until("document.querySelectorAll('.runs li').length > 40")
        assert browser.run("document.querySelectorAll('main :is(script, iframe, object, embed, img, b b)').length") == 0
        assert browser.seen() == NO_FAULT
        assert {
            url for url in browser.requests() if not url.startswith((server.url + "/", "data:,", "about:"))
        } == set()


def test_an_address_that_names_no_run_says_so(browser: Browser, place: Place) -> None:
    for address in ("run=last_nobody", "run=%E0%A4%A", "run=../../x", "run=<b>"):
        opened(browser, place.server, address)
        browser.until(f"/There is no such run|It cannot be shown/.test({VERDICT})")
        assert browser.seen() == NO_FAULT


# -- the service says no -----------------------------------------------------------------------------------------------


def test_a_token_is_asked_for_kept_for_the_visit_and_shown_nowhere(browser: Browser, tmp_path: Path) -> None:
    with LoopbackService() as service, running_server(tmp_path / "output", service.url, token=TOKEN) as server:
        run_id = server.start(flow("a", title="Behind a token"))
        server.ended(run_id)
        browser.open(server.url + "/", wait=False)
        browser.until("document.querySelector('#token').open")
        assert browser.serious_faults() == []
        browser.press(ESCAPE)
        browser.until(f"{TEXT}.includes('The service asks for a token.')")
        browser.click("Give a token")
        browser.until("document.querySelector('#token').open")
        browser.press("a-wrong-token-of-somebody", ENTER)
        browser.until("document.querySelector('#token').open && !document.querySelector('#token .refused').hidden")
        browser.press(TOKEN, ENTER)
        browser.until("document.querySelector('.runs .name')?.textContent === 'Behind a token'")
        assert browser.run("document.querySelector('#trouble').hidden")
        browser.driver.refresh()
        browser.until("document.querySelector('.runs .name')?.textContent === 'Behind a token'")
        browser.driver.find_element("css selector", "textarea").send_keys(json.dumps(flow("b", title="With a token")))
        browser.click("Run")
        browser.until(f"{VERDICT} === 'completed'")
        browser.until("document.querySelector('.task-list .completed .name')?.textContent === 'b'")  # from its events
        report = browser.run("document.querySelector('a.main-button').href")
        assert TOKEN not in browser.run("JSON.stringify({...localStorage}) + document.cookie + document.body.innerHTML")
        browser.driver.get(report)
        browser.until("document.documentElement.dataset.ready !== undefined")
        assert not any(TOKEN in url for url in browser.requests())
        browser.driver.get(server.url + "/")
        browser.run("sessionStorage.clear()")


def test_a_full_service_is_told_and_asked_again(browser: Browser, tmp_path: Path) -> None:
    gate = Gate()
    limits = ("--max-running", "1", "--max-queued", "0")
    with (
        LoopbackService({"held": gate.answer}) as service,
        running_server(tmp_path / "output", service.url, *limits) as server,
    ):
        first = server.start(flow("held"))
        opened(browser, server)
        browser.driver.find_element("css selector", "textarea").send_keys(json.dumps(flow("a", title="Later")))
        browser.click("Run")
        browser.until(f"{FINDINGS}.includes('The service has no room for another run now')")
        assert "It asks to come back in 5 seconds." in browser.run(FINDINGS)
        gate.open()
        server.ended(first)
        browser.click("Try again")
        browser.until(f"{VERDICT} === 'completed'")


def test_a_queued_run_says_that_it_waits(browser: Browser, tmp_path: Path) -> None:
    gate = Gate()
    with (
        LoopbackService({"held": gate.answer}) as service,
        running_server(tmp_path / "output", service.url, "--max-running", "1") as server,
    ):
        server.start(flow("held"))
        shown(browser, server, server.start(flow("a")), "queued")
        assert "It starts as soon as there is room beside the other runs." in browser.run(TEXT)
        gate.open()
        browser.until(f"{VERDICT} === 'completed'")


def test_a_service_that_is_gone_is_told_and_found_again(browser: Browser, tmp_path: Path) -> None:
    with LoopbackService() as service:
        with running_server(tmp_path / "output", service.url) as server:
            opened(browser, server)
            port = server.url.rsplit(":", 1)[1]
        browser.driver.find_element("css selector", "textarea").send_keys("{}")
        browser.click("Run")
        browser.until(f"{TEXT}.includes('The service does not answer.')")
        assert browser.run("location.hash") == ""
        with running_server(tmp_path / "output", service.url, "--port", port):
            browser.run("document.querySelector('#trouble button')?.click()")  # or it was found again by itself
            browser.until("document.querySelector('#trouble').hidden")
        assert browser.seen() == NO_FAULT


def test_a_broken_connection_goes_on_where_it_broke(browser: Browser, place: Place) -> None:
    run_id = place.server.start(flow("quick", "held", "more", title="Broken off"))
    shown(browser, place.server, run_id, "running")
    browser.until("document.querySelectorAll('[aria-label^=Ended] li').length === 2")
    offline = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    browser.command("Network.emulateNetworkConditions", offline=True, **offline)
    try:
        browser.until(f"{TEXT}.includes('The service does not answer.')")
        place.gate.open()
        place.server.ended(run_id)
    finally:
        browser.command("Network.emulateNetworkConditions", offline=False, **offline)
    browser.until(f"{VERDICT} === 'completed'")
    browser.until("document.querySelectorAll('[aria-label^=Ended] li').length === 3")
    assert browser.run("document.querySelector('#trouble').hidden")


def test_events_that_come_after_the_run_has_ended_are_told_once(browser: Browser, place: Place) -> None:
    opened(browser, place.server)
    browser.run(
        "void (window.late = new Promise((done) => (window.release = done)), window.plain = window.fetch,"
        " window.fetch = async (path, how) =>"
        " (await (String(path).endsWith('/events') && window.late), window.plain(path, how)))"
    )
    run_id = place.server.start(flow("held", title="Late"))
    browser.run(f"void (location.hash = 'run={run_id}')")
    browser.until(f"{VERDICT} === 'running'")
    place.gate.open()
    browser.until(f"{VERDICT} === 'completed'")
    browser.run("window.release()")
    ends = "document.querySelectorAll('[aria-label^=Ended] li').length"
    browser.until(f"{ends} > 0")
    assert browser.run(ends) == 1


def test_it_works_below_a_path_of_another_application(browser: Browser, tmp_path: Path) -> None:
    with LoopbackService() as service, embedded("/tools/runner/", service.url, tmp_path) as url:
        browser.open(url)
        browser.driver.find_element("css selector", "textarea").send_keys(json.dumps(flow("a", title="Embedded")))
        browser.click("Run")
        browser.until(f"{VERDICT} === 'completed'")
        browser.driver.get(browser.run("document.querySelector('a.main-button').href"))
        browser.until("document.documentElement.dataset.ready !== undefined")
        assert browser.driver.current_url.startswith(f"{url}runs/last_")


@contextmanager
def embedded(prefix: str, service_url: str, output_dir: Path) -> Iterator[str]:
    """The service inside another application, in a thread; the URL of its page."""
    listening: Future[str] = Future()
    stop = asyncio.Event()

    async def main() -> None:
        app = web.Application()
        config = RunnerConfig(ai_service_url=service_url, output_dir=output_dir, generate_graphs=False)
        app.add_subapp(prefix, make_app(config))
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        listening.set_result(f"http://127.0.0.1:{runner.addresses[0][1]}{prefix}")
        await stop.wait()
        await runner.cleanup()

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_until_complete, args=[main()], daemon=True)
    thread.start()
    try:
        yield listening.result(30)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)
        loop.close()


def test_light_and_dark_follow_the_system_and_the_readers_choice(browser: Browser, place: Place) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    opened(browser, place.server)
    light = browser.run(ground)
    browser.look(dark=True)
    dark = browser.run(ground)
    assert light != dark
    browser.click("Theme: auto")
    assert browser.run(ground) == light
    browser.driver.refresh()
    browser.until("document.documentElement.dataset.ready !== undefined")
    assert browser.run(ground) == light, "it is remembered"
    browser.click("Theme: light")
    browser.click("Theme: dark")
    assert browser.run(ground) == dark

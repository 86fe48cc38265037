"""What the report costs to write, and how soon a browser shows it.

`python -m benchmarks.report 100000 PLACE` writes one report in a process of its own and prints what it took.
"""

import gc
import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.browser import Browser
from tests.last_file.large_runs import run_of

from altlas_runner.last_file import LastFile, render_report
from benchmarks.measure import Row, in_child

ROUNDS = 5


def run() -> list[Row]:
    table: list[Row] = []
    browser = Browser()
    try:
        browser.look()
        with tempfile.TemporaryDirectory() as folder:
            for count, bounds in (
                (1_000, {"size": (1.0, "MB"), "ready": (0.5, "s")}),
                (
                    100_000,
                    {
                        "written": (8.0, "s CPU"),
                        "memory": (600.0, "MB"),
                        "size": (20.0, "MB"),
                        "ready": (2.0, "s"),
                        "search": (50.0, "ms"),
                        "elements": (1500.0, ""),
                    },
                ),
            ):
                place = Path(folder) / f"{count}.html"
                found = in_child("benchmarks.report", str(count), str(place)) | _shown(browser, place)
                for name, (bound, unit) in bounds.items():
                    ratio = found[name] / bound
                    table.append(
                        Row(
                            f"report of {count:,} tasks", name, found[name], None, f"{bound:g} {unit}", ratio, 1.0, unit
                        )
                    )
    finally:
        browser.close()
    return table


def _shown(browser: Browser, place: Path) -> dict[str, float]:
    """The best of some rounds: when the page was ready, and the slowest of ten searches."""
    ready, search = [], []
    for _ in range(ROUNDS):
        browser.open(place)
        ready.append(float(browser.run("performance.getEntriesByName('report-ready')[0].startTime")) / 1000)
        for text in ("embed-1", "review-99", "apac", "nothing at all", "7 eu", "ai_", "9", "summarise-4", "tr", "us"):
            browser.run(
                "(() => { const s = document.querySelector('input[type=search]'); s.value = given[0];"
                " s.dispatchEvent(new Event('input')); })()",
                text,
            )
        search.append(browser.run("Math.max(...performance.getEntriesByName('report-choice').map((e) => e.duration))"))
    return {
        "ready": min(ready),
        "search": min(search),
        "elements": browser.run("document.querySelectorAll('*').length"),
    }


def _written(count: int, place: Path) -> dict[str, float]:
    """CPU seconds and memory for writing one report of results that are read from their file."""
    content = run_of(count, failing=0.001, after=0.97, slots=64).to_json()
    last_file = LastFile.from_json(content)
    del content
    gc.collect()
    before = _resident()
    watch = _Watch()
    began = time.process_time()
    page = render_report(last_file).encode()
    spent = time.process_time() - began
    most = watch.stop() - before
    place.write_bytes(page)
    return {"written": spent, "memory": most / 1e6, "size": len(page) / 1e6}


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


class _Watch:
    """The most memory that is resident from now on, looked at a hundred times a second."""

    def __init__(self) -> None:
        import threading

        self._most, self._done = _resident(), threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._done.wait(0.01):
            self._most = max(self._most, _resident())

    def stop(self) -> int:
        self._done.set()
        self._thread.join()
        return max(self._most, _resident())


if __name__ == "__main__":
    found: dict[str, Any] = _written(int(sys.argv[1]), Path(sys.argv[2]))
    print(json.dumps(found))

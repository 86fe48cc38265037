"""A real browser for tests: headless Chromium behind chromedriver, one for the whole session.

Every page gets a recorder of what must not happen: scripts that were injected (`ran`), and violations of the page's own
policy. What leaves the browser is read from its network log.
"""

from __future__ import annotations

import base64
import json
import shutil
import tempfile
from importlib.resources import files
from pathlib import Path
from typing import Any

from selenium.webdriver import ActionChains, Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

__all__ = ["Browser"]

_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--disable-ipc-flooding-protection",  # tests open more places of a page in a second than a reader could
)

_RECORDER = """
window.seen = {ran: [], violations: [], errors: []};
for (const name of ["alert", "confirm", "prompt"]) window[name] = (text) => void window.seen.ran.push(String(text));
addEventListener("securitypolicyviolation", (e) =>
  window.seen.violations.push(`${e.violatedDirective} ${e.blockedURI}`));
addEventListener("error", (e) => window.seen.errors.push(String(e.message)));
addEventListener("unhandledrejection", (e) => window.seen.errors.push(String(e.reason)));
"""


class Browser:
    """One Chromium. Pages are opened from disk or from a service, as readers open them."""

    def __init__(self) -> None:
        self._profile = tempfile.mkdtemp(prefix="altlas-browser-")
        options = ChromeOptions()
        options.binary_location = str(shutil.which("chromium"))
        for flag in (*_FLAGS, f"--user-data-dir={self._profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
        self.driver = Chrome(options=options, service=Service(executable_path=shutil.which("chromedriver")))
        self.command("Page.addScriptToEvaluateOnNewDocument", source=_RECORDER)

    def close(self) -> None:
        self.driver.quit()
        shutil.rmtree(self._profile, ignore_errors=True)

    def command(self, name: str, **parameters: Any) -> Any:
        """A command of the DevTools protocol."""
        return self.driver.execute_cdp_cmd(name, parameters)

    def look(self, width: int = 1440, height: int = 900, *, dark: bool = False, scripts: bool = True) -> None:
        """How the next pages are seen."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.command("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        self.command("Emulation.setEmulatedMedia", features=[scheme, still])
        self.command("Emulation.setScriptExecutionDisabled", value=not scripts)

    def open(self, page: Path | str, address: str = "", *, wait: bool = True) -> None:
        """Open a page from disk or by its URL, at a place behind `#`, and wait until its scripts have made it ready."""
        self.driver.get("about:blank")
        self.requests()
        self.driver.get((page if isinstance(page, str) else page.as_uri()) + (f"#{address}" if address else ""))
        if wait:
            self.until("document.documentElement.dataset.ready !== undefined")

    def run(self, expression: str, *arguments: Any) -> Any:
        """The value of a JavaScript expression in the page, which may use `given`; a promise is awaited."""
        script = (
            "const given = [...arguments], done = given.pop();"
            f"(async () => ({expression}))().then((value) => done([value]), (error) => done(String(error)));"
        )
        found = self.driver.execute_async_script(script, *arguments)
        assert isinstance(found, list), found
        return found[0]

    def until(self, expression: str, seconds: float = 30) -> None:
        """Wait until a JavaScript expression is true."""
        script = (
            "const [limit, done] = arguments; const end = performance.now() + limit;"
            f"const look = () => ({expression}) ? done(true)"
            " : performance.now() > end ? done(false) : setTimeout(look, 10);"
            "look();"
        )
        self.driver.set_script_timeout(seconds + 10)
        assert self.driver.execute_async_script(script, 1000 * seconds), f"not within {seconds} s: {expression}"

    def press(self, *keys: str, holding: str | None = None) -> None:
        """Press keys as a reader does, wherever the focus is, perhaps while another one is held."""
        for key in keys:
            chain = ActionChains(self.driver)
            (
                chain.send_keys(key) if holding is None else chain.key_down(holding).send_keys(key).key_up(holding)
            ).perform()

    def drop(self, *files: Path) -> None:
        """Drop files on the page, as from a file manager."""
        place = {"x": 160, "y": 300, "data": {"items": [], "files": [str(f) for f in files], "dragOperationsMask": 1}}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.command("Input.dispatchDragEvent", type=kind, **place)

    def click(self, label: str) -> None:
        """Click on the button or link with this label."""
        self.driver.find_element("xpath", f"//*[self::button or self::a][normalize-space()='{label}']").click()

    def serious_faults(self) -> list[Any]:
        """What axe-core finds on the page that keeps people from using it."""
        axe = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
        self.command("Runtime.evaluate", expression=axe)
        found: list[Any] = self.run(
            "axe.run(document, {resultTypes: ['violations']}).then((r) => r.violations.map((v) =>"
            " [v.impact, v.id, v.nodes.map((n) => n.html + ' ' + n.failureSummary)]))"
        )
        return [entry for entry in found if entry[0] in ("serious", "critical")]

    def seen(self) -> dict[str, list[str]]:
        """What the recorder of the page has noticed."""
        found: dict[str, list[str]] = self.run("window.seen")
        return found

    def requests(self) -> list[str]:
        """The addresses that were asked for since the last call, data and blob addresses among them."""
        found = []
        for entry in self.driver.get_log("performance"):  # type: ignore[no-untyped-call]
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                found.append(message["params"]["request"]["url"])
        return found

    def shoot(self, to: Path, *, whole: bool = True) -> None:
        """A screenshot, of the whole page or of what is seen."""
        made = self.command("Page.captureScreenshot", captureBeyondViewport=whole, format="png")
        to.write_bytes(base64.b64decode(made["data"]))
